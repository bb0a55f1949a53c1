"""What a joining member is shown, and what not."""

from collections.abc import Mapping

import pytest

from multiplayer.protocol.codec import encode
from multiplayer.protocol.commands import InviteMember, PinMessage, RemoveMember, SetRoomSettings
from multiplayer.protocol.ids import AccountId, TurnId
from multiplayer.protocol.inner_commands import FireRule, UpdateSummary
from multiplayer.protocol.members import Role
from multiplayer.protocol.rooms import ReadMark, RoomSettings, Snapshot
from multiplayer.protocol.trigger_rules import WebhookRule
from multiplayer.rooms.snapshot import RunningText, snapshot_of
from tests.support.playbook import Playbook, account, points, room_of

CAROL = AccountId("carol")


def shown_to(
    reader: str,
    book: Playbook,
    *,
    texts: Mapping[TurnId, RunningText] | None = None,
    online: tuple[str, ...] = (),
    has_older: bool = False,
) -> Snapshot:
    return snapshot_of(
        book.room.state,
        reader=book.room.reader(AccountId(reader)),
        messages=tuple(book.messages.values()),
        online=[AccountId(name) for name in online],
        read=ReadMark(seq=2, unread=1),
        texts=texts or {},
        has_older=has_older,
    )


def busy_room() -> tuple[Playbook, TurnId]:
    """A room with a past: two messages, one pinned, a ban, a summary, a running turn; then Carol comes as a guest."""
    book = Playbook(
        room_of(alice="owner", bob="admin", dave="member", bot="ai"),
        accounts=[account("carol"), account("mallory"), account("eve")],
    )
    book.posts("alice", "first")
    pinned = book.posts("alice", "pinned")
    book.given("alice", PinMessage(message_id=pinned))
    book.given("alice", RemoveMember(account_id=AccountId("mallory"), ban=True))
    book.given("alice", RemoveMember(account_id=AccountId("eve"), ban=True))
    turn_id = book.runs("alice", "bot")
    book.given(
        "bot",
        UpdateSummary(turn_id=turn_id, fence=1, version=1, points=points("so far"), up_to_seq=3, method="extractive"),
    )
    book.given("alice", InviteMember(handle="carol", role=Role.GUEST))
    book.posts("alice", "after")
    return book, turn_id


def test_a_member_is_shown_the_room_as_it_stands() -> None:
    book, turn_id = busy_room()
    shown = shown_to("alice", book, texts={turn_id: RunningText("Let me", 3)}, online=("bot", "alice", "stranger"))
    assert shown.seq == book.room.seq
    assert shown.room == book.room.state.room
    assert [member.account_id for member in shown.members] == ["alice", "bob", "dave", "bot", "carol"]
    assert [message.text for message in shown.messages] == ["first", "pinned", "after"]
    assert shown.pins == book.room.state.pins
    assert shown.summary == book.room.state.summary
    assert (shown.turns[0].turn_id, shown.turns[0].text, shown.turns[0].text_index) == (turn_id, "Let me", 3)
    assert shown.online == ("alice", "bot")
    assert AccountId("bot") in shown.online
    assert CAROL not in shown.online
    assert shown.read == ReadMark(seq=2, unread=1)


def test_a_turn_that_has_said_nothing_starts_at_the_first_delta() -> None:
    book, _ = busy_room()
    turn = shown_to("alice", book).turns[0]
    assert (turn.text, turn.text_index) == ("", 0)
    assert book.room.state.turns[turn.turn_id] == turn


@pytest.mark.parametrize(
    ("reader", "banned"),
    [("alice", ("eve", "mallory")), ("bob", ("eve", "mallory")), ("dave", ()), ("carol", ()), ("bot", ())],
)
def test_who_is_banned_is_shown_to_those_who_may_remove(reader: str, banned: tuple[str, ...]) -> None:
    book, _ = busy_room()
    assert shown_to(reader, book).banned == banned


def test_a_guest_sees_what_was_before_unless_the_room_closes_it() -> None:
    book, _ = busy_room()
    shown = shown_to("carol", book)
    assert len(shown.messages) == 3
    assert shown.summary is not None
    book.given("alice", SetRoomSettings(settings=RoomSettings(guests_see_history=False)))
    shown = shown_to("carol", book)
    assert [message.text for message in shown.messages] == ["after"]
    assert shown.pins == ()
    assert shown.summary is None
    # The text of it stands nowhere else in what is sent.
    assert not any(secret in encode(shown) for secret in (b"first", b"so far"))


@pytest.mark.parametrize("has_older", [True, False])
def test_older_messages_are_told_of_to_those_who_may_read_them(has_older: bool) -> None:
    book, _ = busy_room()
    book.given("alice", SetRoomSettings(settings=RoomSettings(guests_see_history=False)))
    assert shown_to("alice", book, has_older=has_older).has_older is has_older
    assert shown_to("carol", book, has_older=has_older).has_older is False


def test_a_restricted_guest_sees_the_pins_of_what_it_may_read() -> None:
    book, _ = busy_room()
    book.given("alice", SetRoomSettings(settings=RoomSettings(guests_see_history=False)))
    after = list(book.messages)[-1]
    book.given("alice", PinMessage(message_id=after))
    assert shown_to("carol", book).pins == (after,)


def test_a_snapshot_reads_back_as_it_was_sent() -> None:
    book, turn_id = busy_room()
    shown = shown_to("alice", book, texts={turn_id: RunningText("Let me", 3)}, online=("alice",))
    assert Snapshot.model_validate_json(encode(shown)) == shown


def test_a_restricted_guest_is_not_told_what_was_asked_before() -> None:
    closed = RoomSettings(guests_see_history=False)
    book = Playbook(room_of(settings=closed, alice="owner", bot="ai"), accounts=[account("carol")])
    rules = (WebhookRule(id="hook", prompt="the secret merger"),)
    book.given("alice", SetRoomSettings(settings=book.room.state.room.settings.model_copy(update={"triggers": rules})))
    book.given("alice", FireRule(rule_id="hook"))
    book.given("alice", InviteMember(handle="carol", role=Role.GUEST))
    assert "merger" in str(shown_to("alice", book).turns)
    assert "merger" not in str(shown_to("carol", book).turns)
