"""Exporting a room: its log as stored, its messages as they stand, its files' bytes, and a transcript to read."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import IO, Final

from multiplayer.blobs.port import Blobs, BlobsFault, content_key
from multiplayer.live.audit import Origin
from multiplayer.live.clock import Clock
from multiplayer.live.directory import Directory
from multiplayer.live.room_archive_format import (
    ACCOUNTS,
    EVENTS,
    MESSAGES,
    NO_CHECKSUM,
    TRANSCRIPT_HTML,
    TRANSCRIPT_MD,
    ArchivedAccount,
    ArchivedAttachment,
    ArchivedFile,
    Exporter,
    Progress,
    RoomMetadata,
    attachment_path,
)
from multiplayer.live.room_archive_ids import ids_in
from multiplayer.live.room_archive_reading import with_checksum
from multiplayer.live.room_archive_writing import ArchiveForm, ArchiveWriter, HashedFile
from multiplayer.live.room_transcript import Transcript
from multiplayer.protocol.attachments import Attachment, AttachmentState
from multiplayer.protocol.codec import encode
from multiplayer.protocol.events import MessagePosted, event_adapter
from multiplayer.protocol.ids import AccountId, MessageId, RoomId
from multiplayer.protocol.messages import Message
from multiplayer.protocol.timeline import fold_message, message_of, touched_message
from multiplayer.rooms.permissions import Right
from multiplayer.rooms.state import RoomState
from multiplayer.storage.attachment_port import StoredUpload
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.port import Storage, StoredEvent

PAGE: Final = 500
_SPOOL: Final = ".messages"
Told = Callable[[Progress], None]


class NotWhole(Exception):  # noqa: N818 - the world's
    """Bytes of a file are not those that it had: the sentence says how."""


@dataclass(frozen=True)
class Exported:
    """What was written. `missing`: the files whose bytes could not be had, and why."""

    path: Path
    form: ArchiveForm
    metadata: RoomMetadata


@dataclass
class _Work:
    """One export on its way."""

    state: RoomState
    writer: ArchiveWriter
    form: ArchiveForm
    told: Told
    accounts: set[AccountId] = field(default_factory=set)
    attachments: list[ArchivedAttachment] = field(default_factory=list)
    files: list[ArchivedFile] = field(default_factory=list)
    events: int = 0
    messages: int = 0


class RoomExports:
    """Writes rooms as an owner or admin may read them: wholly, with what was said before they came."""

    def __init__(self, storage: Storage, blobs: Blobs, directory: Directory, clock: Clock) -> None:
        self._storage = storage
        self._blobs = blobs
        self._directory = directory
        self._clock = clock

    async def export(
        self,
        room_id: RoomId,
        by: AccountId,
        target: Path,
        form: ArchiveForm,
        *,
        replaces: bool = False,
        origin: Origin,
        told: Told = lambda _: None,
    ) -> Exported:
        """Write the room to `target`, which is there whole or not at all, and into the audit trail who took it.

        Refuses FORBIDDEN without the right, CONFLICT if something is there. A room that goes on meanwhile is exported
        as it was at the beginning.
        """
        room = (await self._directory.host(room_id)).room
        member = room.check(by, Right.EXPORT)
        state = room.state.copy()
        now = self._clock.now()
        with ArchiveWriter(target, form, at=now, replaces=replaces) as writer:
            work = _Work(state, writer, form, told)
            # Also where only one file is wanted: what the messages were at this seq is found with the log.
            await self._events(work)
            await self._spool_messages(work)
            names = await self._accounts(work)
            await self._messages(work, names)
            metadata = RoomMetadata(
                checksum=NO_CHECKSUM,
                software=f"multiplayer {version('multiplayer')}",
                exported_at=now,
                exported_by=Exporter(account_id=by, handle=member.handle),
                room=state.room,
                seq=state.seq,
                events=work.events,
                messages=work.messages,
                members=tuple(state.members.values()),
                banned=tuple(sorted(state.banned)),
                pins=state.pins,
                summary=state.summary,
                facts=state.notes.facts,
                proposals=state.notes.proposals,
                budget=state.notes.budget,
                attachments=tuple(work.attachments),
                files=tuple(work.files),
            )
            data, metadata = with_checksum(metadata)
            await self._note(room_id, by, f"{form.value} of {state.seq} events", origin)
            texts = [file.path for file in work.files if "/" not in file.path]
            await asyncio.to_thread(writer.finish, data, texts)
        return Exported(target, form, metadata)

    async def _events(self, work: _Work) -> None:
        with work.writer.text(EVENTS) as file:
            while work.events < work.state.seq:
                left = work.state.seq - work.events
                page = await self._storage.events_after(work.state.room.id, work.events, limit=min(PAGE, left))
                assert page, "a log has no gap, and a room that is deleted keeps its log"
                work.accounts |= await asyncio.to_thread(_write_events, file, page)
                work.events = page[-1].seq
                work.told(Progress("events", work.events, work.state.seq))
        work.files.append(file.told)

    async def _spool_messages(self, work: _Work) -> None:
        """Write messages as they stand in the database, which may be a little after our seq: mended afterwards."""
        with (work.writer.staging / _SPOOL).open("xb") as spool:
            for first in range(1, work.state.seq + 1, PAGE):
                end = min(first + PAGE, work.state.seq + 1)
                page = await self._storage.recent_messages(
                    work.state.room.id, limit=PAGE, before_seq=end, from_seq=first
                )
                await asyncio.to_thread(spool.writelines, [encode(message) + b"\n" for message in page])

    async def _accounts(self, work: _Work) -> Mapping[AccountId, str]:
        wanted = sorted(work.accounts | work.state.members.keys() | work.state.banned)
        known = await self._storage.accounts(wanted)
        with work.writer.text(ACCOUNTS) as file:
            for account_id in wanted:
                found = known.get(account_id)
                archived = (
                    ArchivedAccount(id=account_id)
                    if found is None
                    else ArchivedAccount(
                        id=account_id, kind=found.kind, handle=found.handle, display_name=found.display_name
                    )
                )
                file.write_line(encode(archived))
        work.files.append(file.told)
        return {found.id: f"{found.display_name} (@{found.handle})" for found in known.values()}

    async def _messages(self, work: _Work, names: Mapping[AccountId, str]) -> None:
        mended = await self._as_they_were(work)
        transcript = Transcript(work.state.room, names, work.state.pins)
        with ExitStack() as stack:
            lines = stack.enter_context(work.writer.text(MESSAGES))
            md = stack.enter_context(work.writer.text(TRANSCRIPT_MD))
            html = stack.enter_context(work.writer.text(TRANSCRIPT_HTML))
            md.write(transcript.md_head().encode())
            html.write(transcript.html_head().encode())
            async for page in _pages_of(work.writer.staging / _SPOOL):
                messages = [mended.get(message.id, message) for message in page]
                if work.form.only is None:
                    await self._attachments(work, messages, transcript)
                for message in messages:
                    lines.write_line(encode(message))
                    md.write(transcript.md(message).encode())
                    html.write(transcript.html(message).encode())
                work.messages += len(messages)
                work.told(Progress("messages", messages[-1].seq, work.state.seq))
            html.write(transcript.html_foot().encode())
        (work.writer.staging / _SPOOL).unlink()
        work.files += [lines.told, md.told, html.told]

    async def _as_they_were(self, work: _Work) -> Mapping[MessageId, Message]:
        """Return the messages that were changed since we began, as they were then."""
        room_id, seq = work.state.room.id, work.state.seq
        touched: set[MessageId] = set()
        while page := await self._storage.events_after(room_id, seq, limit=PAGE):
            ids = [touched_message(event_adapter.validate_json(stored.line)) for stored in page]
            touched |= {message_id for message_id in ids if message_id is not None}
            seq = page[-1].seq
        if not touched:
            return {}
        return await asyncio.to_thread(_folded, work.writer.staging / EVENTS, touched)

    async def _attachments(self, work: _Work, messages: list[Message], transcript: Transcript) -> None:
        ready = [
            (message, attachment)
            for message in messages
            for attachment in message.attachments
            if attachment.state is AttachmentState.READY
        ]
        uploads = await self._storage.uploads([attachment.id for _, attachment in ready]) if ready else {}
        for message, attachment in ready:
            archived = await self._attachment(work, message, attachment, uploads.get(attachment.id))
            work.attachments.append(archived)
            if archived.path is not None:
                transcript.paths[attachment.id] = archived.path
            work.told(Progress("files", len(work.attachments), 0))

    async def _attachment(
        self, work: _Work, message: Message, attachment: Attachment, upload: StoredUpload | None
    ) -> ArchivedAttachment:
        archived = ArchivedAttachment(id=attachment.id, message_id=message.id)
        if upload is None or upload.sha256 is None:
            return archived.model_copy(update={"missing": "it was removed while the room was exported"})
        archived = archived.model_copy(update={"sha256": upload.sha256})
        path = attachment_path(attachment.id, upload.sha256, attachment.name)
        try:
            with work.writer.attachment(path) as file:
                async for piece in self._blobs.read(content_key(upload.sha256)):
                    await asyncio.to_thread(file.write, piece)
                _check_whole(file, upload.sha256, attachment.size)
        except (BlobsFault, NotWhole) as fault:
            return archived.model_copy(update={"missing": str(fault) or type(fault).__name__})
        work.files.append(file.told)
        return archived.model_copy(update={"path": path})

    async def _note(self, room_id: RoomId, by: AccountId, what: str, origin: Origin) -> None:
        entry = AuditEntry(
            at=self._clock.now(), actor_id=by, origin=origin, action="room_exported", subject=room_id, after=what
        )
        await self._storage.put_setting("last_export", f"{room_id} {entry.at.isoformat()}", audit=entry)


def _check_whole(file: HashedFile, sha256: str, size: int) -> None:
    if (file.sha256, file.size) != (sha256, size):
        raise NotWhole("its bytes are not those that were uploaded")


def _write_events(file: HashedFile, page: Collection[StoredEvent]) -> set[AccountId]:
    """Write lines as they are; return whom they name."""
    named: set[AccountId] = set()
    for stored in page:
        file.write_line(stored.line)
        named |= {AccountId(one) for one in ids_in(event_adapter.validate_json(stored.line), AccountId)}
    return named


def _folded(events: Path, ids: Collection[MessageId]) -> Mapping[MessageId, Message]:
    messages: dict[MessageId, Message] = {}
    with events.open("rb") as lines:
        for line in lines:
            event = event_adapter.validate_json(line)
            message_id = touched_message(event)
            if message_id is None or message_id not in ids:
                continue
            if isinstance(event, MessagePosted):
                messages[event.message.id] = message_of(event)
            else:
                with suppress(KeyError):
                    messages[message_id] = fold_message(messages[message_id], event)
    return messages


async def _pages_of(spool: Path) -> AsyncIterator[list[Message]]:
    with spool.open("rb") as file:
        while page := await asyncio.to_thread(_page_of, file):
            yield page


def _page_of(file: IO[bytes]) -> list[Message]:
    return [Message.model_validate_json(line) for line in islice(file, PAGE)]
