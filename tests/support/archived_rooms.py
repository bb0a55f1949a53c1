"""Rooms to export: the golden transcripts as a database would hold them, and one with files, on storage in memory."""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from multiplayer.blobs.local import LocalBlobs
from multiplayer.blobs.port import content_key
from multiplayer.live.clock import Clock
from multiplayer.live.contents import Contents
from multiplayer.live.directory import Directory
from multiplayer.live.lobby import Lobby
from multiplayer.live.room_archive import Exported, RoomExports
from multiplayer.live.room_archive_format import ArchiveLimits
from multiplayer.live.room_archive_writing import ArchiveForm
from multiplayer.live.room_import import RoomImports
from multiplayer.protocol.attachments import Attachment, AttachmentState
from multiplayer.protocol.codec import encode
from multiplayer.protocol.events import (
    AttachmentChanged,
    Event,
    MemberJoined,
    MessagePosted,
    RoomCreated,
    event_adapter,
)
from multiplayer.protocol.ids import AccountId, AttachmentId, MessageId, RoomId
from multiplayer.protocol.members import Account, Member
from multiplayer.protocol.messages import Message, MessageBody
from multiplayer.rooms.limits import RoomLimits
from multiplayer.storage.attachment_port import Content, NewUpload, Quotas
from multiplayer.storage.cache import CachedLog
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import Append, Appended, NewEvent, Storage
from multiplayer.telemetry.metrics import Metrics
from tests.support.pods import system_clock

VECTORS = Path(__file__).parents[1] / "vectors"
NAMES = ("conversation", "ai_turn", "membership", "with_an_ai", "with_tools", "with_files")


@dataclass
class Place:
    """A server without its AIs and sockets: nothing happens in its rooms but what a test does."""

    storage: Storage
    blobs: LocalBlobs
    directory: Directory
    lobby: Lobby
    clock: Clock
    folder: Path

    @property
    def imports(self) -> RoomImports:
        return RoomImports(self.storage, self.blobs, self.lobby, self.clock)

    def imports_within(self, limits: ArchiveLimits) -> RoomImports:
        return RoomImports(self.storage, self.blobs, self.lobby, self.clock, limits=limits)

    async def export(self, room_id: RoomId, target: Path, form: ArchiveForm = ArchiveForm.FOLDER) -> Exported:
        host = await self.directory.host(room_id)
        owner = host.room.state.owners()[0].account_id
        exports = RoomExports(self.storage, self.blobs, self.directory, self.clock)
        return await exports.export(room_id, owner, target, form, origin="cli")

    async def events(self, room_id: RoomId) -> list[Event]:
        return [
            event_adapter.validate_json(stored.line)
            for stored in await self.storage.events_after(room_id, 0, limit=10_000)
        ]

    async def messages(self, room_id: RoomId) -> list[Message]:
        return list(await self.storage.recent_messages(room_id, limit=10_000))

    async def hold(self, events: list[Event]) -> RoomId:
        """Store a room by its events, one by one; each file that they name lies ready in part or whole."""
        members = [*_created(events).members, *(one.member for one in events if isinstance(one, MemberJoined))]
        for member in members:
            if await self.storage.find_account_by_handle(member.handle) is None:
                await self.storage.create_account(_account_of(member), created_at=self.clock.now())
        room_id = events[0].room_id
        for seq, event in enumerate(events):
            if isinstance(event, MessagePosted):
                for attachment in event.message.attachments:
                    await self._begin(event, attachment)
                    if attachment.state is AttachmentState.READY:
                        await self._arrive(attachment)
            if isinstance(event, AttachmentChanged) and event.attachment.state is AttachmentState.READY:
                await self._arrive(event.attachment)
            append = Append(room_id, seq, (NewEvent(event, encode(event)),))
            if seq == 0:
                assert await self.storage.create_room(append, direct_key=None) == room_id
            else:
                assert await self.storage.append(append) is Appended.COMMITTED
        return room_id

    async def upload(self, room_id: RoomId, who: AccountId, name: str, data: bytes) -> Attachment:
        """Bring a file as an upload does; return it as it stands."""
        attachment_id = AttachmentId(self.clock.new_id())
        now = self.clock.now()
        new = NewUpload(attachment_id, room_id, who, name, len(data), None, 8_000_000, now, now + timedelta(days=1))
        assert await self.storage.begin_upload(new, Quotas(2**40, 2**40, 100)) is None
        contents = Contents(self.storage, self.blobs, None, self.clock, self.folder)
        found = (await self.storage.uploads([attachment_id]))[attachment_id]
        await contents.put(_once(data), found, hashlib.sha256(data).hexdigest())
        return (await self.storage.uploads([attachment_id]))[attachment_id].attachment

    async def post(self, room_id: RoomId, who: AccountId, text: str, *files: Attachment) -> MessageId:
        seq = (await self.storage.seqs([room_id]))[room_id]
        message_id = MessageId(self.clock.new_id())
        event = MessagePosted(
            room_id=room_id,
            seq=seq + 1,
            id=message_id,
            at=self.clock.now(),
            actor_id=who,
            message=MessageBody(id=message_id, text=text, attachments=files),
        )
        append = Append(room_id, seq, (NewEvent(event, encode(event)),))
        assert await self.storage.append(append) is Appended.COMMITTED
        return message_id

    async def _arrive(self, attachment: Attachment) -> None:
        """Let bytes be known of which that is true what the log says; nobody looks into them."""
        known = (await self.storage.uploads([attachment.id]))[attachment.id]
        if known.attachment.state is AttachmentState.READY:
            return
        data = attachment.id.encode()[-attachment.size :].ljust(attachment.size)
        content = Content(
            sha256=hashlib.sha256(data).hexdigest(),
            size=attachment.size,
            content_type=attachment.content_type,
            family=attachment.family,
            width=attachment.width,
            height=attachment.height,
            pages=attachment.pages,
            has_thumbnail=attachment.has_thumbnail,
            has_text=attachment.has_text,
            is_inline_safe=attachment.is_inline_safe,
        )
        await self.storage.claim_content(content.sha256, self.clock.now() + timedelta(days=1))
        await self.blobs.put(content_key(content.sha256), _once(data), len(data))
        assert await self.storage.finish_upload(attachment.id, content) is not None

    async def _begin(self, event: MessagePosted, attachment: Attachment) -> None:
        until = event.at + timedelta(days=1)
        new = NewUpload(
            attachment.id, event.room_id, event.actor_id, attachment.name, attachment.size, None, 1_000, event.at, until
        )
        await self.storage.begin_upload(new, Quotas(2**40, 2**40, 100))


@asynccontextmanager
async def place(folder: Path, storage: Storage | None = None) -> AsyncIterator[Place]:
    _make(folder)
    storage, clock, limits = storage or MemoryStorage(), system_clock(), RoomLimits()
    async with Directory(storage, CachedLog(storage), clock, Metrics(), limits) as directory:
        lobby = Lobby(storage, directory, clock, limits)
        await lobby.ensure_built_ins()
        yield Place(storage, LocalBlobs(folder / "blobs"), directory, lobby, clock, folder)


def vector(name: str) -> list[Event]:
    """Return the log of a golden transcript."""
    written = json.loads((VECTORS / f"{name}.json").read_text())
    # The only id of theirs that is no ULID.
    lines = [
        written["first"] | {"id": f"01KDV2GM00{'0' * 16}"},
        *(event for step in written["steps"] for event in step.get("events", [])),
    ]
    return [event_adapter.validate_json(json.dumps(line)) for line in lines]


def differences(before: object, after: object, path: str = "") -> Mapping[str, tuple[object, object]]:
    """Return what is not the same in two JSON values of the same shape, by its path."""
    if isinstance(before, dict) and isinstance(after, dict):
        assert before.keys() == after.keys(), f"{path}: {before.keys() ^ after.keys()}"
        pairs = [(f"{path}.{name}", before[name], after[name]) for name in before]
    elif isinstance(before, list) and isinstance(after, list):
        assert len(before) == len(after), path
        pairs = [(f"{path}[{place}]", *both) for place, both in enumerate(zip(before, after, strict=True))]
    else:
        return {} if before == after else {path: (before, after)}
    found: dict[str, tuple[object, object]] = {}
    for where, one, other in pairs:
        found |= differences(one, other, where)
    return found


def _created(events: list[Event]) -> RoomCreated:
    first = events[0]
    assert isinstance(first, RoomCreated)
    return first


def _account_of(member: Member) -> Account:
    return Account(id=member.account_id, kind=member.kind, handle=member.handle, display_name=member.display_name)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
