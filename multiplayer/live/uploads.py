"""Files on their way into a room: begun within the quotas, sent in parts or whole, and ready only once they are checked."""

import hashlib
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from multiplayer.blobs.port import BlobCorrupt, BlobKey, Blobs, BlobsDenied, BlobsFault, BlobsFull, blob_key
from multiplayer.live.attachments import Attachments
from multiplayer.live.clock import Clock
from multiplayer.live.contents import Contents
from multiplayer.live.directory import Directory
from multiplayer.protocol.attachments import AttachmentState, BeginUpload, SignedPart, Upload, UploadPlan
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, AttachmentId, RoomId
from multiplayer.rooms.permissions import Right
from multiplayer.storage.attachment_port import NewUpload, Quotas, StoredUpload
from multiplayer.storage.port import Storage

_log = structlog.get_logger(__name__)
MIB: Final = 1024 * 1024
GIB: Final = 1024 * MIB
_OPEN: Final = {AttachmentState.PENDING, AttachmentState.FAILED}
SIGNED_FOR_S: Final = 900


@dataclass(frozen=True)
class FileLimits:
    """Sizes in bytes."""

    file: int = 2 * GIB
    part: int = 8 * MIB
    """Parts of an upload; of a very large file they are larger, so that there are at most `parts`."""
    parts: int = 1_000
    room: int = 20 * GIB
    account: int = 10 * GIB
    pending: int = 50
    """Uploads of an account that have not arrived."""
    keeps_parts_s: float = 24 * 3600.0
    """An upload that is not complete by then is thrown away."""

    def part_bytes(self, size: int) -> int:
        return max(self.part, -(-size // self.parts))


class Mismatch(Exception):  # noqa: N818 - the sender's
    """What was sent is not what was said: the sentence says how."""


class Uploads:
    def __init__(
        self,
        storage: Storage,
        blobs: Blobs,
        directory: Directory,
        attachments: Attachments,
        contents: Contents,
        clock: Clock,
        limits: FileLimits,
    ) -> None:
        self._storage = storage
        self._blobs = blobs
        self._directory = directory
        self._attachments = attachments
        self._contents = contents
        self._clock = clock
        self._limits = limits
        self.file_bytes: Final = limits.file
        """How large one file may be."""

    async def begin(self, room_id: RoomId, account_id: AccountId, asked: BeginUpload) -> Upload:
        """Begin an upload. With the checksum of a file that this account can read already, it is ready at once."""
        await self._check(room_id, account_id)
        if asked.size > self._limits.file:
            raise Refused(RefusalCode.TOO_BIG, f"a file may have at most {self._limits.file} bytes")
        name = _checked_name(asked.name)
        now = self._clock.now()
        new = NewUpload(
            id=AttachmentId(self._clock.new_id()),
            room_id=room_id,
            uploader_id=account_id,
            name=name,
            size=asked.size,
            sha256=asked.sha256,
            part_bytes=self._limits.part_bytes(asked.size),
            at=now,
            until=now + timedelta(seconds=self._limits.keeps_parts_s),
        )
        quotas = Quotas(self._limits.room, self._limits.account, self._limits.pending)
        hit = await self._storage.begin_upload(new, quotas)
        if hit is not None:
            raise Refused(RefusalCode.LIMIT_REACHED, _QUOTA_WORDS[hit])
        if asked.sha256 is not None:
            # Only for who can read it: else a checksum alone would be a way to somebody else's file.
            known = await self._storage.content_known_to(account_id, asked.sha256)
            if known is not None and known.size == asked.size and await self._contents.hold(known):
                await self._storage.finish_upload(new.id, known)
        return _told(await self._found(new.id, account_id))

    async def upload(self, attachment_id: AttachmentId, account_id: AccountId) -> Upload:
        """Return how an upload of this account goes."""
        return _told(await self._found(attachment_id, account_id))

    async def put_part(
        self, attachment_id: AttachmentId, account_id: AccountId, number: int, pieces: AsyncIterable[bytes]
    ) -> Upload:
        """Take one part, whole or not at all; the same again replaces it."""
        found = await self._open(attachment_id, account_id)
        size = _size_of_part(found, number)
        try:
            await self._blobs.put(_part_key(found, number), pieces, size)
        except BlobCorrupt:
            raise Refused(RefusalCode.MALFORMED, f"part {number} has {size} bytes, and another number came") from None
        except BlobsFault as fault:
            raise _unavailable(fault) from fault
        if not await self._storage.received_part(attachment_id, number):
            raise Refused(RefusalCode.CONFLICT, "this upload is over")
        return _told(await self._found(attachment_id, account_id))

    async def sign_part(self, attachment_id: AttachmentId, account_id: AccountId, number: int) -> SignedPart:
        """Return where one part may be put directly into the store. Refuses CONFLICT where it cannot be."""
        found = await self._open(attachment_id, account_id)
        size = _size_of_part(found, number)
        try:
            signed = await self._blobs.sign_put(_part_key(found, number), size=size, for_s=SIGNED_FOR_S)
        except BlobsFault as fault:
            raise _unavailable(fault) from fault
        if signed is None:
            raise Refused(
                RefusalCode.CONFLICT, "this server's file store takes no direct uploads: send it to the server"
            )
        until = self._clock.now() + timedelta(seconds=SIGNED_FOR_S)
        return SignedPart(
            number=number, method=signed.method, url=signed.url, headers=dict(signed.headers), until=until
        )

    async def complete(self, attachment_id: AttachmentId, account_id: AccountId) -> Upload:
        """Check the parts and make a file of them: ready, or failed and told why. Again is no error, and tries again."""
        found = await self._found(attachment_id, account_id)
        if found.attachment.state is AttachmentState.READY:
            return _told(found)
        found = await self._open(attachment_id, account_id)
        await self._look_for_parts(found)
        try:
            await self._arrived(found, [_part_key(found, number + 1) for number in range(_parts_of(found))])
        except (Mismatch, BlobCorrupt) as wrong:
            # They are wrong whoever asks again: they have to be sent again.
            said = str(wrong) if isinstance(wrong, Mismatch) else "the bytes were damaged on their way"
            await self._storage.fail_upload(attachment_id, said, forgets_parts=True)
            await self._contents.forget_parts(attachment_id)
        except BlobsFault as fault:
            _log.warning("upload_failed", upload=attachment_id, error=str(fault))
            await self._storage.fail_upload(attachment_id, _words_of(fault))
        return _told(await self._attachments.settled(attachment_id))

    async def take(
        self, room_id: RoomId, account_id: AccountId, asked: BeginUpload, pieces: AsyncIterable[bytes]
    ) -> Upload:
        """Take a file whole, in one go. `pieces` must be `asked.size` bytes. Nothing is left of one that fails."""
        begun = await self.begin(room_id, account_id, asked)
        if begun.attachment.state is AttachmentState.READY:
            return begun
        found = await self._found(begun.attachment.id, account_id)
        key = _whole_key(found)
        hashing = Hashing(pieces)
        try:
            await self._blobs.put(key, hashing, asked.size)
            _check_sum(asked.sha256, hashing)
            await self._contents.keep(key, hashing.sha256, asked.size, begun.attachment.id, begun.attachment.name)
        except (Mismatch, BlobCorrupt) as wrong:
            await self._storage.drop_upload(begun.attachment.id)
            said = str(wrong) if isinstance(wrong, Mismatch) else f"not {asked.size} bytes came"
            raise Refused(RefusalCode.MALFORMED, said) from None
        except BlobsFault as fault:
            await self._storage.drop_upload(begun.attachment.id)
            raise _unavailable(fault) from fault
        except BaseException:
            await self._storage.drop_upload(begun.attachment.id)
            raise
        return _told(await self._attachments.settled(begun.attachment.id))

    async def cancel(self, attachment_id: AttachmentId, account_id: AccountId) -> None:
        """Give up an upload, or forget a file that was never attached."""
        await self._found(attachment_id, account_id)
        if not await self._storage.drop_upload(attachment_id):
            raise Refused(RefusalCode.CONFLICT, "this file is attached to a message: take it off there")
        await self._contents.forget_parts(attachment_id)

    async def _arrived(self, found: StoredUpload, keys: list[BlobKey]) -> None:
        """Put the parts together. What is stored is what was hashed: a signed link may change a part at any time."""
        sha256 = found.said_sha256
        if sha256 is None:
            hashing = Hashing(self._joined(keys))
            async for _ in hashing:
                pass
            sha256 = hashing.sha256
        await self._contents.put(self._checked(keys, sha256), found, sha256)

    async def _joined(self, keys: list[BlobKey]) -> AsyncIterator[bytes]:
        for key in keys:
            async for piece in self._blobs.read(key):
                yield piece

    async def _checked(self, keys: list[BlobKey], sha256: str) -> AsyncIterator[bytes]:
        """The parts' bytes; raises at their end, before anything counts as stored, if they are not what was said."""
        hashing = Hashing(self._joined(keys))
        async for piece in hashing:
            yield piece
        _check_sum(sha256, hashing)

    async def _look_for_parts(self, found: StoredUpload) -> None:
        """What was put directly into the store is known only there."""
        missing = [number for number in range(1, _parts_of(found) + 1) if number not in found.received]
        try:
            for number in missing:
                there = await self._blobs.head(_part_key(found, number))
                if there is None or there.size != _size_of_part(found, number):
                    raise Refused(RefusalCode.CONFLICT, f"part {number} has not arrived: send it, then complete again")
                await self._storage.received_part(found.attachment.id, number)
        except BlobsFault as fault:
            raise _unavailable(fault) from fault

    async def _check(self, room_id: RoomId, account_id: AccountId) -> None:
        host = await self._directory.host(room_id)
        host.room.check(account_id, Right.ATTACH)
        if host.room.state.room.archived_at is not None:
            raise Refused(RefusalCode.ARCHIVED, "this room is archived: it can be read, not written")

    async def _found(self, attachment_id: AttachmentId, account_id: AccountId) -> StoredUpload:
        found = (await self._storage.uploads([attachment_id])).get(attachment_id)
        if found is None or found.uploader_id != account_id:
            raise Refused(RefusalCode.NOT_FOUND, "there is no such upload of yours")
        return found

    async def _open(self, attachment_id: AttachmentId, account_id: AccountId) -> StoredUpload:
        found = await self._found(attachment_id, account_id)
        await self._check(found.room_id, account_id)
        if found.attachment.state not in _OPEN or found.until <= self._clock.now():
            raise Refused(RefusalCode.CONFLICT, "this upload is over")
        return found


class Hashing:
    """Passes pieces on; knows their number of bytes and their SHA-256 once they are all through."""

    def __init__(self, pieces: AsyncIterable[bytes]) -> None:
        self._pieces = pieces
        self._digest = hashlib.sha256()
        self.size = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._pieces:
            self._digest.update(piece)
            self.size += len(piece)
            yield piece

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


_QUOTA_WORDS: Final = {
    "room_bytes": "this room's files take all the room they may have: remove some first",
    "account_bytes": "your files take all the room they may have: remove some first",
    "pending": "too many of your uploads have not arrived: complete or cancel some first",
}


def _check_sum(said: str | None, hashing: Hashing) -> None:
    if said not in {None, hashing.sha256}:
        raise Mismatch("the bytes have another checksum than was said")


def _checked_name(name: str) -> str:
    """Return the last part of a name: what stands before it is a path of somebody's machine."""
    last = name.replace("\\", "/").rpartition("/")[2].strip()
    if not last or last in {".", ".."} or not last.isprintable():
        raise Refused(RefusalCode.MALFORMED, "a file's name is one line of visible characters")
    return last


def _parts_of(found: StoredUpload) -> int:
    return max(1, -(-found.attachment.size // found.part_bytes))


def _size_of_part(found: StoredUpload, number: int) -> int:
    parts = _parts_of(found)
    if not 1 <= number <= parts:
        raise Refused(RefusalCode.MALFORMED, f"this upload has the parts 1 to {parts}")
    return found.part_bytes if number < parts else found.attachment.size - found.part_bytes * (parts - 1)


def _part_key(found: StoredUpload, number: int) -> BlobKey:
    return blob_key(f"incoming/{found.attachment.id.lower()}/{number:05d}")


def _whole_key(found: StoredUpload) -> BlobKey:
    return blob_key(f"incoming/{found.attachment.id.lower()}/whole")


def _told(found: StoredUpload) -> Upload:
    state = found.attachment.state
    plan = (
        UploadPlan(part_bytes=found.part_bytes, parts=_parts_of(found), received=found.received, until=found.until)
        if state in _OPEN
        else None
    )
    return Upload(room_id=found.room_id, attachment=found.attachment, message_id=found.message_id, plan=plan)


def _words_of(fault: BlobsFault) -> str:
    match fault:
        case BlobsFull():
            return "the file store is full"
        case BlobsDenied():
            return "the file store refused this server: its operator has to look"
        case BlobCorrupt():
            return "the bytes were damaged on their way into the file store: try again"
        case _:
            return "the file store did not answer: try again"


def _unavailable(fault: BlobsFault) -> Refused:
    return Refused(RefusalCode.UNAVAILABLE, _words_of(fault), retry_after_s=5.0)
