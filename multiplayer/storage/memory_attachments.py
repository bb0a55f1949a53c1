"""`attachment_port.AttachmentStore` in memory: only a sweep's `remove` takes time, and who claims waits for it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from multiplayer.protocol.attachments import Attachment, AttachmentState
from multiplayer.protocol.events import AttachmentChanged, Event, MessageDeleted, MessagePosted, RoomDeleted
from multiplayer.protocol.ids import AccountId, AttachmentId, RoomId
from multiplayer.rooms.attachment_rules import without_content
from multiplayer.storage.attachment_port import Content, NewUpload, QuotaHit, Quotas, StoredUpload
from multiplayer.storage.unfit import Unfit

_COMING = frozenset({AttachmentState.PENDING, AttachmentState.FAILED})
_COUNTED = frozenset({AttachmentState.PENDING, AttachmentState.READY})


@dataclass
class _Bytes:
    """A row of contents. `content` is None until an upload of it was finished, and again from when a sweep took it up."""

    claimed_until: datetime
    content: Content | None = None
    is_doomed: bool = False
    """A sweep has begun to remove it, and whether it is there is not known: only a new claim saves it."""
    is_free: asyncio.Event = field(default_factory=asyncio.Event)
    """Nobody is removing it just now."""


class MemoryAttachments:
    """Uploads and contents in memory. `is_in_room` tells whether an account is a member of a room, and no guest."""

    def __init__(self, is_in_room: Callable[[RoomId, AccountId], bool]) -> None:
        self._is_in_room = is_in_room
        self._uploads: dict[AttachmentId, StoredUpload] = {}
        self._contents: dict[str, _Bytes] = {}

    async def begin_upload(self, upload: NewUpload, quotas: Quotas) -> QuotaHit | None:
        if upload.id in self._uploads:
            return None
        of_account = [one for one in self._uploads.values() if one.uploader_id == upload.uploader_id]
        of_room = [one for one in self._uploads.values() if one.room_id == upload.room_id]
        if _may_hold(of_room, upload.at) + upload.size > quotas.room_bytes:
            return "room_bytes"
        if _may_hold(of_account, upload.at) + upload.size > quotas.account_bytes:
            return "account_bytes"
        if sum(one.attachment.state is AttachmentState.PENDING for one in of_account) >= quotas.pending:
            return "pending"
        self._uploads[upload.id] = StoredUpload(
            Attachment(id=upload.id, name=upload.name, size=upload.size, state=AttachmentState.PENDING),
            room_id=upload.room_id,
            uploader_id=upload.uploader_id,
            said_sha256=upload.sha256,
            part_bytes=upload.part_bytes,
            received=(),
            at=upload.at,
            until=upload.until,
        )
        return None

    async def uploads(self, ids: Collection[AttachmentId]) -> Mapping[AttachmentId, StoredUpload]:
        return {one: self._uploads[one] for one in ids if one in self._uploads}

    async def received_part(self, attachment_id: AttachmentId, number: int) -> bool:
        upload = self._in_state(attachment_id, _COMING)
        if upload is None:
            return False
        self._uploads[attachment_id] = replace(upload, received=tuple(sorted({*upload.received, number})))
        return True

    async def claim_content(self, sha256: str, until: datetime) -> None:
        while (there := self._contents.get(sha256)) is not None and there.is_doomed and not there.is_free.is_set():
            await there.is_free.wait()
        if there is None:
            self._contents[sha256] = _Bytes(until)
        else:
            there.claimed_until = max(there.claimed_until, until)
            there.is_doomed = False

    async def content(self, sha256: str) -> Content | None:
        there = self._contents.get(sha256)
        return None if there is None else there.content

    async def finish_upload(self, attachment_id: AttachmentId, content: Content) -> StoredUpload | None:
        upload, there = self._in_state(attachment_id, _COMING), self._contents.get(content.sha256)
        if upload is None or there is None or there.is_doomed:
            return None
        known = there.content = there.content or content
        attachment = Attachment(
            id=attachment_id,
            name=upload.attachment.name,
            size=known.size,
            state=AttachmentState.READY,
            content_type=known.content_type,
            family=known.family,
            width=known.width,
            height=known.height,
            pages=known.pages,
            has_thumbnail=known.has_thumbnail,
            has_text=known.has_text,
            is_inline_safe=known.is_inline_safe,
        )
        done = self._uploads[attachment_id] = replace(upload, attachment=attachment, sha256=content.sha256)
        return done

    async def fail_upload(
        self, attachment_id: AttachmentId, reason: str, *, forgets_parts: bool = False
    ) -> StoredUpload | None:
        upload = self._in_state(attachment_id, _COMING)
        if upload is None:
            return None
        attachment = upload.attachment.model_copy(update={"state": AttachmentState.FAILED, "reason": reason})
        received = () if forgets_parts else upload.received
        failed = self._uploads[attachment_id] = replace(upload, attachment=attachment, received=received)
        return failed

    async def drop_upload(self, attachment_id: AttachmentId) -> bool:
        upload = self._uploads.get(attachment_id)
        if upload is None or upload.message_id is not None:
            return False
        del self._uploads[attachment_id]
        return True

    async def content_known_to(self, account_id: AccountId, sha256: str) -> Content | None:
        is_known = any(
            one.sha256 == sha256
            and (
                one.uploader_id == account_id
                or (one.message_id is not None and self._is_in_room(one.room_id, account_id))
            )
            for one in self._uploads.values()
        )
        return await self.content(sha256) if is_known else None

    async def files_of_room(
        self, room_id: RoomId, *, limit: int, before_seq: int | None = None, from_seq: int = 0
    ) -> Sequence[StoredUpload]:
        found = [
            one
            for one in self._uploads.values()
            if one.room_id == room_id
            and one.message_id is not None
            and one.attachment.state is AttachmentState.READY
            and from_seq <= one.message_seq
            and (before_seq is None or one.message_seq < before_seq)
        ]
        found.sort(key=lambda one: -one.message_seq)
        if len(found) > limit > 0:
            # A message is not cut in two: the next page begins before it.
            found = [one for one in found if one.message_seq >= found[limit - 1].message_seq]
        return found if limit > 0 else []

    async def file_bytes_of_room(self, room_id: RoomId) -> int:
        return _counted_bytes(one for one in self._uploads.values() if one.room_id == room_id)

    async def overdue_uploads(self, *, now: datetime, limit: int) -> Sequence[StoredUpload]:
        found = [
            one
            for one in self._uploads.values()
            if one.until <= now
            and one.attachment.state is not AttachmentState.REMOVED
            and (one.message_id is None or one.attachment.state is AttachmentState.PENDING)
        ]
        return sorted(found, key=lambda one: (one.until, one.attachment.id))[:limit]

    async def sweep_contents(
        self, remove: Callable[[Sequence[str]], Awaitable[None]], *, now: datetime, limit: int
    ) -> int:
        held = {one.sha256 for one in self._uploads.values()}
        loose = {
            sha256: there
            for sha256, there in sorted(self._contents.items(), key=lambda item: (item[1].claimed_until, item[0]))
            if sha256 not in held and there.claimed_until <= now and (not there.is_doomed or there.is_free.is_set())
        }
        doomed = dict(list(loose.items())[:limit])
        if not doomed:
            return 0
        for there in doomed.values():
            there.content, there.is_doomed = None, True
            there.is_free.clear()
        try:
            await remove(list(doomed))
            for sha256 in doomed:
                del self._contents[sha256]
        finally:
            for there in doomed.values():
                there.is_free.set()
        return len(doomed)

    async def known_contents(self, sha256s: Collection[str]) -> frozenset[str]:
        return frozenset(sha256s) & self._contents.keys()

    def _in_state(self, attachment_id: AttachmentId, states: Collection[AttachmentState]) -> StoredUpload | None:
        upload = self._uploads.get(attachment_id)
        return None if upload is None or upload.attachment.state not in states else upload

    def _project_attachments(self, room_id: RoomId, events: Sequence[Event]) -> None:
        """Bind and remove what events of a room are about, or raise `Unfit` and change nothing."""
        uploads = dict(self._uploads)
        for event in events:
            match event:
                case MessagePosted():
                    for named in event.message.attachments:
                        _bind(uploads, named.id, event)
                case AttachmentChanged() if event.attachment.state is AttachmentState.REMOVED:
                    upload = uploads.get(event.attachment.id)
                    if upload is not None and upload.message_id == event.message_id and upload.room_id == room_id:
                        uploads[event.attachment.id] = _removed(upload, event.attachment.reason)
                case MessageDeleted():
                    for one, upload in uploads.items():
                        if upload.room_id == room_id and upload.message_id == event.message_id:
                            uploads[one] = _removed(upload)
                case RoomDeleted():
                    for one, upload in uploads.items():
                        if upload.room_id == room_id:
                            uploads[one] = _removed(upload)
                case _:
                    pass
        self._uploads = uploads


def _bind(uploads: dict[AttachmentId, StoredUpload], named: AttachmentId, event: MessagePosted) -> None:
    upload = uploads.get(named)
    if upload is None or upload.room_id != event.room_id or upload.attachment.state is AttachmentState.REMOVED:
        raise Unfit(f"{event.type} with an upload that is not there")
    if upload.message_id is not None:
        raise Unfit(f"{event.type} with an upload that another message has")
    # At the end, so that the files of a message come in its order.
    del uploads[named]
    uploads[named] = replace(upload, message_id=event.message.id, message_seq=event.seq)


def _removed(upload: StoredUpload, reason: str = "") -> StoredUpload:
    if upload.attachment.state is AttachmentState.REMOVED:
        return upload
    left = without_content(upload.attachment).model_copy(update={"reason": reason})
    return replace(upload, attachment=left, said_sha256=None, sha256=None)


def _may_hold(uploads: Iterable[StoredUpload], at: datetime) -> int:
    """What they hold, or will once those that failed have come after all."""
    return sum(
        one.attachment.size
        for one in uploads
        if one.attachment.state in _COUNTED or (one.attachment.state is AttachmentState.FAILED and one.until > at)
    )


def _counted_bytes(uploads: Iterable[StoredUpload]) -> int:
    return sum(one.attachment.size for one in uploads if one.attachment.state in _COUNTED)
