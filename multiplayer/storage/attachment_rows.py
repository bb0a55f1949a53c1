"""`attachment_port.AttachmentStore` on Postgres. What a sweep removes is locked meanwhile, so that who claims it waits."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

import asyncpg

from multiplayer.protocol.attachments import Attachment, AttachmentState, FileFamily
from multiplayer.protocol.ids import AccountId, AttachmentId, RoomId
from multiplayer.storage.attachment_port import Content, NewUpload, QuotaHit, Quotas, StoredUpload
from multiplayer.storage.database import Connection, Database
from multiplayer.storage.port import StorageUnavailable

REMOVE_TIMEOUT_S: Final = 60.0
"""A sweep holds its locks for no longer, so that they never outlive what it does."""
_LOCK_TIMEOUT_S: Final = REMOVE_TIMEOUT_S + 5
_ANSWER_TIMEOUT_S: Final = _LOCK_TIMEOUT_S + 5
_FACTS: Final = ("content_type", "width", "height", "pages", "has_thumbnail", "has_text", "is_inline_safe")
_HITS: Final[tuple[QuotaHit, ...]] = ("room_bytes", "account_bytes", "pending")


class PostgresAttachments:
    """Uploads and contents in Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin_upload(self, upload: NewUpload, quotas: Quotas) -> QuotaHit | None:
        queries = self._database.queries
        async with self._database.transaction() as connection:
            await connection.execute(queries["lock_quotas"], upload.uploader_id, upload.room_id)
            hit = await connection.fetchval(
                queries["begin_upload"],
                upload.id,
                upload.room_id,
                upload.uploader_id,
                upload.name,
                upload.size,
                upload.sha256,
                upload.part_bytes,
                upload.at,
                upload.until,
                quotas.room_bytes,
                quotas.account_bytes,
                quotas.pending,
            )
        return next((name for name in _HITS if name == hit), None)

    async def uploads(self, ids: Collection[AttachmentId]) -> Mapping[AttachmentId, StoredUpload]:
        return {row["id"]: _upload(row) for row in await self._database.read("uploads", list(ids))}

    async def received_part(self, attachment_id: AttachmentId, number: int) -> bool:
        return await self._database.did("received_part", attachment_id, number)

    async def claim_content(self, sha256: str, until: datetime) -> None:
        queries = self._database.queries
        async with self._database.transaction() as connection:
            await connection.execute(queries["wait_for_a_sweep"], _milliseconds(_LOCK_TIMEOUT_S))
            await connection.execute(queries["claim_content"], sha256, until, timeout=_ANSWER_TIMEOUT_S)

    async def content(self, sha256: str) -> Content | None:
        row = await self._database.read_row("content", sha256)
        return None if row is None else _content(row)

    async def finish_upload(self, attachment_id: AttachmentId, content: Content) -> StoredUpload | None:
        return await self._changed(
            "finish_upload",
            attachment_id,
            content.sha256,
            content.size,
            content.content_type,
            content.family,
            content.width,
            content.height,
            content.pages,
            content.has_thumbnail,
            content.has_text,
            content.is_inline_safe,
        )

    async def fail_upload(
        self, attachment_id: AttachmentId, reason: str, *, forgets_parts: bool = False
    ) -> StoredUpload | None:
        return await self._changed("fail_upload", attachment_id, reason, forgets_parts)

    async def drop_upload(self, attachment_id: AttachmentId) -> bool:
        return await self._database.did("drop_upload", attachment_id)

    async def content_known_to(self, account_id: AccountId, sha256: str) -> Content | None:
        row = await self._database.read_row("content_known_to", account_id, sha256)
        return None if row is None else _content(row)

    async def files_of_room(
        self, room_id: RoomId, *, limit: int, before_seq: int | None = None, from_seq: int = 0
    ) -> Sequence[StoredUpload]:
        rows = await self._database.read("files_of_room", room_id, from_seq, before_seq, limit)
        return [_upload(row) for row in rows]

    async def file_bytes_of_room(self, room_id: RoomId) -> int:
        [row] = await self._database.read("file_bytes_of_room", room_id)
        return int(row["bytes"])

    async def overdue_uploads(self, *, now: datetime, limit: int) -> Sequence[StoredUpload]:
        return [_upload(row) for row in await self._database.read("overdue_uploads", now, limit)]

    async def sweep_contents(
        self, remove: Callable[[Sequence[str]], Awaitable[None]], *, now: datetime, limit: int
    ) -> int:
        """Do as the port says. Raises `StorageUnavailable`, too, if `remove` takes longer than `REMOVE_TIMEOUT_S`.

        A connection of the pool is held while `remove` is at it.
        """
        # First, for good: nobody counts on them any more. So it does not matter if we die in the middle of `remove`.
        doomed = await self._doomed(now, limit)
        if not doomed:
            return 0
        queries = self._database.queries
        async with self._database.transaction() as connection:
            await connection.execute(queries["hold_for_a_sweep"], _milliseconds(_LOCK_TIMEOUT_S))
            rows = await connection.fetch(queries["lock_doomed_contents"], doomed)
            sha256s = [row["sha256"] for row in rows]
            # What `remove` raises is its caller's: within the block, it could be taken for an error of the database.
            [fault] = await asyncio.gather(_within_time(remove, sha256s), return_exceptions=True)
            if fault is None:
                await connection.execute(queries["delete_contents"], sha256s)
        if fault is not None:
            raise fault
        return len(sha256s)

    async def known_contents(self, sha256s: Collection[str]) -> frozenset[str]:
        return frozenset(row["sha256"] for row in await self._database.read("known_contents", list(sha256s)))

    async def _changed(self, name: str, attachment_id: AttachmentId, *arguments: object) -> StoredUpload | None:
        queries = self._database.queries
        async with self._database.transaction() as connection:
            if await connection.fetchrow(queries[name], attachment_id, *arguments) is None:
                return None
            row = await connection.fetchrow(queries["uploads"], [attachment_id])
        assert row is not None, "it was locked a moment ago"
        return _upload(row)

    async def _doomed(self, now: datetime, limit: int) -> list[str]:
        """Take up at most `limit` contents for removal. Looks at each once, so it ends."""
        doomed: list[str] = []
        async with self._database.transaction() as connection:
            while len(doomed) < limit:
                looked_at = await self._look(connection, now, limit - len(doomed), doomed)
                if not looked_at:
                    break
                doomed += [sha256 for sha256, is_had in looked_at if not is_had]
        return doomed

    async def _look(
        self, connection: Connection, now: datetime, limit: int, doomed: Sequence[str]
    ) -> list[tuple[str, bool]]:
        queries = self._database.queries
        loose = await connection.fetch(queries["lock_loose_contents"], now, limit, doomed)
        rows = await connection.fetch(queries["doom_contents"], [row["sha256"] for row in loose]) if loose else []
        return [(row["sha256"], row["is_had"]) for row in rows]


async def _within_time(remove: Callable[[Sequence[str]], Awaitable[None]], sha256s: Sequence[str]) -> None:
    if not sha256s:
        return
    limit = asyncio.timeout(REMOVE_TIMEOUT_S)
    try:
        async with limit:
            await remove(sha256s)
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise StorageUnavailable(f"contents were not removed within {REMOVE_TIMEOUT_S:g} s") from error


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


def _upload(row: asyncpg.Record) -> StoredUpload:
    head = Attachment(
        id=row["id"], name=row["name"], size=row["size"], state=AttachmentState(row["state"]), reason=row["reason"]
    )
    return StoredUpload(
        attachment=head if row["sha256"] is None else head.model_copy(update=_facts(row)),
        room_id=row["room_id"],
        uploader_id=row["uploader_id"],
        said_sha256=row["said_sha256"],
        part_bytes=row["part_bytes"],
        received=tuple(sorted(row["received"])),
        at=row["at"],
        until=row["until"],
        sha256=row["sha256"],
        message_id=row["message_id"],
        message_seq=row["message_seq"],
    )


def _facts(row: asyncpg.Record) -> dict[str, object]:
    return {name: row[name] for name in _FACTS} | {"family": FileFamily(row["family"])}


def _content(row: asyncpg.Record) -> Content:
    return Content(
        sha256=row["sha256"],
        size=row["size"],
        content_type=row["content_type"],
        family=FileFamily(row["family"]),
        width=row["width"],
        height=row["height"],
        pages=row["pages"],
        has_thumbnail=row["has_thumbnail"],
        has_text=row["has_text"],
        is_inline_safe=row["is_inline_safe"],
    )
