"""How an open room takes what a connection brings, over breaks and resets."""

from collections.abc import Sequence
from datetime import UTC, datetime

from multiplayer.client import Line
from multiplayer.client.lines import UnknownLine
from multiplayer.client.room_feed import RoomFeed
from multiplayer.protocol.events import TopicSet
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.rooms import RoomKind, RoomSettings, RoomView, Snapshot
from multiplayer.protocol.signals import Cursor, Joined, Reset

AT = datetime(2026, 1, 2, tzinfo=UTC)
ROOM, ALICE = RoomId("R"), AccountId("A")


async def no_log(_: Cursor) -> Sequence[Line]:
    raise AssertionError("everything here is live")


def snapshot(seq: int, topic: str = "") -> Joined:
    room = RoomView(id=ROOM, kind=RoomKind.ROOM, name="demo", topic=topic, settings=RoomSettings(), created_at=AT)
    held = Snapshot(room=room, seq=seq, members=(), pins=(), turns=(), messages=())
    return Joined(re=ROOM, room_id=ROOM, seq=seq, snapshot=held)


def topic(seq: int) -> TopicSet:
    return TopicSet(room_id=ROOM, seq=seq, id=f"E{seq}", at=AT, actor_id=ALICE, topic=f"topic {seq}")


def opened(seq: int) -> RoomFeed:
    feed = RoomFeed(ROOM, no_log)
    feed.joined(snapshot(seq), "", "one history")
    return feed


async def test_a_line_that_was_here_before_changes_nothing_and_is_read_once() -> None:
    feed = opened(4)
    lines = feed.read(None)
    for seq in (5, 6, 5, 6, 4, 7):
        feed.take("", topic(seq), ALICE)
    assert [(await anext(lines)).seq for _ in range(3)] == [5, 6, 7]
    assert (feed.view.seq, feed.view.room.topic) == (7, "topic 7")


async def test_a_rejoin_asks_from_the_last_event_in_the_history_it_was_in() -> None:
    feed = opened(4)
    feed.take("", topic(5), ALICE)
    assert feed.join_request().after == Cursor(epoch="one history", seq=5)
    feed.joined(Joined(re=ROOM, room_id=ROOM, seq=9), "", "one history")
    assert feed.view.seq == 5


async def test_another_history_is_told_as_a_reset_and_read_on_from_its_snapshot() -> None:
    feed = opened(40)
    lines = feed.read(None)
    feed.take("", topic(41), ALICE)
    feed.joined(snapshot(7, "restored"), "", "another history")
    feed.take("", topic(8), ALICE)
    assert isinstance((await anext(lines)).word, Reset)
    assert (await anext(lines)).seq == 8
    assert feed.join_request().after == Cursor(epoch="another history", seq=8)


async def test_an_event_of_a_kind_not_known_here_leaves_no_gap() -> None:
    feed = opened(1)
    lines = feed.read(None)
    feed.take("new", UnknownLine(ROOM, 2), ALICE)
    feed.take("", topic(3), ALICE)
    first, second = await anext(lines), await anext(lines)
    assert (first.text, first.word, first.seq, second.seq) == ("new", None, 2, 3)
