"""What a room decides when a person's content is erased: what they set and noted goes, and the room goes on."""

from datetime import time

import pytest

from multiplayer.protocol.commands import AddReaction, ArchiveRoom, EditSummary, PinFact, SetRoomSettings
from multiplayer.protocol.errors import RefusalCode
from multiplayer.protocol.events import (
    FactForgotten,
    MemberJoined,
    MemberRemoved,
    ReactionRemoved,
    RoleChanged,
    RoomDeleted,
    RoomRenamed,
    RoomSettingsSet,
    SummaryUpdated,
)
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.inner_commands import ErasePerson, TakeBack
from multiplayer.protocol.members import Role
from multiplayer.protocol.memory import PointEdit, Section
from multiplayer.protocol.rooms import RoomKind, RoomSettings
from multiplayer.protocol.trigger_rules import DEFAULT_TRIGGERS, ScheduleRule
from multiplayer.protocol.turn_events import TurnEnded
from multiplayer.rooms.erasure_rules import heir_of
from tests.support.playbook import Playbook, room_of, such

HOST = "host"
"""No member of any room."""


def gone(who: str = "bob", *, is_last: bool = True, not_to: tuple[AccountId, ...] = ()) -> ErasePerson:
    return ErasePerson(
        account_id=AccountId(who), handle="erased-1", display_name="Erased person", is_last=is_last, not_to=not_to
    )


def book_of(**roles: str) -> Playbook:
    roles = roles or {"alice": "owner", "bob": "admin", "carol": "member", "bot": "ai"}
    return Playbook(room_of(**roles))  # type: ignore[arg-type]  # roles by handle, and nothing else


def test_what_a_person_set_and_noted_goes_and_what_others_did_stays() -> None:
    book = book_of()
    mine, others = (ScheduleRule(id=name, at=time(9), prompt="what is new?") for name in ("mine", "others"))
    book.given("alice", SetRoomSettings(settings=RoomSettings(triggers=(*DEFAULT_TRIGGERS, others))))
    book.given("bob", SetRoomSettings(settings=RoomSettings(triggers=(*DEFAULT_TRIGGERS, others, mine))))
    book.given("bob", PinFact(text="bob's"))
    book.given("alice", PinFact(text="alice's"))
    book.given("bob", EditSummary(version=0, points=(PointEdit(section=Section.FACTS, text="bob's"),)))
    events = book.given(HOST, gone(is_last=False))
    assert [type(event) for event in events] == [FactForgotten, SummaryUpdated, RoomSettingsSet]
    state = book.room.state
    assert [fact.text for fact in state.notes.facts] == ["alice's"]
    assert state.summary is not None
    assert state.summary.points == ()
    assert [rule.id for rule in state.room.settings.triggers][2:] == ["others"]
    assert (book >> (HOST, gone(is_last=False))).refuses(RefusalCode.NO_CHANGE)


def test_at_last_they_leave_and_whoever_holds_the_log_is_told_also_where_they_were_no_member() -> None:
    book = book_of()
    assert book >> (HOST, gone()) << such(MemberRemoved, account_id="bob", is_erased=True)
    assert AccountId("bob") not in book.room.state.members
    assert book >> (HOST, gone()) << such(MemberRemoved, account_id="bob", is_erased=True)


def test_only_the_turns_that_they_alone_asked_for_end() -> None:
    book = book_of()
    turn_id = book.runs("bob", "bot")
    events = book.given(HOST, gone(is_last=False))
    assert [(type(event), event.turn_id) for event in events if isinstance(event, TurnEnded)] == [(TurnEnded, turn_id)]
    shared = book.asks("alice", "bot")
    book.asks_again("bob", shared)
    assert (book >> (HOST, gone(is_last=False))).refuses(RefusalCode.NO_CHANGE)


@pytest.mark.parametrize(
    ("others", "heir"),
    [
        ({"adam": "admin", "carol": "member"}, "adam"),
        ({"carol": "member", "adam": "admin"}, "adam"),
        ({"dave": "member", "carol": "member"}, "dave"),
        ({"gus": "guest"}, "gus"),
        ({"olga": "owner", "adam": "admin"}, None),
    ],
)
def test_a_room_of_an_only_owner_goes_to_the_admin_else_member_there_longest(
    others: dict[str, str], heir: str | None
) -> None:
    book = book_of(bob="owner", **others, bot="ai")
    found = heir_of(book.room.state, AccountId("bob"), ())
    assert (found.account_id if found else None) == heir
    events = book.given(HOST, gone())
    assert [event.account_id for event in events if isinstance(event, RoleChanged)] == ([heir] if heir else [])
    assert book.room.state.owners()


def test_who_is_disabled_becomes_owner_only_where_nobody_else_is() -> None:
    state = book_of(bob="owner", adam="admin", carol="member").room.state
    adam, carol = AccountId("adam"), AccountId("carol")
    for disabled, heir in (((adam,), carol), ((adam, carol), adam)):
        found = heir_of(state, AccountId("bob"), disabled)
        assert found is not None
        assert found.account_id == heir


def test_a_room_without_other_people_is_deleted() -> None:
    book = book_of(bob="owner", bot="ai")
    assert book >> (HOST, gone(is_last=False)) << such(RoomDeleted)


def test_a_direct_room_stays_with_another_name_for_them_and_for_itself() -> None:
    book = Playbook(room_of(kind=RoomKind.DIRECT, alice="owner", bob="owner"))
    events = book.given(HOST, gone())
    assert [type(event) for event in events] == [RoomRenamed, MemberJoined]
    member = book.room.state.members[AccountId("bob")]
    assert (member.handle, member.display_name, member.role) == ("erased-1", "Erased person", Role.OWNER)
    assert "Erased person" in book.room.state.room.name
    assert "bob" not in book.room.state.room.name.lower()


def test_their_reactions_are_taken_back_without_being_named_and_others_stay() -> None:
    book = book_of()
    message_id = book.posts("alice", "hello")
    for who, emoji in (("bob", "👍"), ("carol", "👍"), ("bob", "really")):
        book.given(who, AddReaction(message_id=message_id, emoji=emoji))
    taken = TakeBack(account_id=AccountId("bob"), message_ids=(message_id,))
    assert book >> (HOST, taken) << such(ReactionRemoved, actor_id="bob", emoji="…", is_erased=True)
    [reaction] = book.messages[message_id].reactions
    assert (reaction.emoji, reaction.account_ids) == ("👍", ("carol",))
    assert (book >> (HOST, taken)).refuses(RefusalCode.NO_CHANGE)


def test_an_archived_room_is_no_way_to_keep_what_is_erased() -> None:
    book = book_of()
    book.given("bob", PinFact(text="bob's"))
    book.given("alice", ArchiveRoom(is_archived=True))
    assert book >> (HOST, gone(is_last=False)) << such(FactForgotten)
    assert book >> (HOST, gone()) << such(MemberRemoved)
