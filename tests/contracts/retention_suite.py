"""The contract of what is due by rooms' rules; each store's own file runs it with a `storage` fixture."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from multiplayer.protocol.attachments import AttachmentState
from multiplayer.protocol.events import AttachmentChanged, MessagePinned, RoomDeleted, RoomSettingsSet
from multiplayer.protocol.ids import AttachmentId, MessageId, RoomId
from multiplayer.protocol.retention import Forgotten, Retention
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.rooms.attachment_rules import without_content
from multiplayer.storage.port import Storage
from multiplayer.storage.retention_port import Due, DueSum
from tests.contracts.attachment_suite import begun, content_of, new_upload, one, ready
from tests.contracts.room_scripts import NOW, RoomScript, audit, ulid
from tests.contracts.storage_suite import put, stored

DAY = timedelta(days=1)


def ago(days: float) -> datetime:
    return NOW - days * DAY


async def ruled(storage: Storage, rule: Retention | None = None) -> RoomScript:
    script = await stored(storage, RoomScript())
    if rule is not None:
        script.add(RoomSettingsSet, settings=RoomSettings(retention=rule))
        await put(storage, script, script.seq - 1)
    return script


async def said(
    storage: Storage, script: RoomScript, days_ago: float, *sizes: int, pending: int | None = None
) -> MessageId:
    """Post a message of that age with files of these sizes, ready ones and perhaps one that has not arrived."""
    since = script.seq
    files = [
        await ready(storage, new_upload(script.room_id, size=size), content_of(ulid(), size=size)) for size in sizes
    ]
    if pending is not None:
        files.append(await one(storage, await begun(storage, new_upload(script.room_id, size=pending))))
    message_id = script.post("words", attachments=tuple(file.attachment for file in files))
    script.events[-1] = script.events[-1].model_copy(update={"at": ago(days_ago)})
    await put(storage, script, since)
    return message_id


async def taken_off(storage: Storage, script: RoomScript, message_id: MessageId) -> None:
    """Take the first file off a message."""
    message = (await storage.messages(script.room_id, [message_id]))[message_id]
    attachment = without_content(message.attachments[0])
    script.add(AttachmentChanged, message_id=message_id, attachment=attachment)
    await put(storage, script, script.seq - 1)


async def deleted(storage: Storage, script: RoomScript, message_id: MessageId) -> None:
    since = script.seq
    script.delete(message_id)
    await put(storage, script, since)


async def with_due(storage: Storage, *scripts: RoomScript, most_days: int | None = None) -> list[bool]:
    found = await storage.rooms_with_due(now=NOW, most_days=most_days)
    return [script.room_id in found for script in scripts]


def ids(found: Sequence[Due]) -> list[MessageId]:
    return [due.message_id for due in found]


class RetentionContract:
    async def test_rooms_are_found_in_which_a_message_is_as_old_as_their_rule_says(self, storage: Storage) -> None:
        old, young, bare = [await ruled(storage, rule) for rule in (Retention(messages_days=3),) * 2 + (None,)]
        await said(storage, old, 3)
        await said(storage, young, 2.99)
        await said(storage, bare, 4000)
        assert await with_due(storage, old, young, bare) == [True, False, False]

    async def test_the_server_s_days_hold_in_every_room_and_the_shorter_of_both(self, storage: Storage) -> None:
        rules = (None, Retention(messages_days=9), Retention(messages_days=2), Retention(files_days=1))
        scripts = [await ruled(storage, rule) for rule in rules]
        for script in scripts:
            await said(storage, script, 4)
        assert await with_due(storage, *scripts, most_days=4) == [True] * 4
        assert await with_due(storage, *scripts, most_days=5) == [False, False, True, False]

    async def test_rooms_with_old_files_are_found_by_the_rule_for_files(self, storage: Storage) -> None:
        rule = Retention(files_days=2)
        with_file, without, young, off = [await ruled(storage, rule) for _ in range(4)]
        await said(storage, with_file, 2, 10)
        await said(storage, without, 9)
        await said(storage, young, 1, 10)
        await taken_off(storage, off, await said(storage, off, 9, 10))
        assert await with_due(storage, with_file, without, young, off) == [True, False, False, False]

    async def test_rooms_with_nothing_due_but_pins_are_found_only_if_their_rule_drops_them(
        self, storage: Storage
    ) -> None:
        keeping, dropping, bare, more = [
            await ruled(storage, rule)
            for rule in (
                Retention(messages_days=3, files_days=1),
                Retention(messages_days=3, files_days=1, keeps_pinned=False),
                None,
                Retention(files_days=1),
            )
        ]
        for script in (keeping, dropping, bare, more):
            message_id = await said(storage, script, 5, 10)
            script.add(MessagePinned, message_id=message_id)
            await put(storage, script, script.seq - 1)
        assert await with_due(storage, keeping, dropping, bare, more) == [False, True, False, False]
        assert await with_due(storage, keeping, dropping, bare, more, most_days=4) == [False, True, False, False]
        await said(storage, more, 5, 10)
        assert await with_due(storage, more) == [True]

    async def test_what_is_deleted_is_not_due(self, storage: Storage) -> None:
        rule = Retention(messages_days=1, files_days=1)
        emptied, gone = await ruled(storage, rule), await ruled(storage, rule)
        for script in (emptied, gone):
            message_id = await said(storage, script, 5, 10)
            if script is emptied:
                await deleted(storage, script, message_id)
        gone.add(RoomDeleted)
        await put(storage, gone, gone.seq - 1)
        assert await with_due(storage, emptied, gone, most_days=1) == [False, False]
        assert await storage.due_messages(emptied.room_id, before=NOW, kept=(), limit=9) == []
        assert await storage.due_files(emptied.room_id, before=NOW, kept=(), limit=9) == []

    async def test_due_messages_come_oldest_first_with_the_files_they_have(self, storage: Storage) -> None:
        script = await ruled(storage)
        # An imported room may have them in another order than they were said in.
        second = await said(storage, script, 5, 10, 20, pending=7)
        first = await said(storage, script, 8)
        exact = await said(storage, script, 4, 30)
        await said(storage, script, 3.99, 40)
        await taken_off(storage, script, second)
        room_id = script.room_id
        expected = [Due(first), Due(second, 2, 20), Due(exact, 1, 30)]
        assert await storage.due_messages(room_id, before=ago(4), kept=(), limit=9) == expected
        assert await storage.due_messages(room_id, before=ago(4), kept=(), limit=2) == expected[:2]
        assert await storage.due_messages(room_id, before=ago(4), kept=[second], limit=2) == [expected[0], expected[2]]
        assert await storage.due_files(room_id, before=ago(4), kept=(), limit=9) == expected[1:]
        assert await storage.due_files(room_id, before=ago(4), kept=(), limit=1) == expected[1:2]
        assert await storage.due_files(room_id, before=ago(4), kept=[second], limit=9) == expected[2:]

    async def test_a_room_is_looked_at_alone(self, storage: Storage) -> None:
        one_room, other_room = await ruled(storage), await ruled(storage)
        mine = await said(storage, one_room, 5, 10)
        await said(storage, other_room, 5, 10)
        assert ids(await storage.due_messages(one_room.room_id, before=NOW, kept=(), limit=9)) == [mine]
        assert ids(await storage.due_files(one_room.room_id, before=NOW, kept=(), limit=9)) == [mine]
        total = await storage.sum_due(one_room.room_id, messages_before=NOW, files_before=None, kept=())
        assert (total.messages, total.files, total.size) == (1, 1, 10)
        nowhere = RoomId(ulid())
        assert await storage.sum_due(nowhere, messages_before=NOW, files_before=NOW, kept=()) == DueSum()

    async def test_the_sum_is_what_the_pages_hold(self, storage: Storage) -> None:
        random = Random(7)
        script = await ruled(storage)
        ages: dict[MessageId, float] = {}
        for _ in range(25):
            sizes = [random.randint(1, 99) for _ in range(random.randint(0, 2))]
            days = random.randint(0, 9)
            message_id = await said(storage, script, days, *sizes, pending=random.choice([None, 5]))
            ages[message_id] = days
            if random.random() < 0.2:
                await deleted(storage, script, message_id)
            elif sizes and random.random() < 0.3:
                await taken_off(storage, script, message_id)
        kept = random.sample(list(ages), k=5)
        room_id = script.room_id
        for messages_days, files_days in ((None, None), (4, None), (None, 4), (6, 3), (6, 0), (99, 2), (99, None)):
            going: Sequence[Due] = ()
            files_only: Sequence[Due] = ()
            total = await storage.sum_due(
                room_id,
                messages_before=None if messages_days is None else ago(messages_days),
                files_before=None if files_days is None else ago(files_days),
                kept=kept,
            )
            if messages_days is not None:
                going = await storage.due_messages(room_id, before=ago(messages_days), kept=kept, limit=99)
            if files_days is not None:
                named = [*kept, *ids(going)]
                files_only = await storage.due_files(room_id, before=ago(files_days), kept=named, limit=99)
            all_of_them: list[Due] = [*going, *files_only]
            times = [ago(ages[message_id]) for message_id in ids(all_of_them)]
            assert total == DueSum(
                messages=len(going),
                files=sum(due.files for due in all_of_them),
                size=sum(due.size for due in all_of_them),
                oldest=min(times, default=None),
                newest=max(times, default=None),
            )

    async def test_what_was_removed_last_is_kept_and_stands_in_the_room_s_audit(self, storage: Storage) -> None:
        script = await ruled(storage)
        assert await storage.forgotten(script.room_id) is None
        first = Forgotten(at=NOW, messages=3, files=2, size=5_000_000_000)
        for forgotten in (first, replace_at(first)):
            await storage.note_forgotten(script.room_id, forgotten, audit=audit("retention_applied"))
            assert await storage.forgotten(script.room_id) == forgotten
        rows = await storage.audit_after(script.room_id, 0, limit=9)
        assert [row.entry for row in rows] == [audit("retention_applied")] * 2
        assert await storage.verify_audit(script.room_id) is None

    async def test_why_a_message_is_gone_is_known_for_good(self, storage: Storage) -> None:
        script = await ruled(storage)
        message_id, other = script.post("by rule"), script.post("by hand")
        script.delete(message_id)
        script.events[-1] = script.events[-1].model_copy(update={"because": "retention"})
        script.delete(other)
        await put(storage, script, 1)
        found = await storage.messages(script.room_id, [message_id, other])
        assert [found[one].deleted_because for one in (message_id, other)] == ["retention", ""]

    async def test_a_file_that_has_failed_is_due_and_weighs_nothing(self, storage: Storage) -> None:
        script = await ruled(storage)
        message_id = await said(storage, script, 5, pending=9)
        [file] = (await storage.messages(script.room_id, [message_id]))[message_id].attachments
        failed = await storage.fail_upload(AttachmentId(file.id), "it broke")
        assert failed is not None
        assert failed.attachment.state is AttachmentState.FAILED
        assert await storage.due_files(script.room_id, before=NOW, kept=(), limit=9) == [Due(message_id, 1, 0)]


def replace_at(forgotten: Forgotten) -> Forgotten:
    return forgotten.model_copy(update={"at": forgotten.at + DAY, "messages": 1})
