"""Importing a room: everything of an archive is checked first, then the room is there whole, in one commit, or not at all."""

import asyncio
import secrets
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

from multiplayer.auth.handles import check_handle
from multiplayer.blobs.port import Blobs, BlobsFault
from multiplayer.live.audit import Origin
from multiplayer.live.clock import Clock
from multiplayer.live.contents import Contents
from multiplayer.live.lobby import Lobby
from multiplayer.live.room_archive_format import ACCOUNTS, ArchivedAccount, ArchiveLimits, Progress, bad
from multiplayer.live.room_archive_ids import IdMap, is_ulid, remapped
from multiplayer.live.room_archive_reading import Archive, open_archive
from multiplayer.live.room_import_log import NEVER_CAME, ArchivedLog, PostedFile, read_log, told_anew
from multiplayer.protocol.attachments import Attachment, AttachmentState
from multiplayer.protocol.codec import encode
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import AttachmentChanged, Event, RoomCreated, RoomRenamed
from multiplayer.protocol.ids import AccountId, AttachmentId, RoomId, TurnId
from multiplayer.protocol.members import AccountKind
from multiplayer.protocol.rooms import RoomKind
from multiplayer.protocol.turn_events import TurnEnded
from multiplayer.protocol.turns import TurnOutcome
from multiplayer.rooms.deciding import checked_name
from multiplayer.rooms.limits import RoomLimits
from multiplayer.storage.account_port import StoredAccount
from multiplayer.storage.attachment_port import NewUpload, Quotas
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.port import Append, NewEvent, OutcomeUnknown, Storage, StorageUnavailable
from multiplayer.tools.extraction.extraction import Extractor

_NO_QUOTAS: Final = Quotas(room_bytes=2**62, account_bytes=2**62, pending=2**31)
_KEPT_S: Final = 6 * 3600.0
"""Files of an import that died half way are swept after so long."""
Told = Callable[[Progress], None]


@dataclass(frozen=True)
class Newcomer:
    """Somebody in the archive, and who that is here. `is_new`: an account is made, disabled and without any secret."""

    handle: str
    here: str
    kind: AccountKind
    is_new: bool


@dataclass(frozen=True)
class Imported:
    """What was imported, or (`room_id` None) would have been."""

    room_id: RoomId | None
    name: str
    seq: int
    events: int
    messages: int
    attachments: int
    missing: int
    people: tuple[Newcomer, ...]
    keeps_ids: bool


class RoomImports:
    """For operators: whoever imports a room says who has said what in it."""

    def __init__(
        self,
        storage: Storage,
        blobs: Blobs,
        lobby: Lobby,
        clock: Clock,
        extractor: Extractor | None = None,
        limits: ArchiveLimits | None = None,
    ) -> None:
        self._storage = storage
        self._blobs = blobs
        self._lobby = lobby
        self._clock = clock
        self._extractor = extractor
        self._limits = limits or ArchiveLimits()

    async def import_room(
        self,
        path: Path,
        *,
        name: str | None = None,
        by: AccountId | None = None,
        origin: Origin,
        is_dry_run: bool = False,
        told: Told = lambda _: None,
    ) -> Imported:
        """Make a new room of an archive. Refuses MALFORMED by the name of the file that is wrong, before anything is made.

        Raises `StorageUnavailable` and `BlobsFault`; nothing of the room is there then.
        """
        name = None if name is None else checked_name(name, RoomLimits().name)
        with ExitStack() as stack:
            archive = await asyncio.to_thread(lambda: stack.enter_context(open_archive(path, self._limits)))
            await asyncio.to_thread(archive.verify, lambda done, of: told(Progress("bytes checked", done, of)))
            log = await asyncio.to_thread(read_log, archive)
            keeps_ids = await self._are_free(log)
            await self._lobby.ensure_built_ins()
            here: dict[AccountId, tuple[str, StoredAccount | None]] = {}
            for one in log.accounts.values():
                if one.handle:
                    here[one.id] = await self._account_of(one, {handle for handle, _ in here.values()})
            told_of = self._told_of(archive, log, here, name, keeps_ids=keeps_ids)
            if is_dry_run:
                return told_of
            accounts, handles = await self._accounts(log, here, by, origin)
            new_room = log.state.room.id if keeps_ids else RoomId(self._clock.new_id())
            shift = 0 if keeps_ids else secrets.randbits(80) | 1
            ids = IdMap((log.state.room.id, new_room), accounts, handles, {}, shift)
            return await self._make(archive, log, ids, told_of, name, by, origin, told)

    async def _are_free(self, log: ArchivedLog) -> bool:
        """Tell whether no id of the archive is used here, so that all may stay as they are."""
        room_id = log.state.room.id
        if not log.has_own_ids or not is_ulid(room_id):
            return False
        if await self._storage.seqs([room_id]) or await self._storage.deleted_rooms([room_id]):
            return False
        return not (log.files and await self._storage.uploads(list(log.files)))

    def _told_of(
        self,
        archive: Archive,
        log: ArchivedLog,
        here: Mapping[AccountId, tuple[str, StoredAccount | None]],
        name: str | None,
        *,
        keeps_ids: bool,
    ) -> Imported:
        missing = len(archive.metadata.missing)
        return Imported(
            room_id=None,
            name=name or log.state.room.name,
            seq=log.state.seq,
            events=len(log.events),
            messages=len(log.messages),
            attachments=len(log.ready) - missing,
            missing=missing,
            people=tuple(
                Newcomer(log.accounts[one].handle, handle, log.accounts[one].kind, found is None)
                for one, (handle, found) in here.items()
            ),
            keeps_ids=keeps_ids,
        )

    async def _account_of(self, archived: ArchivedAccount, taken: Collection[str]) -> tuple[str, StoredAccount | None]:
        """Return who this is here: the account of this handle and kind, else the handle that a new one gets."""
        handle = archived.handle.casefold()
        if not handle.isascii() or not handle.isprintable():
            raise bad(ACCOUNTS, "a handle is not one of this server")
        for number in range(1, 1_000):
            candidate = handle if number == 1 else f"{handle[:26]}-{number}"
            found = await self._storage.find_account_by_handle(candidate)
            if candidate not in taken and (found is None or found.kind is archived.kind):
                return (candidate, found) if found is not None else (check_handle(candidate), None)
        raise bad(ACCOUNTS, "no handle is free for one of them")

    async def _accounts(
        self,
        log: ArchivedLog,
        here: Mapping[AccountId, tuple[str, StoredAccount | None]],
        by: AccountId | None,
        origin: Origin,
    ) -> tuple[dict[AccountId, AccountId], dict[AccountId, str]]:
        """Return who everybody is here, and the handles of those; make the accounts that are not there."""
        accounts: dict[AccountId, AccountId] = {}
        handles: dict[AccountId, str] = {}
        for old, archived in log.accounts.items():
            if old not in here:
                # Nobody knew any more who that was: an id of nobody, whoever may have the old one here.
                accounts[old] = AccountId(self._clock.new_id())
                continue
            handle, found = here[old]
            if found is not None:
                accounts[old], handles[found.id] = found.id, found.handle
                continue
            account = await self._lobby.create_account(
                handle, display_name=archived.display_name, kind=archived.kind, by=by, origin=origin
            )
            entry = self._entry(by, origin, "account_disabled", account.id, "imported")
            await self._storage.disable_account(account.id, disabled=True, audit=entry)
            accounts[old], handles[account.id] = account.id, account.handle
        return accounts, handles

    async def _make(
        self,
        archive: Archive,
        log: ArchivedLog,
        ids: IdMap,
        told_of: Imported,
        name: str | None,
        by: AccountId | None,
        origin: Origin,
        told: Told,
    ) -> Imported:
        begun: list[AttachmentId] = []
        try:
            found = await self._files(archive, log, ids, begun, told)
            ids = IdMap(ids.room, ids.accounts, ids.handles, found, ids.shift)
            told(Progress("events", 0, len(log.events)))
            events = await asyncio.to_thread(_events_of, log, ids)
            events += self._afterwards(log, ids, found, name, len(events))
            lines = await asyncio.to_thread(lambda: tuple(NewEvent(event, encode(event)) for event in events))
            entry = self._entry(by, origin, "room_imported", ids.room[1], f"{len(log.events)} events")
            await self._put(Append(ids.room[1], 0, lines, (entry,)), log)
        except BaseException:
            # With the database away, they are swept later.
            with suppress(StorageUnavailable, OutcomeUnknown):
                for attachment_id in begun:
                    await self._storage.drop_upload(attachment_id)
            raise
        told(Progress("events", len(events), len(events)))
        return Imported(**{**vars(told_of), "room_id": ids.room[1], "seq": len(events)})

    async def _put(self, append: Append, log: ArchivedLog) -> None:
        """Store the room by one commit: nobody sees a part of it, and no pod takes up a turn that has ended long ago."""
        first = append.events[0].event
        assert isinstance(first, RoomCreated), "it was checked"
        direct_key = None
        if first.kind is RoomKind.DIRECT:
            members = sorted(member.account_id for member in first.members)
            direct_key = sha256("\n".join(members).encode()).hexdigest()
        try:
            there = await self._storage.create_room(append, direct_key=direct_key)
            if there != append.room_id:
                # These people have a direct room here; this one stands beside it, and is not the one that is found.
                there = await self._storage.create_room(append, direct_key=None)
        except OutcomeUnknown:
            if (await self._storage.seqs([append.room_id])).get(append.room_id) != len(append.events):
                raise
            return
        if (await self._storage.seqs([there])).get(append.room_id) != len(append.events):
            raise Refused(RefusalCode.CONFLICT, f"a room {log.state.room.id} was made at this moment: try again")

    async def _files(
        self, archive: Archive, log: ArchivedLog, ids: IdMap, begun: list[AttachmentId], told: Told
    ) -> dict[AttachmentId, Attachment]:
        """Bring the bytes of files, ready for their messages; return what was found out about them."""
        paths = {one.id: one.path for one in archive.metadata.attachments if one.path is not None}
        found: dict[AttachmentId, Attachment] = {}
        with tempfile.TemporaryDirectory(prefix="multiplayer-import-") as folder:
            contents = Contents(self._storage, self._blobs, self._extractor, self._clock, Path(folder))
            for number, (old, file) in enumerate(log.files.items(), 1):
                new = AttachmentId(ids.event_id(old))
                await self._begin(new, file, ids)
                begun.append(new)
                if old in paths:
                    found[new] = await self._bring(archive, paths[old], new, contents)
                elif file.last is not None and file.last.state is AttachmentState.FAILED:
                    await self._storage.fail_upload(new, file.last.reason)
                elif file.last is not None and file.last.state is AttachmentState.PENDING:
                    await self._storage.fail_upload(new, NEVER_CAME)
                told(Progress("files", number, len(log.files)))
        return found

    async def _begin(self, new: AttachmentId, file: PostedFile, ids: IdMap) -> None:
        last = file.last or file.attachment
        now = self._clock.now()
        upload = NewUpload(
            id=new,
            room_id=ids.room[1],
            uploader_id=ids.accounts[file.posted.actor_id],
            name=last.name,
            size=last.size,
            sha256=None,
            part_bytes=max(1, last.size),
            at=file.posted.at,
            until=now + timedelta(seconds=_KEPT_S),
        )
        hit = await self._storage.begin_upload(upload, _NO_QUOTAS)
        assert hit is None, "no quota is that large"

    async def _bring(self, archive: Archive, path: str, new: AttachmentId, contents: Contents) -> Attachment:
        said = archive.metadata.file(path)
        upload = (await self._storage.uploads([new]))[new]
        if said.size != upload.attachment.size:
            raise bad(path, f"it has {said.size} bytes, and not {upload.attachment.size} as the log says")
        known = await self._storage.content(said.sha256)
        if known is not None and known.size == said.size and await contents.hold(known):
            await self._storage.finish_upload(new, known)
        else:
            await contents.put(_aside(archive.pieces(path)), upload, said.sha256)
        ready = (await self._storage.uploads([new]))[new].attachment
        if ready.state is not AttachmentState.READY:
            raise BlobsFault(f"{path} could not be kept: try again")
        return ready

    def _afterwards(
        self, log: ArchivedLog, ids: IdMap, found: Mapping[AttachmentId, Attachment], name: str | None, seq: int
    ) -> list[Event]:
        """Return what has to happen in a room that begins again elsewhere: nothing runs, and nothing is awaited."""
        events: list[Event] = []

        def head(actor_id: AccountId) -> dict[str, object]:
            return {
                "room_id": ids.room[1],
                "seq": seq + len(events) + 1,
                "id": self._clock.new_id(),
                "at": self._clock.now(),
                "actor_id": ids.accounts[actor_id],
            }

        for turn in log.state.turns.values():
            events.append(  # noqa: PERF401 - each is numbered by those before it
                TurnEnded.model_validate(
                    {
                        **head(turn.ai_id),
                        "turn_id": TurnId(ids.event_id(turn.turn_id)),
                        "ai_id": ids.accounts[turn.ai_id],
                        "outcome": TurnOutcome.INTERRUPTED,
                        "reason": "the room was exported while this turn ran",
                    }
                )
            )
        for old, file in log.files.items():
            new = AttachmentId(ids.event_id(old))
            told = told_anew(file.last, is_there=new in found)
            if told is not None:
                changed = {"message_id": ids.event_id(file.posted.message.id), "attachment": remapped(told, ids)}
                events.append(AttachmentChanged.model_validate({**head(file.posted.actor_id), **changed}))
        if name is not None and name != log.state.room.name:
            owners = log.state.owners()
            actor_id = owners[0].account_id if owners else log.events[0].actor_id
            events.append(RoomRenamed.model_validate({**head(actor_id), "name": name}))
        return events

    def _entry(self, by: AccountId | None, origin: Origin, action: str, subject: str, after: str) -> AuditEntry:
        return AuditEntry(at=self._clock.now(), actor_id=by, origin=origin, action=action, subject=subject, after=after)


def _events_of(log: ArchivedLog, ids: IdMap) -> list[Event]:
    return [remapped(event, ids) for event in log.events]


async def _aside(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(next, pieces, b""):
        yield piece
