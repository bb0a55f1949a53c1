"""The contract of the rooms' log; each store's own file runs it with a `storage` fixture."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from multiplayer.protocol.events import (
    AnswerChosen,
    AnswerRegenerated,
    Event,
    MemberJoined,
    MemberLeft,
    MessageDeleted,
    MessageEdited,
    MessagePinned,
    MessagePosted,
    RoleChanged,
    RoomCreated,
    RoomDeleted,
    SummaryUpdated,
)
from multiplayer.protocol.ids import AccountId, CallId, MessageId, RoomId, TurnId
from multiplayer.protocol.members import Role
from multiplayer.protocol.messages import MentionGroup, Message
from multiplayer.protocol.rooms import ReadMark, RoomKind
from multiplayer.protocol.timeline import fold_message, message_of, touched_message
from multiplayer.protocol.turn_events import (
    ApprovalDecided,
    ApprovalRequested,
    ToolCalled,
    TurnEnded,
    TurnRequested,
    TurnStarted,
)
from multiplayer.protocol.turns import TurnOutcome, TurnReason
from multiplayer.rooms.state import folded
from multiplayer.storage.port import Append, Appended, KeyUse, ReadableRoom, Storage
from tests.contracts.room_scripts import (
    AI,
    ALICE,
    BOB,
    NOW,
    RoomScript,
    Step,
    member,
    play,
    read_back,
    ulid,
)


async def stored(storage: Storage, script: RoomScript, *, direct_key: str | None = None) -> RoomScript:
    """Store the script so far as a new room."""
    assert await storage.create_room(script.append(0), direct_key=direct_key) == script.room_id
    return script


async def put(storage: Storage, script: RoomScript, since: int) -> None:
    assert await storage.append(script.append(since)) is Appended.COMMITTED


async def lines(storage: Storage, room_id: RoomId) -> list[bytes]:
    return [event.line for event in await storage.events_after(room_id, 0, limit=10_000)]


async def found(storage: Storage, script: RoomScript, query: str, from_seq: int = 0) -> list[str]:
    hits = await storage.search([ReadableRoom(script.room_id, from_seq)], query, limit=10)
    assert all(hit.room_id == script.room_id for hit in hits)
    return [hit.message.text for hit in hits]


async def check_that_a_room_is_what_its_log_amounts_to(storage: Storage, script_steps: Sequence[Step]) -> None:
    """Play a script in appends of random sizes; then everything stored must equal the folds of the log."""
    script = await stored(storage, RoomScript())
    random = Random(len(script_steps))
    since = 1
    for step in script_steps:
        play(script, step)
        if script.seq > since and random.random() < 0.5:
            await put(storage, script, since)
            since = script.seq
    if script.seq > since:
        await put(storage, script, since)
    assert await storage.load(script.room_id) == folded(script.events)
    assert await storage.recent_messages(script.room_id, limit=1_000) == script.messages()
    assert await lines(storage, script.room_id) == script.lines()
    for message in script.messages():
        await _check_revisions(storage, script, message.id)
    records = await storage.turns_of_room(script.room_id, limit=1_000)
    assert [(record.turn_id, record.turn) for record in records] == list(reversed(script.turns().items()))
    versions = [event for line in script.lines() if isinstance(event := read_back(line), SummaryUpdated)]
    kept = await storage.summaries(script.room_id)
    assert [(one.summary.version, one.at, one.summary.points, one.summary.taint) for one in reversed(kept)] == [
        (event.version, event.at, event.points, event.taint) for event in versions
    ]


async def _check_revisions(storage: Storage, script: RoomScript, message_id: MessageId) -> None:
    texts: list[str] = []
    message: Message | None = None
    for event in script.events:
        if touched_message(event) != message_id:
            continue
        message = message_of(event) if isinstance(event, MessagePosted) else fold_message(message, event)  # type: ignore[arg-type]  # the first one posts it
        if isinstance(event, MessagePosted | MessageEdited | AnswerRegenerated | AnswerChosen):
            texts.append(message.text)
        elif isinstance(event, MessageDeleted):
            texts = []
    kept = await storage.revisions(script.room_id, message_id)
    assert [(revision.revision, revision.text) for revision in kept] == list(enumerate(texts, 1))


class LogContract:
    async def test_an_append_at_the_expected_seq_is_stored_as_its_exact_lines(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        script.post("hello 你好 \\ \" 'x' 👍")
        append = script.append(1)
        assert await storage.append(append) is Appended.COMMITTED
        [event] = await storage.events_after(script.room_id, 1, limit=10)
        assert (event.seq, event.event_id, event.line) == (2, script.events[1].id, append.events[0].line)
        assert await storage.seqs([script.room_id, RoomId("nowhere")]) == {script.room_id: 2}

    async def test_an_append_at_another_seq_is_a_conflict_and_stores_nothing(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        script.post("first")
        script.post("second")
        assert await storage.append(script.append(2)) is Appended.CONFLICT
        assert await storage.append(RoomScript().append(0)) is Appended.CONFLICT  # a room that is not there
        assert await storage.seqs([script.room_id]) == {script.room_id: 1}
        assert await storage.recent_messages(script.room_id, limit=10) == []

    async def test_a_key_is_taken_once_per_author_and_names_its_first_event(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        script.post("one")
        script.post("two")
        append = script.append(1, key="k")
        assert await storage.append(append) is Appended.COMMITTED
        script.post("three")
        assert await storage.append(script.append(3, key="k")) is Appended.KEY_TAKEN
        assert await storage.seqs([script.room_id]) == {script.room_id: 3}
        use = KeyUse(2, script.events[1].id, append.events[0].digest or b"")
        assert await storage.find_keys(script.room_id, [(ALICE, "k"), (BOB, "k"), (ALICE, "q")]) == {(ALICE, "k"): use}
        script.events.pop()
        script.post("by bob", BOB)
        assert await storage.append(script.append(3, key="k")) is Appended.COMMITTED

    async def test_appends_to_many_rooms_at_once_leave_no_gap_and_a_bad_one_hits_no_neighbour(
        self, storage: Storage
    ) -> None:
        scripts = [await stored(storage, RoomScript()) for _ in range(20)]
        appends: list[Append] = []
        for script in scripts:
            for n in range(5):
                script.post(f"message {n}")
                appends.append(script.append(n + 1, key=f"k{n}"))
        offender, late = scripts[7], scripts[11]
        offender.post("again")
        appends.append(offender.append(6, key="k0"))
        stray = late.append(3, until=4)
        answers = await asyncio.gather(*(storage.append(append) for append in [*appends, stray]))
        assert answers == [Appended.COMMITTED] * 100 + [Appended.KEY_TAKEN, Appended.CONFLICT]
        for script in scripts:
            events = await storage.events_after(script.room_id, 0, limit=100)
            assert [event.seq for event in events] == [1, 2, 3, 4, 5, 6]

    async def test_of_many_appends_at_one_seq_one_is_stored(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        rivals = []
        for _ in range(20):
            script.post("mine")
            rivals.append(script.append(1))
            script.events.pop()
        answers = await asyncio.gather(*(storage.append(append) for append in rivals))
        assert sorted(answers, key=str) == [Appended.COMMITTED] + [Appended.CONFLICT] * 19

    async def test_a_deleted_text_is_nowhere_to_be_read(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        message_id = script.post("a secret plan", mentions=(BOB,), mention_groups=(MentionGroup.ALL,))
        other = script.post("another secret plan")
        await put(storage, script, 1)
        script.edit(message_id, "a changed secret")
        script.add(MessagePinned, message_id=message_id)
        await put(storage, script, 3)
        script.add(MessageDeleted, message_id=message_id)
        await put(storage, script, 5)
        assert await found(storage, script, "secret") == ["another secret plan"]
        assert await storage.revisions(script.room_id, message_id) == []
        message = (await storage.messages(script.room_id, [message_id]))[message_id]
        assert (message.text, message.mentions, message.is_deleted) == ("", (), True)
        log = await lines(storage, script.room_id)
        assert [b"secret" in line for line in log] == [False, False, True, False, False, False]
        posted, edited = read_back(log[1]), read_back(log[3])
        assert isinstance(posted, MessagePosted)
        assert isinstance(edited, MessageEdited)
        assert posted.is_redacted
        assert edited.is_redacted
        assert (posted.mentions, posted.mention_groups, edited.mentions) == ((), (), ())
        assert posted.message.id == message_id
        state = await storage.load(script.room_id)
        assert state is not None
        assert state.pins == ()
        assert [revision.text for revision in await storage.revisions(script.room_id, other)] == ["another secret plan"]

    async def test_a_message_edited_and_deleted_in_one_append_is_redacted_too(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        message_id = script.post("secret")
        script.edit(message_id, "secret still")
        script.add(MessageDeleted, message_id=message_id)
        await put(storage, script, 1)
        assert all(b"secret" not in line for line in await lines(storage, script.room_id))

    async def test_a_guest_made_a_member_for_a_moment_stays_for_good(self, storage: Storage) -> None:
        script, carol = await stored(storage, RoomScript()), AccountId(ulid())
        script.add(MemberJoined, carol, member=member(carol, 2, Role.GUEST, until=NOW))
        await put(storage, script, 1)
        script.add(RoleChanged, account_id=carol, role=Role.MEMBER, previous=Role.GUEST)
        script.add(RoleChanged, account_id=carol, role=Role.GUEST, previous=Role.MEMBER)
        await put(storage, script, 2)
        assert await storage.load(script.room_id) == folded(script.events)

    async def test_what_fits_nothing_stored_fails_alone_and_stores_nothing(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        script.edit(MessageId("not there"), "text")
        good = await stored(storage, RoomScript())
        good.post("fine")
        bad, fine = await asyncio.gather(
            storage.append(script.append(1)), storage.append(good.append(1)), return_exceptions=True
        )
        assert isinstance(bad, Exception)
        assert fine is Appended.COMMITTED
        assert await storage.seqs([script.room_id]) == {script.room_id: 1}

    async def test_history_pages_by_seq_without_hole_or_repeat(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        for n in range(25):
            script.post(f"m{n}")
        await put(storage, script, 1)
        pages: list[str] = []
        before: int | None = None
        while page := await storage.recent_messages(script.room_id, limit=10, before_seq=before):
            pages = [message.text for message in page] + pages
            before = page[0].seq
        assert pages == [f"m{n}" for n in range(25)]
        visible = await storage.recent_messages(script.room_id, limit=10, from_seq=24)
        assert [message.seq for message in visible] == [24, 25, 26]
        seqs: list[int] = []
        while events := await storage.events_after(script.room_id, seqs[-1] if seqs else 0, limit=7):
            seqs += [event.seq for event in events]
        assert seqs == list(range(1, 27))

    async def test_a_deleted_room_is_gone_but_for_its_log(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript(name="gone"))
        script.add(TurnRequested, turn_id=TurnId(ulid()), ai_id=AI, reason=TurnReason.ASKED)
        script.add(RoomDeleted)
        await put(storage, script, 1)
        assert await storage.load(script.room_id) is None
        assert await storage.seqs([script.room_id]) == {}
        there, never = (await stored(storage, RoomScript())).room_id, RoomId(ulid())
        assert await storage.deleted_rooms([script.room_id, there, never]) == {script.room_id}
        with pytest.raises(LookupError):
            await storage.room_number(never)
        assert script.room_id not in await storage.rooms_named("gone")
        assert await lines(storage, script.room_id) == script.lines()
        assert script.room_id not in [turn.room_id for turn in await storage.waiting(unclaimed_for_s=0, limit=1_000)]
        script.post("too late")
        assert await storage.append(script.append(3)) is Appended.CONFLICT

    async def test_two_who_open_the_same_direct_room_get_one(self, storage: Storage) -> None:
        key = ulid()
        scripts = [RoomScript(kind=RoomKind.DIRECT) for _ in range(10)]
        made = await asyncio.gather(*(storage.create_room(s.append(0), direct_key=key) for s in scripts))
        assert len(set(made)) == 1
        assert len(await storage.seqs([script.room_id for script in scripts])) == 1
        first = next(script for script in scripts if script.room_id == made[0])
        first.add(RoomDeleted)
        await put(storage, first, 1)
        again = RoomScript(kind=RoomKind.DIRECT)
        assert await storage.create_room(again.append(0), direct_key=key) == again.room_id

    async def test_making_a_room_again_gives_the_same_room(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        assert await storage.create_room(script.append(0), direct_key=None) == script.room_id
        assert await storage.seqs([script.room_id]) == {script.room_id: 1}

    async def test_that_there_ever_was_a_room_stays_known_when_it_is_deleted(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        assert await storage.has_rooms()
        script.add(RoomDeleted)
        await put(storage, script, 1)
        assert await storage.has_rooms()

    async def test_each_room_has_a_number_of_its_own(self, storage: Storage) -> None:
        rooms = [(await stored(storage, RoomScript())).room_id for _ in range(3)]
        numbers = [await storage.room_number(room_id) for room_id in rooms]
        assert len({*numbers}) == 3
        assert [await storage.room_number(room_id) for room_id in rooms] == numbers

    async def test_rooms_are_found_by_name_and_listed_for_their_members(self, storage: Storage) -> None:
        name, carol = ulid(), AccountId(ulid())
        scripts = [await stored(storage, RoomScript(name=name)) for _ in range(2)]
        assert await storage.rooms_named(name) == sorted(script.room_id for script in scripts)
        script = scripts[0]
        script.add(MemberJoined, carol, member=member(carol, 2, Role.GUEST))
        script.post("hi")
        await put(storage, script, 1)
        [listing] = await storage.rooms_of(carol)
        state = await storage.load(script.room_id)
        assert state is not None
        assert (listing.room, listing.seq, listing.role) == (state.room, 3, "guest")
        assert listing.read == ReadMark(seq=0, unread=1, mentions=0)

    async def test_the_list_tells_where_an_ai_works_and_where_it_waits_for_people(self, storage: Storage) -> None:
        carol, turn_id, call_id = AccountId(ulid()), TurnId(ulid()), CallId(ulid())
        script = RoomScript()
        script.add(MemberJoined, carol, member=member(carol, 2))
        await stored(storage, script)

        async def after(made: type[Event], **fields: object) -> tuple[bool, bool]:
            script.add(made, AI, turn_id=turn_id, **fields)
            await put(storage, script, script.seq - 1)
            [listing] = await storage.rooms_of(carol)
            state = await storage.load(script.room_id)
            assert state is not None
            assert (listing.is_ai_working, listing.needs_approval) == (state.is_ai_working, state.needs_approval)
            return listing.is_ai_working, listing.needs_approval

        card = {"tool_class": "terminal", "sha256": "0" * 64, "decider": "admin", "needed": 2, "reason": ""}
        assert await after(TurnRequested, ai_id=AI, on_behalf_of=(carol,), reason=TurnReason.ASKED) == (False, False)
        assert await after(TurnStarted, fence=1, pod="pod") == (True, False)
        assert await after(ToolCalled, call_id=call_id, name="run", arguments="{}") == (True, False)
        assert await after(ApprovalRequested, call_id=call_id, **card, expires_at=NOW) == (True, True)
        assert await after(ApprovalDecided, call_id=call_id, is_approved=True) == (True, True)
        assert await after(ApprovalDecided, call_id=call_id, is_approved=True) == (True, False)
        assert await after(TurnEnded, ai_id=AI, outcome=TurnOutcome.DONE) == (False, False)

    async def test_where_the_rooms_of_some_accounts_stand_is_told_at_once(self, storage: Storage) -> None:
        carol, dave, nobody = AccountId(ulid()), AccountId(ulid()), AccountId(ulid())
        both, hers, gone, others = (RoomScript() for _ in range(4))
        for script, members in ((both, (carol, dave)), (hers, (carol,)), (gone, (carol,)), (others, ())):
            for account_id in members:
                script.add(MemberJoined, account_id, member=member(account_id, script.seq + 1))
            await stored(storage, script)
        gone.add(RoomDeleted)
        await put(storage, gone, gone.seq - 1)
        assert await storage.seqs_of_members([carol, dave, nobody]) == {both.room_id: 3, hers.room_id: 2}
        assert await storage.seqs_of_members({dave}) == {both.room_id: 3}
        assert await storage.seqs_of_members([nobody]) == await storage.seqs_of_members([]) == {}
        both.add(MemberLeft, dave, account_id=dave)
        await put(storage, both, 3)
        assert await storage.seqs_of_members([dave]) == {}

    async def test_of_direct_rooms_the_list_tells_whom_one_faces(self, storage: Storage) -> None:
        carol, dave = AccountId(ulid()), AccountId(ulid())
        rooms: tuple[tuple[RoomKind, tuple[AccountId, ...], bool, AccountId | None], ...] = (
            (RoomKind.DIRECT, (AI,), True, AI),
            (RoomKind.DIRECT, (BOB,), False, BOB),
            (RoomKind.DIRECT, (BOB, dave), False, None),
            (RoomKind.DIRECT, (), False, None),
            (RoomKind.ROOM, (AI,), False, None),
        )
        for kind, others, has_ai, facing in rooms:
            script = RoomScript()
            script.events.clear()
            faces = tuple(member(other, 1, Role.AI if other == AI else Role.MEMBER) for other in others)
            script.add(RoomCreated, carol, kind=kind, name="", members=(member(carol, 1, Role.OWNER), *faces))
            await stored(storage, script)
            state = await storage.load(script.room_id)
            assert state is not None
            rows = {}
            for viewer in (carol, *others):
                [rows[viewer]] = [row for row in await storage.rooms_of(viewer) if row.room.id == script.room_id]
                assert rows[viewer] == state.listing(viewer, ReadMark())
            assert (rows[carol].has_ai, rows[carol].facing) == (has_ai, facing)
