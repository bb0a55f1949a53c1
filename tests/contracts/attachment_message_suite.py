"""The contract of files and the messages that have them, of both being gone, and of who knows their bytes."""

import asyncio
from dataclasses import replace

import pytest

from multiplayer.protocol.attachments import Attachment, AttachmentState
from multiplayer.protocol.events import (
    AttachmentChanged,
    MemberJoined,
    MemberLeft,
    MessagePosted,
    RoleChanged,
    RoomDeleted,
)
from multiplayer.protocol.ids import AccountId, AttachmentId, RoomId
from multiplayer.protocol.members import Role
from multiplayer.rooms.attachment_rules import without_content
from multiplayer.storage.port import Storage
from multiplayer.storage.unfit import Unfit
from tests.contracts.attachment_suite import LATER, attach, begun, content_of, new_upload, one, ready
from tests.contracts.attachment_sweep_suite import swept
from tests.contracts.room_scripts import ALICE, BOB, RoomScript, member, read_back, ulid
from tests.contracts.storage_suite import found, lines, put, stored


class ReferenceContract:
    async def test_a_posted_message_has_its_uploads_from_then_on(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        files = [await ready(storage, new_upload(script.room_id, f"{n}.png"), content_of(ulid())) for n in range(3)]
        coming = await one(storage, await begun(storage, new_upload(script.room_id, "later.png")))
        since = script.seq
        first = script.post("two", attachments=(files[1].attachment, files[0].attachment))
        second = script.post("", attachments=(coming.attachment, files[2].attachment))
        await put(storage, script, since)
        bound = await storage.uploads([file.attachment.id for file in [*files, coming]])
        at = {file.attachment.name: (file.message_id, file.message_seq) for file in bound.values()}
        assert at == {"0.png": (first, 2), "1.png": (first, 2), "2.png": (second, 3), "later.png": (second, 3)}
        assert await storage.recent_messages(script.room_id, limit=9) == script.messages()
        assert await found(storage, script, "1.png") == ["two"]

    async def test_a_message_with_an_upload_that_is_not_there_or_is_anothers_is_not_stored(
        self, storage: Storage
    ) -> None:
        script, elsewhere = await stored(storage, RoomScript()), await stored(storage, RoomScript())
        mine = await ready(storage, new_upload(script.room_id), content_of(ulid()))
        taken = await ready(storage, new_upload(script.room_id), content_of(ulid()))
        theirs = await ready(storage, new_upload(elsewhere.room_id), content_of(ulid()))
        nowhere = replace(mine, attachment=mine.attachment.model_copy(update={"id": AttachmentId(ulid())}))
        await attach(storage, script, taken)
        for files in ((mine, nowhere), (mine, taken), (mine, theirs), (mine, mine)):
            with pytest.raises(Unfit):
                await attach(storage, script, *files)
            script.events.pop()
            assert (await one(storage, mine.attachment.id)).message_id is None
            assert await storage.seqs([script.room_id]) == {script.room_id: 2}
        since = script.seq
        for _ in range(2):
            script.post("twice", attachments=(mine.attachment,))
        with pytest.raises(Unfit):
            await put(storage, script, since)
        assert (await one(storage, mine.attachment.id)).message_id is None

    async def test_a_message_that_fits_nothing_fails_alone(self, storage: Storage) -> None:
        bad, good = await stored(storage, RoomScript()), await stored(storage, RoomScript())
        mine = await ready(storage, new_upload(good.room_id), content_of(ulid()))
        answers = await asyncio.gather(attach(storage, bad, mine), attach(storage, good, mine), return_exceptions=True)
        assert isinstance(answers[0], Unfit)
        assert (await one(storage, mine.attachment.id)).message_id == answers[1]

    async def test_an_upload_that_is_forgotten_and_posted_at_once_is_one_of_both(
        self, storage: Storage, other: Storage
    ) -> None:
        script = await stored(storage, RoomScript())
        for _ in range(10):
            mine = await ready(storage, new_upload(script.room_id), content_of(ulid()))
            posted, dropped = await asyncio.gather(
                attach(storage, script, mine), other.drop_upload(mine.attachment.id), return_exceptions=True
            )
            there = await storage.uploads([mine.attachment.id])
            if dropped is True:
                assert isinstance(posted, Unfit)
                assert there == {}
                script.events.pop()
            else:
                assert there[mine.attachment.id].message_id == posted

    async def test_a_file_that_is_taken_off_a_message_leaves_that_there_was_one(self, storage: Storage) -> None:
        script, content = await stored(storage, RoomScript()), content_of(ulid())
        gone = await ready(storage, new_upload(script.room_id, "secret.png", said=content.sha256), content)
        kept = await ready(storage, new_upload(script.room_id, "kept.png"), content_of(ulid()))
        message_id = await attach(storage, script, gone, kept)
        since, told = (
            script.seq,
            Attachment(id=gone.attachment.id, name="", size=0, state=AttachmentState.REMOVED, reason="it was not ours"),
        )
        for attachment in (kept.attachment, told):  # what is told of others removes nothing
            script.add(AttachmentChanged, message_id=message_id, attachment=attachment)
        await put(storage, script, since)
        left = await one(storage, gone.attachment.id)
        assert left.attachment == told
        assert (left.sha256, left.said_sha256, left.message_id) == (None, None, message_id)
        assert await one(storage, kept.attachment.id) == replace(kept, message_id=message_id, message_seq=2)
        assert (await storage.messages(script.room_id, [message_id]))[message_id].attachments == (
            told,
            kept.attachment,
        )
        assert await found(storage, script, "secret") == []
        assert await swept(storage) == [content.sha256]
        assert await storage.finish_upload(gone.attachment.id, content) is None
        assert not await storage.received_part(gone.attachment.id, 1)
        assert await storage.fail_upload(gone.attachment.id, "x") is None

    async def test_a_removal_that_names_another_message_or_room_removes_nothing(self, storage: Storage) -> None:
        script, elsewhere = await stored(storage, RoomScript()), await stored(storage, RoomScript())
        done = await ready(storage, new_upload(script.room_id), content_of(ulid()))
        await attach(storage, script, done)
        for room in (script, elsewhere):
            since = room.seq
            message_id = room.post("other")
            room.add(AttachmentChanged, message_id=message_id, attachment=without_content(done.attachment))
            await put(storage, room, since)
        assert (await one(storage, done.attachment.id)).attachment == done.attachment

    async def test_a_deleted_message_takes_its_files_and_all_their_names_with_it(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        content, shared = content_of(ulid()), content_of(ulid())
        done = await ready(storage, new_upload(script.room_id, "sesame-1.png"), content)
        second = await ready(storage, new_upload(script.room_id, "sesame-2.png"), shared)
        other = await ready(storage, new_upload(script.room_id, "kept.png"), shared)
        coming = await one(storage, await begun(storage, new_upload(script.room_id, "sesame-3.png")))
        message_id = await attach(storage, script, done, coming, second)
        await attach(storage, script, other)
        since = script.seq
        arrived = await storage.fail_upload(coming.attachment.id, "sesame did not open")
        assert arrived is not None
        script.add(AttachmentChanged, message_id=message_id, attachment=arrived.attachment)
        script.add(AttachmentChanged, message_id=message_id, attachment=without_content(done.attachment))
        await put(storage, script, since)
        since = script.seq
        script.delete(message_id)
        await put(storage, script, since)
        log = await lines(storage, script.room_id)
        assert log == script.lines()
        assert [line for line in log if b"sesame" in line] == []
        told = [event for event in map(read_back, log) if isinstance(event, AttachmentChanged)]
        assert [(event.is_redacted, event.attachment.name) for event in told] == [(True, "")] * 2
        posted = next(event for event in map(read_back, log) if isinstance(event, MessagePosted))
        assert posted.message.attachments == ()
        assert (await storage.messages(script.room_id, [message_id]))[message_id].attachments == ()
        for file in (done, coming, second):
            left = await one(storage, file.attachment.id)
            assert left.attachment == without_content(file.attachment)
            assert (left.message_id, left.sha256) == (message_id, None)
            assert not await storage.drop_upload(file.attachment.id)
        assert await swept(storage) == [content.sha256]
        assert await storage.content(shared.sha256) == shared

    async def test_what_is_posted_changed_and_deleted_in_one_append_is_gone(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        done = await ready(storage, new_upload(script.room_id, "sesame.png"), content_of(ulid()))
        since = script.seq
        message_id = script.post("", attachments=(done.attachment,))
        script.add(AttachmentChanged, message_id=message_id, attachment=done.attachment)
        told = without_content(done.attachment).model_copy(update={"reason": "why"})
        script.add(AttachmentChanged, message_id=message_id, attachment=told)
        script.delete(message_id)
        await put(storage, script, since)
        assert await lines(storage, script.room_id) == script.lines()
        assert [line for line in script.lines() if b"sesame" in line] == []
        assert (await one(storage, done.attachment.id)).attachment == told
        assert await swept(storage) == [done.sha256]

    async def test_a_deleted_room_takes_all_its_files_with_it_attached_or_not(self, storage: Storage) -> None:
        script, elsewhere = await stored(storage, RoomScript()), RoomId(ulid())
        attached = await ready(storage, new_upload(script.room_id), content_of(ulid()))
        await attach(storage, script, attached)
        loose = await ready(storage, new_upload(script.room_id), content_of(ulid()))
        pending = await begun(storage, new_upload(script.room_id))
        failed = await begun(storage, new_upload(script.room_id))
        await storage.fail_upload(failed, "x")
        other = await ready(storage, new_upload(elsewhere), content_of(ulid()))
        since = script.seq
        script.add(RoomDeleted)
        await put(storage, script, since)
        ids = [attached.attachment.id, loose.attachment.id, pending, failed]
        left = await storage.uploads(ids)
        assert [left[key].attachment for key in ids] == [
            Attachment(id=key, name="", size=0, state=AttachmentState.REMOVED) for key in ids
        ]
        assert await storage.files_of_room(script.room_id, limit=9) == []
        assert await storage.file_bytes_of_room(script.room_id) == 0
        assert await one(storage, other.attachment.id) == other
        assert sorted(await swept(storage)) == sorted([attached.sha256 or "", loose.sha256 or ""])

    async def test_files_of_a_room_come_newest_message_first_in_pages_that_part_no_message(
        self, storage: Storage
    ) -> None:
        script = await stored(storage, RoomScript())
        names: list[str] = []
        for n in range(6):
            here = [
                await ready(storage, new_upload(script.room_id, f"{n}-{k}"), content_of(ulid())) for k in range(n % 3)
            ]
            await attach(storage, script, *reversed(here))
            names = [file.attachment.name for file in reversed(here)] + names
        await begun(storage, new_upload(script.room_id))
        await ready(storage, new_upload(script.room_id), content_of(ulid()))
        coming = await one(storage, await begun(storage, new_upload(script.room_id)))
        await attach(storage, script, coming)
        assert names == ["5-1", "5-0", "4-0", "2-1", "2-0", "1-0"]
        pages: list[list[str]] = []
        before: int | None = None
        while page := await storage.files_of_room(script.room_id, limit=1, before_seq=before):
            pages.append([file.attachment.name for file in page])
            before = page[-1].message_seq
        assert pages == [["5-1", "5-0"], ["4-0"], ["2-1", "2-0"], ["1-0"]]
        page = await storage.files_of_room(script.room_id, limit=9)
        assert [file.attachment.name for file in page] == names
        assert await storage.uploads([file.attachment.id for file in page]) == {
            file.attachment.id: file for file in page
        }
        some = await storage.files_of_room(script.room_id, limit=9, from_seq=4, before_seq=6)
        assert [(file.attachment.name, file.message_seq) for file in some] == [("2-1", 4), ("2-0", 4)]
        assert await storage.files_of_room(RoomId(ulid()), limit=9) == []

    async def test_bytes_are_known_to_who_brought_them_and_to_members_where_a_message_has_them(
        self, storage: Storage
    ) -> None:
        script, content = await stored(storage, RoomScript()), content_of(ulid())
        guest, stranger, gone = (AccountId(ulid()) for _ in range(3))
        script.add(MemberJoined, guest, member=member(guest, 2, Role.GUEST))
        script.add(MemberJoined, gone, member=member(gone, 3))
        script.add(MemberLeft, gone, account_id=gone)
        await put(storage, script, 1)

        async def known() -> list[AccountId]:
            everyone = (ALICE, BOB, guest, stranger, gone)
            answers = [await storage.content_known_to(who, content.sha256) for who in everyone]
            assert {answer for answer in answers if answer is not None} <= {content}
            return [who for who, answer in zip(everyone, answers, strict=True) if answer is not None]

        upload = new_upload(script.room_id, said=content.sha256)
        await begun(storage, upload)
        await storage.claim_content(content.sha256, LATER)
        assert await known() == []
        done = await storage.finish_upload(upload.id, content)
        assert done is not None
        assert await known() == [ALICE]
        message_id = await attach(storage, script, done)
        assert await known() == [ALICE, BOB]
        theirs = await ready(storage, new_upload(RoomId(ulid()), by=gone), content)
        assert await known() == [ALICE, BOB, gone]
        since = script.seq
        script.add(RoleChanged, account_id=guest, role=Role.MEMBER, previous=Role.GUEST)
        script.add(MemberLeft, ALICE, account_id=ALICE)
        await put(storage, script, since)
        assert await known() == [ALICE, BOB, guest, gone]
        since = script.seq
        script.delete(message_id)
        await put(storage, script, since)
        assert await known() == [gone]
        await storage.drop_upload(theirs.attachment.id)
        assert await known() == []
