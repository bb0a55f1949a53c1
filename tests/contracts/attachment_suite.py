"""The contract of attached files; each store's own file runs it with `storage` and `other` (a second door to the same) fixtures."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from multiplayer.protocol.attachments import Attachment, AttachmentState, FileFamily
from multiplayer.protocol.events import MemberJoined
from multiplayer.protocol.ids import AccountId, AttachmentId, MessageId, RoomId
from multiplayer.storage.attachment_port import Content, NewUpload, QuotaHit, Quotas, StoredUpload
from multiplayer.storage.port import Storage
from tests.contracts.room_scripts import ALICE, BOB, NOW, RoomScript, member, ulid
from tests.contracts.storage_suite import put, stored

HOUR = timedelta(hours=1)
LATER = NOW + 10 * HOUR
NO_LIMIT = Quotas(room_bytes=2**62, account_bytes=2**62, pending=10**6)


def new_upload(
    room_id: RoomId, name: str = "plan.pdf", *, by: AccountId = ALICE, size: int = 100, said: str | None = None
) -> NewUpload:
    return NewUpload(
        id=AttachmentId(ulid()),
        room_id=room_id,
        uploader_id=by,
        name=name,
        size=size,
        sha256=said,
        part_bytes=64,
        at=NOW,
        until=NOW + HOUR,
    )


def content_of(words: str, size: int = 100) -> Content:
    return Content(
        sha256=sha256(words.encode()).hexdigest(),
        size=size,
        content_type="image/png",
        family=FileFamily.IMAGE,
        width=640,
        height=480,
        pages=3,
        has_thumbnail=True,
        has_text=True,
        is_inline_safe=True,
    )


async def begun(storage: Storage, upload: NewUpload) -> AttachmentId:
    assert await storage.begin_upload(upload, NO_LIMIT) is None
    return upload.id


async def ready(storage: Storage, upload: NewUpload, content: Content) -> StoredUpload:
    """Bring a file as a server does: begin, claim, finish."""
    await begun(storage, upload)
    await storage.claim_content(content.sha256, NOW + HOUR)
    done = await storage.finish_upload(upload.id, content)
    assert done is not None
    return done


async def one(storage: Storage, attachment_id: AttachmentId) -> StoredUpload:
    return (await storage.uploads([attachment_id]))[attachment_id]


async def attach(storage: Storage, script: RoomScript, *files: StoredUpload, text: str = "look") -> MessageId:
    since = script.seq
    message_id = script.post(text, attachments=tuple(file.attachment for file in files))
    await put(storage, script, since)
    return message_id


class UploadContract:
    async def test_an_upload_is_pending_until_its_bytes_are_there_and_then_tells_what_they_are(
        self, storage: Storage, other: Storage
    ) -> None:
        room_id, content = RoomId(ulid()), content_of("a plan", size=99)
        upload = new_upload(room_id, said=content.sha256)
        await begun(storage, upload)
        pending = await one(other, upload.id)
        assert pending == StoredUpload(
            Attachment(id=upload.id, name="plan.pdf", size=100, state=AttachmentState.PENDING),
            room_id,
            ALICE,
            said_sha256=content.sha256,
            part_bytes=64,
            received=(),
            at=NOW,
            until=NOW + HOUR,
        )
        await storage.claim_content(content.sha256, NOW + HOUR)
        assert await storage.content(content.sha256) is None
        done = await storage.finish_upload(upload.id, content)
        attachment = Attachment(
            id=upload.id,
            name="plan.pdf",
            size=99,
            state=AttachmentState.READY,
            content_type="image/png",
            family=FileFamily.IMAGE,
            width=640,
            height=480,
            pages=3,
            has_thumbnail=True,
            has_text=True,
            is_inline_safe=True,
        )
        assert done == replace(pending, attachment=attachment, sha256=content.sha256)
        assert await other.uploads([upload.id, AttachmentId("nowhere")]) == {upload.id: done}
        assert await other.content(content.sha256) == content

    async def test_what_was_begun_twice_is_there_once_and_nothing_of_it_is_lost(self, storage: Storage) -> None:
        upload = new_upload(RoomId(ulid()))
        await begun(storage, upload)
        await storage.received_part(upload.id, 1)
        assert await storage.begin_upload(upload, replace(NO_LIMIT, room_bytes=0)) is None
        assert (await one(storage, upload.id)).received == (1,)

    async def test_parts_are_remembered_once_in_their_order_until_the_upload_is_ready(
        self, storage: Storage, other: Storage
    ) -> None:
        upload = new_upload(RoomId(ulid()))
        assert not await storage.received_part(upload.id, 1)
        await begun(storage, upload)
        answers = await asyncio.gather(
            *((storage, other)[n % 2].received_part(upload.id, number) for n, number in enumerate([3, 1, 3, 2, 12, 1]))
        )
        assert all(answers)
        assert (await one(storage, upload.id)).received == (1, 2, 3, 12)
        assert await storage.fail_upload(upload.id, "the checksum is wrong") is not None
        assert await storage.received_part(upload.id, 4)  # a failed one may be tried again
        content = content_of(upload.id)
        await storage.claim_content(content.sha256, NOW + HOUR)
        assert await storage.finish_upload(upload.id, content) is not None
        assert not await storage.received_part(upload.id, 5)
        assert (await one(storage, upload.id)).received == (1, 2, 3, 4, 12)

    async def test_a_failed_upload_says_why_and_can_be_ready_after_all(self, storage: Storage) -> None:
        upload, content = new_upload(RoomId(ulid())), content_of(ulid())
        await begun(storage, upload)
        assert await storage.received_part(upload.id, 1)
        failed = await storage.fail_upload(upload.id, "it took too long")
        assert failed is not None
        assert failed.received == (1,)
        assert failed == await one(storage, upload.id)
        assert (failed.attachment.state, failed.attachment.reason) == (AttachmentState.FAILED, "it took too long")
        again = await storage.fail_upload(upload.id, "its parts were wrong", forgets_parts=True)
        assert again is not None
        assert (again.attachment.reason, again.received) == ("its parts were wrong", ())
        await storage.claim_content(content.sha256, NOW + HOUR)
        done = await storage.finish_upload(upload.id, content)
        assert done is not None
        assert (done.attachment.state, done.attachment.reason) == (AttachmentState.READY, "")

    async def test_a_ready_upload_is_neither_finished_again_nor_failed(self, storage: Storage) -> None:
        first, second = content_of(ulid()), content_of(ulid())
        done = await ready(storage, new_upload(RoomId(ulid())), first)
        await storage.claim_content(second.sha256, NOW + HOUR)
        assert await storage.finish_upload(done.attachment.id, second) is None
        assert await storage.fail_upload(done.attachment.id, "x") is None
        assert await one(storage, done.attachment.id) == done
        assert await storage.content(second.sha256) is None
        assert await storage.finish_upload(AttachmentId(ulid()), first) is None
        assert await storage.fail_upload(AttachmentId(ulid()), "x") is None

    async def test_what_was_found_of_bytes_first_holds_for_everyone_who_has_them(self, storage: Storage) -> None:
        content = content_of(ulid())
        await ready(storage, new_upload(RoomId(ulid())), content)
        second = await ready(storage, new_upload(RoomId(ulid()), by=BOB), replace(content, pages=0, has_text=False))
        assert (second.attachment.pages, second.attachment.has_text) == (3, True)
        assert await storage.content(content.sha256) == content

    async def test_an_upload_is_forgotten_unless_a_message_has_it(self, storage: Storage) -> None:
        script, content = await stored(storage, RoomScript()), content_of(ulid())
        kept = await ready(storage, new_upload(script.room_id), content)
        await attach(storage, script, kept)
        dropped = await ready(storage, new_upload(script.room_id), content_of(ulid()))
        assert await storage.drop_upload(dropped.attachment.id)
        assert not await storage.drop_upload(dropped.attachment.id)
        assert not await storage.drop_upload(kept.attachment.id)
        assert set(await storage.uploads([kept.attachment.id, dropped.attachment.id])) == {kept.attachment.id}

    async def test_overdue_is_what_is_awaited_still_and_what_no_message_has_when_its_time_is_over(
        self, storage: Storage
    ) -> None:
        script = await stored(storage, RoomScript())
        start = NOW - timedelta(days=365)
        made = [
            replace(new_upload(script.room_id, f"{n}"), at=start, until=start + timedelta(minutes=n)) for n in range(7)
        ]
        early, failed, done, attached, gone, late, last = made
        for upload in made:
            await begun(storage, upload)
        await storage.fail_upload(failed.id, "x")
        content = content_of(ulid())
        await storage.claim_content(content.sha256, NOW + HOUR)
        await storage.finish_upload(done.id, content)
        await attach(storage, script, await one(storage, attached.id), await one(storage, gone.id))
        await storage.fail_upload(gone.id, "x")
        overdue = await storage.overdue_uploads(now=late.until, limit=100)
        assert [upload.attachment.name for upload in overdue] == ["0", "1", "2", "3", "5"]
        assert overdue[0] == await one(storage, early.id)
        assert overdue[2] == await one(storage, done.id)
        assert len(await storage.overdue_uploads(now=late.until, limit=2)) == 2
        assert last.id in {upload.attachment.id for upload in await storage.overdue_uploads(now=LATER, limit=100)}
        for upload in (early, failed, done, late, last):
            await storage.drop_upload(upload.id)
        await storage.fail_upload(attached.id, "x")
        assert await storage.overdue_uploads(now=last.until, limit=100) == []


class QuotaContract:
    async def test_each_quota_is_named_when_it_would_be_passed_and_nothing_is_stored(self, storage: Storage) -> None:
        room_id, carol = RoomId(ulid()), AccountId(ulid())
        quotas = Quotas(room_bytes=250, account_bytes=350, pending=3)

        async def begin(room_id: RoomId, size: int) -> tuple[AttachmentId, QuotaHit | None]:
            upload = new_upload(room_id, by=carol, size=size)
            hit = await storage.begin_upload(upload, quotas)
            assert bool(await storage.uploads([upload.id])) is (hit is None)
            return upload.id, hit

        first, hit = await begin(room_id, 250)
        assert hit is None
        assert (await begin(room_id, 1))[1] == "room_bytes"
        assert (await begin(room_id, 0))[1] is None
        assert (await begin(RoomId(ulid()), 101))[1] == "account_bytes"
        assert (await begin(RoomId(ulid()), 100))[1] is None
        assert (await begin(RoomId(ulid()), 0))[1] == "pending"
        assert await storage.file_bytes_of_room(room_id) == 250
        await storage.fail_upload(first, "x")
        assert await storage.file_bytes_of_room(room_id) == 0
        assert (await begin(room_id, 250))[1] == "room_bytes", "it may come after all"
        assert await storage.drop_upload(first)
        assert (await begin(room_id, 250))[1] is None

    async def test_a_ready_file_counts_what_it_has_and_a_removed_one_nothing(self, storage: Storage) -> None:
        script, carol = await stored(storage, RoomScript()), AccountId(ulid())
        script.add(MemberJoined, carol, member=member(carol, 2))
        await put(storage, script, 1)
        quotas = Quotas(room_bytes=100, account_bytes=100, pending=1)
        done = await ready(storage, new_upload(script.room_id, by=carol, size=80), content_of(ulid(), size=60))
        assert await storage.file_bytes_of_room(script.room_id) == 60
        message_id = await attach(storage, script, done)
        large = new_upload(script.room_id, by=carol, size=41)
        assert await storage.begin_upload(large, quotas) == "room_bytes"
        since = script.seq
        script.delete(message_id)
        await put(storage, script, since)
        assert await storage.file_bytes_of_room(script.room_id) == 0
        assert await storage.begin_upload(large, quotas) is None
        assert await storage.file_bytes_of_room(RoomId(ulid())) == 0

    @pytest.mark.parametrize("of_account", [False, True])
    async def test_fifty_uploads_that_begin_at_once_do_not_pass_a_quota_of_bytes(
        self, storage: Storage, other: Storage, *, of_account: bool
    ) -> None:
        rooms = [RoomId(ulid()) for _ in range(50 if of_account else 1)]
        accounts = [AccountId(ulid()) for _ in range(1 if of_account else 50)]
        limited: QuotaHit = "account_bytes" if of_account else "room_bytes"
        quotas = replace(NO_LIMIT, **{limited: 1_050})
        hits = await asyncio.gather(
            *(
                (storage, other)[n % 2].begin_upload(
                    new_upload(rooms[n % len(rooms)], by=accounts[n % len(accounts)]), quotas
                )
                for n in range(50)
            )
        )
        assert sorted(hits, key=str) == [None] * 10 + [limited] * 40

    async def test_fifty_uploads_that_begin_at_once_are_not_more_than_may_be_pending(
        self, storage: Storage, other: Storage
    ) -> None:
        carol, rooms = AccountId(ulid()), [RoomId(ulid()) for _ in range(7)]
        quotas = replace(NO_LIMIT, pending=5)
        hits = await asyncio.gather(
            *((storage, other)[n % 2].begin_upload(new_upload(rooms[n % 7], by=carol), quotas) for n in range(50))
        )
        assert sorted(hits, key=str) == [None] * 5 + ["pending"] * 45
