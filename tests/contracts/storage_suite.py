"""The contract of rooms, turns and the audit trail; each store's own file runs it with a `storage` fixture."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from multiplayer.protocol.events import (
    MemberJoined,
    MessageDeleted,
    MessageEdited,
    MessagePinned,
    MessagePosted,
    RoleChanged,
    RoomDeleted,
    TurnEnded,
    TurnRequested,
    TurnStarted,
)
from multiplayer.protocol.ids import AccountId, MessageId, RoomId, TurnId
from multiplayer.protocol.members import Role
from multiplayer.protocol.messages import MentionGroup
from multiplayer.protocol.rooms import ReadMark, RoomKind
from multiplayer.protocol.turns import TurnOutcome, TurnReason
from multiplayer.rooms.state import folded
from multiplayer.storage.port import MAX_UNREAD, Append, Appended, KeyUse, ReadableRoom, Storage
from tests.contracts.room_scripts import (
    AI,
    ALICE,
    BOB,
    NOW,
    RoomScript,
    Step,
    audit,
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


async def searched_room(storage: Storage) -> RoomScript:
    script = await stored(storage, RoomScript())
    for text in (
        "Deploy the server",
        "see group_commit.py, C++ and x->y",
        "请重启服务器,用asyncpg连接",
        "100% sure a_b",
        "axb c\\d",
        "un ÉTÉ chaud",
        "don't panic",
    ):
        script.post(text)
    await put(storage, script, 1)
    return script


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


async def _check_revisions(storage: Storage, script: RoomScript, message_id: MessageId) -> None:
    texts: list[str] = []
    for event in script.events:
        if isinstance(event, MessagePosted) and event.message.id == message_id:
            texts = [event.message.text]
        elif isinstance(event, MessageEdited) and event.message_id == message_id:
            texts.append(event.text)
        elif isinstance(event, MessageDeleted) and event.message_id == message_id:
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


class SearchContract:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("deploy", ["Deploy the server"]),
            ("SERVER deploy", ["Deploy the server"]),
            ("serve", []),
            ("group_commit", ["see group_commit.py, C++ and x->y"]),
            ("commit.py", ["see group_commit.py, C++ and x->y"]),
            ("commit", ["see group_commit.py, C++ and x->y"]),
            ("c++", ["see group_commit.py, C++ and x->y"]),
            ("->", ["see group_commit.py, C++ and x->y"]),
            ("服务器", ["请重启服务器,用asyncpg连接"]),
            ("服务", ["请重启服务器,用asyncpg连接"]),
            ("启", ["请重启服务器,用asyncpg连接"]),
            ("asyncpg", ["请重启服务器,用asyncpg连接"]),
            ("用asyncpg", ["请重启服务器,用asyncpg连接"]),
            ("重启 连接", ["请重启服务器,用asyncpg连接"]),
            ("启重", []),
            ("务器服", []),
            ("100%", ["100% sure a_b"]),
            ("0%s", []),
            ("a_b", ["100% sure a_b"]),
            ("axb", ["axb c\\d"]),
            ("c\\d", ["axb c\\d"]),
            ("%", ["100% sure a_b"]),
            ("été", ["un ÉTÉ chaud"]),
            ("don't", ["don't panic"]),
            ("'; DROP TABLE messages; --", []),
            ("   ", []),
        ],
    )
    async def test_search_finds_words_code_and_chinese(
        self, storage: Storage, searched: RoomScript, query: str, expected: list[str]
    ) -> None:
        assert await found(storage, searched, query) == expected

    async def test_search_goes_backwards_in_pages_and_follows_edits(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        ids = [script.post(f"needle {n}") for n in range(5)]
        script.edit(ids[2], "hay")
        await put(storage, script, 1)
        rooms = [ReadableRoom(script.room_id)]
        first = await storage.search(rooms, "needle", limit=2)
        rest = await storage.search(rooms, "needle", limit=9, before=first[-1].message.id)
        assert [hit.message.text for hit in [*first, *rest]] == ["needle 4", "needle 3", "needle 1", "needle 0"]
        assert [hit.message.text for hit in await storage.search(rooms, "hay", limit=9)] == ["hay"]

    @pytest.mark.parametrize("query", ["needle", "nee-dle", "针"])
    async def test_search_shows_nothing_from_other_rooms_or_from_before_a_guest_came(
        self, storage: Storage, query: str
    ) -> None:
        mine, others = await stored(storage, RoomScript()), await stored(storage, RoomScript())
        for script in (mine, others):
            script.post("needle nee-dle 针 old")
            script.post("needle nee-dle 针 new")
            await put(storage, script, 1)
        assert await found(storage, mine, query, from_seq=3) == ["needle nee-dle 针 new"]
        assert await storage.search([], query, limit=9) == []


class ReadingContract:
    async def test_unread_counts_messages_of_others_and_mentions_by_name_group_and_role(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        script.post("own", BOB, mentions=(BOB,))
        script.post("plain")
        script.post("named", mentions=(BOB,))
        script.post("all", mention_groups=(MentionGroup.ALL,))
        script.post("here", mention_groups=(MentionGroup.HERE,))
        script.post("members", mention_groups=(MentionGroup.MEMBER,))
        script.post("owners", mention_groups=(MentionGroup.OWNER,))
        gone = script.post("deleted", mentions=(BOB,))
        script.add(MessageDeleted, message_id=gone)
        await put(storage, script, 1)
        assert await storage.read_mark(script.room_id, BOB) == ReadMark(seq=0, unread=6, mentions=4)
        assert await storage.mark_read(script.room_id, BOB, 4)
        assert await storage.read_mark(script.room_id, BOB) == ReadMark(seq=4, unread=4, mentions=3)
        listing = next(row for row in await storage.rooms_of(BOB) if row.room.id == script.room_id)
        assert listing.read == ReadMark(seq=4, unread=4, mentions=3)
        assert await storage.read_marks(script.room_id, [BOB, AccountId("nobody")]) == {BOB: listing.read}

    async def test_a_mark_never_goes_back_nor_beyond_the_room(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        script.post("hi")
        await put(storage, script, 1)
        assert not await storage.mark_read(script.room_id, BOB, 0)
        assert await storage.mark_read(script.room_id, BOB, 1)
        assert not await storage.mark_read(script.room_id, BOB, 1)
        assert await storage.mark_read(script.room_id, BOB, 1_000_000)
        assert not await storage.mark_read(script.room_id, BOB, 2)
        assert (await storage.read_mark(script.room_id, BOB)).seq == 2

    async def test_who_joins_has_nothing_unread_from_before_and_counts_are_bounded(self, storage: Storage) -> None:
        script, carol = await stored(storage, RoomScript()), AccountId(ulid())
        script.post("old")
        script.add(MemberJoined, carol, member=member(carol, 3))
        for n in range(MAX_UNREAD + 5):
            script.post(str(n), mentions=(carol,))
        await put(storage, script, 1)
        assert await storage.read_mark(script.room_id, carol) == ReadMark(seq=0, unread=MAX_UNREAD, mentions=MAX_UNREAD)
        assert await storage.mark_read(script.room_id, carol, script.seq - 2)
        assert (await storage.read_mark(script.room_id, carol)).unread == 2


class TurnContract:
    async def _requested(self, storage: Storage) -> tuple[RoomScript, TurnId]:
        script, turn_id = await stored(storage, RoomScript()), TurnId(ulid())
        script.add(TurnRequested, turn_id=turn_id, ai_id=AI, reason=TurnReason.ASKED)
        await put(storage, script, 1)
        return script, turn_id

    async def _is_waiting(self, storage: Storage, turn_id: TurnId, unclaimed_for_s: float = 60) -> bool:
        turns = await storage.waiting(unclaimed_for_s=unclaimed_for_s, limit=10_000)
        return any(turn.turn_id == turn_id for turn in turns)

    async def test_a_turn_waits_until_it_is_held_and_again_when_its_lease_runs_out(self, storage: Storage) -> None:
        _, turn_id = await self._requested(storage)
        assert not await self._is_waiting(storage, turn_id)
        assert await self._is_waiting(storage, turn_id, unclaimed_for_s=0)
        assert await storage.hold(turn_id, fence=1, pod="a", lease_s=60)
        assert not await self._is_waiting(storage, turn_id, unclaimed_for_s=0)
        assert await storage.hold(turn_id, fence=1, pod="a", lease_s=0)
        assert await self._is_waiting(storage, turn_id)

    async def test_a_higher_fence_shuts_out_the_holder_before(self, storage: Storage) -> None:
        script, turn_id = await self._requested(storage)
        assert await storage.hold(turn_id, fence=1, pod="a", lease_s=60)
        assert await storage.checkpoint(turn_id, fence=1, text="so far")
        assert not await storage.hold(turn_id, fence=1, pod="b", lease_s=60)
        assert await storage.hold(turn_id, fence=2, pod="b", lease_s=60)
        assert not await storage.hold(turn_id, fence=1, pod="a", lease_s=60)
        assert not await storage.checkpoint(turn_id, fence=1, text="late words")
        assert not await storage.save_manifest(turn_id, fence=1, manifest="{}")
        assert await storage.save_manifest(turn_id, fence=2, manifest='{"parts": []}')
        record = await storage.turn(script.room_id, turn_id)
        assert record is not None
        assert (record.text, record.fence, record.state) == ("so far", 2, "requested")
        assert record.manifest == '{"parts": []}'
        assert await storage.turn(RoomId("elsewhere"), turn_id) is None

    async def test_the_start_in_the_log_takes_the_lease_from_the_pod_before(self, storage: Storage) -> None:
        script, turn_id = await self._requested(storage)
        assert await storage.hold(turn_id, fence=1, pod="a", lease_s=60)
        script.add(TurnStarted, AI, turn_id=turn_id, fence=1, pod="a")
        await put(storage, script, 2)
        assert not await self._is_waiting(storage, turn_id, unclaimed_for_s=0)  # the lease of the same fence stays
        script.add(TurnStarted, AI, turn_id=turn_id, fence=2, pod="b")
        await put(storage, script, 3)
        assert not await storage.checkpoint(turn_id, fence=1, text="x")
        assert await self._is_waiting(storage, turn_id, unclaimed_for_s=0)
        assert not await self._is_waiting(storage, turn_id)
        record = await storage.turn(script.room_id, turn_id)
        assert record is not None
        assert (record.state, record.fence) == ("running", 2)

    async def test_an_ended_turn_is_closed_for_everyone(self, storage: Storage) -> None:
        script, turn_id = await self._requested(storage)
        script.add(TurnStarted, AI, turn_id=turn_id, fence=1, pod="a")
        end = script.add(TurnEnded, AI, turn_id=turn_id, ai_id=AI, outcome=TurnOutcome.STOPPED)
        await put(storage, script, 2)
        assert not await storage.hold(turn_id, fence=9, pod="a", lease_s=60)
        assert not await storage.checkpoint(turn_id, fence=9, text="x")
        assert not await self._is_waiting(storage, turn_id, unclaimed_for_s=0)
        record = await storage.turn(script.room_id, turn_id)
        assert record is not None
        assert (record.state, record.fence, record.text, record.ended_at) == ("stopped", 1, "", end.at)
        state = await storage.load(script.room_id)
        assert state is not None
        assert state.turns == {}

    async def test_the_words_of_a_turn_go_with_its_deleted_message(self, storage: Storage) -> None:
        script, turn_id = await self._requested(storage)
        assert await storage.checkpoint(turn_id, fence=1, text="secret")
        message_id = script.post("secret", AI, turn_id=turn_id)
        script.add(MessageDeleted, message_id=message_id)
        await put(storage, script, 2)
        record = await storage.turn(script.room_id, turn_id)
        assert record is not None
        assert record.text == ""


class AuditContract:
    async def test_a_rooms_trail_is_whole_and_grows_with_its_appends(self, storage: Storage) -> None:
        script = await stored(storage, RoomScript())
        assert await storage.verify_audit(script.room_id) is None
        for n in range(3):
            script.post(f"m{n}")
            append = script.append(n + 1, audits=[audit(f"act {n}"), audit("and", actor_id=None)])
            assert await storage.append(append) is Appended.COMMITTED
        assert await storage.verify_audit(script.room_id) is None
        assert await storage.verify_audit(RoomId("nowhere")) is not None
