"""The contract of search, read marks, turns and the audit trail; each store's own file runs it with a `storage` fixture."""

import pytest

from multiplayer.protocol.events import MemberJoined, MessageDeleted
from multiplayer.protocol.ids import AccountId, RoomId, TurnId
from multiplayer.protocol.messages import MentionGroup
from multiplayer.protocol.rooms import ReadMark
from multiplayer.protocol.turn_events import TurnEnded, TurnRequested, TurnStarted
from multiplayer.protocol.turns import TurnOutcome, TurnReason
from multiplayer.storage.port import MAX_UNREAD, Appended, ReadableRoom, Storage
from tests.contracts.room_scripts import (
    AI,
    BOB,
    RoomScript,
    audit,
    member,
    ulid,
)
from tests.contracts.storage_suite import found, put, stored


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

    async def test_a_turn_that_is_not_begun_does_not_wait_for_a_pod_while_its_ai_is_at_another_one(
        self, storage: Storage
    ) -> None:
        script, running = await self._requested(storage)
        queued, elsewhere, of_another = TurnId(ulid()), TurnId(ulid()), TurnId(ulid())
        script.add(TurnStarted, AI, turn_id=running, fence=1, pod="a")
        script.add(TurnRequested, turn_id=queued, ai_id=AI, reason=TurnReason.ASKED)
        script.add(TurnRequested, turn_id=of_another, ai_id=AccountId("01AI2"), reason=TurnReason.ASKED)
        await put(storage, script, 2)
        other = await stored(storage, RoomScript())
        other.add(TurnRequested, turn_id=elsewhere, ai_id=AI, reason=TurnReason.ASKED)
        await put(storage, other, 1)
        assert await storage.hold(running, fence=1, pod="a", lease_s=60)
        assert not await self._is_waiting(storage, queued, unclaimed_for_s=0)
        assert await self._is_waiting(storage, of_another, unclaimed_for_s=0)
        assert await self._is_waiting(storage, elsewhere, unclaimed_for_s=0)
        assert await storage.hold(running, fence=1, pod="a", lease_s=0)
        assert await self._is_waiting(storage, running, unclaimed_for_s=0)
        assert not await self._is_waiting(storage, queued, unclaimed_for_s=0)
        script.add(TurnEnded, AI, turn_id=running, ai_id=AI, outcome=TurnOutcome.STOPPED)
        await put(storage, script, 5)
        assert await self._is_waiting(storage, queued, unclaimed_for_s=0)

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
