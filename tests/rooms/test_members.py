"""Who is in a room: what stands beyond the table of rights."""

from datetime import timedelta

import pytest

from multiplayer.protocol.commands import (
    ArchiveRoom,
    DeleteRoom,
    InviteMember,
    LeaveRoom,
    LiftBan,
    MarkRead,
    PinMessage,
    PostMessage,
    RemoveMember,
    RenameRoom,
    SetRole,
    SetRoomSettings,
    SetTopic,
)
from multiplayer.protocol.errors import RefusalCode
from multiplayer.protocol.events import (
    BanLifted,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    RoleChanged,
    RoomArchived,
    RoomDeleted,
    RoomRenamed,
    TopicSet,
)
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.inner_commands import AcceptInvite, ExpireMember, StartTurn
from multiplayer.protocol.members import AccountKind, Role
from multiplayer.protocol.rooms import RoomKind, RoomSettings
from multiplayer.protocol.turn_events import TurnEnded
from multiplayer.protocol.turns import TurnOutcome
from multiplayer.rooms.limits import RoomLimits
from multiplayer.rooms.state import folded
from tests.support.playbook import START, Playbook, account, room_of, such

ALICE, BOB, CAROL, BOT = AccountId("alice"), AccountId("bob"), AccountId("carol"), AccountId("bot")
INVITE_ID = "01" + "0" * 24


def room(**roles: str) -> Playbook:
    first = room_of(**roles)  # type: ignore[arg-type]  # these are all names of members
    return Playbook(first, accounts=[account("carol"), account("robot", AccountKind.AI)])


def accept(role: Role = Role.MEMBER, *, by: str = "alice") -> AcceptInvite:
    return AcceptInvite(invite_id=INVITE_ID, invited_by=AccountId(by), role=role)


def test_the_last_owner_cannot_leave() -> None:
    assert (room(alice="owner", bob="admin") >> ("alice", LeaveRoom())).refuses(RefusalCode.LAST_OWNER)


def test_the_last_owner_cannot_step_down() -> None:
    command = SetRole(account_id=ALICE, role=Role.ADMIN)
    assert (room(alice="owner", bob="admin") >> ("alice", command)).refuses(RefusalCode.LAST_OWNER)


def test_an_owner_hands_the_room_over_by_making_another_one_and_stepping_down() -> None:
    assert (
        room(alice="owner", bob="member")
        >> ("alice", SetRole(account_id=BOB, role=Role.OWNER))
        << such(RoleChanged, seq=2, account_id="bob", role=Role.OWNER)
        >> ("alice", SetRole(account_id=ALICE, role=Role.MEMBER))
        << such(RoleChanged, seq=3, account_id="alice", previous=Role.OWNER)
        >> ("bob", RemoveMember(account_id=ALICE))
        << such(MemberRemoved, account_id="alice")
    )


def test_of_two_owners_one_may_remove_the_other_and_is_then_the_last() -> None:
    assert (
        room(alice="owner", bob="owner")
        >> ("alice", RemoveMember(account_id=BOB))
        << such(MemberRemoved, account_id="bob")
        >> ("alice", LeaveRoom())
    ).refuses(RefusalCode.LAST_OWNER)


def test_nobody_removes_themselves() -> None:
    book = room(alice="owner", bob="owner") >> ("alice", RemoveMember(account_id=ALICE))
    assert book.refuses(RefusalCode.CONFLICT, "leave the room")


def test_who_leaves_may_be_invited_again_but_not_while_banned() -> None:
    assert (
        room(alice="owner", bob="member")
        >> ("bob", LeaveRoom())
        << such(MemberLeft, account_id="bob")
        >> ("alice", InviteMember(handle="BOB"))
        << such(MemberJoined, account_id="bob", role=Role.MEMBER, joined_seq=3)
        >> ("alice", RemoveMember(account_id=BOB, ban=True))
        << such(MemberRemoved, is_banned=True)
        >> ("alice", InviteMember(handle="bob"))
    ).refuses(RefusalCode.BANNED)


def test_a_ban_holds_against_an_invite_link_until_it_is_lifted() -> None:
    book = room(alice="owner", bob="member")
    book.given("alice", RemoveMember(account_id=BOB, ban=True))
    assert (book >> ("bob", accept())).refuses(RefusalCode.BANNED)
    assert (
        book
        >> ("alice", LiftBan(account_id=BOB))
        << such(BanLifted, account_id="bob")
        >> ("bob", accept())
        << such(MemberJoined, account_id="bob", invite_id=INVITE_ID, actor_id="bob")
    )
    assert (book >> ("alice", LiftBan(account_id=BOB))).refuses(RefusalCode.NO_CHANGE)


def test_who_is_no_member_can_be_banned_once() -> None:
    assert (
        room(alice="owner")
        >> ("alice", RemoveMember(account_id=CAROL, ban=True))
        << such(MemberRemoved, account_id="carol", is_banned=True)
        >> ("alice", RemoveMember(account_id=CAROL, ban=True))
    ).refuses(RefusalCode.NO_CHANGE)


def test_removing_who_is_not_there_is_refused() -> None:
    assert (room(alice="owner") >> ("alice", RemoveMember(account_id=CAROL))).refuses(RefusalCode.NOT_FOUND)


@pytest.mark.parametrize(("inviter", "role"), [("owner", Role.OWNER), ("admin", Role.ADMIN), ("member", Role.ADMIN)])
def test_an_invite_by_name_gives_at_most_what_its_maker_may(inviter: str, role: Role) -> None:
    settings = RoomSettings(members_invite=True)
    book = Playbook(room_of(olga="owner", alice=inviter, settings=settings), accounts=[account("carol")])
    assert (book >> ("alice", InviteMember(handle="carol", role=role))).refuses(RefusalCode.FORBIDDEN)


@pytest.mark.parametrize(
    ("maker", "role", "is_good"),
    [
        ("owner", Role.ADMIN, True),
        ("owner", Role.OWNER, False),
        ("admin", Role.MEMBER, True),
        ("admin", Role.ADMIN, False),
        ("member", Role.GUEST, False),
        ("guest", Role.GUEST, False),
    ],
)
def test_an_invite_link_gives_at_most_what_its_maker_may_give_now(maker: str, role: Role, is_good: bool) -> None:
    book = room(olga="owner", alice=maker) >> ("carol", accept(role))
    if is_good:
        assert book << such(MemberJoined, account_id="carol", role=role)
    else:
        assert book.refuses(RefusalCode.EXPIRED)


def test_an_invite_link_dies_with_its_makers_right() -> None:
    book = room(olga="owner", alice="admin")
    book.given("olga", SetRole(account_id=ALICE, role=Role.MEMBER))
    assert (book >> ("carol", accept())).refuses(RefusalCode.EXPIRED)
    book.given("olga", RemoveMember(account_id=ALICE))
    assert (book >> ("carol", accept())).refuses(RefusalCode.EXPIRED)


def test_an_invite_link_makes_nobody_an_ai() -> None:
    assert (room(alice="owner") >> ("carol", accept(Role.AI))).refuses(RefusalCode.MALFORMED)


def test_an_account_that_is_not_known_cannot_come_in_by_a_link() -> None:
    assert (room(alice="owner") >> ("nobody", accept())).refuses(RefusalCode.NOT_FOUND)


def test_an_invited_ai_is_an_ai_member_whatever_role_is_named() -> None:
    assert (
        room(alice="owner")
        >> ("alice", InviteMember(handle="robot", role=Role.OWNER))
        << such(MemberJoined, account_id="robot", role=Role.AI, kind=AccountKind.AI)
    )


def test_an_ai_keeps_its_role_and_nobody_becomes_one_by_role() -> None:
    book = room(alice="owner", bob="member", bot="ai")
    assert (book >> ("alice", SetRole(account_id=BOT, role=Role.ADMIN))).refuses(RefusalCode.CONFLICT)
    assert (book >> ("alice", SetRole(account_id=BOT, role=Role.OWNER))).refuses(RefusalCode.CONFLICT)
    assert (book >> ("alice", SetRole(account_id=BOB, role=Role.AI))).refuses(RefusalCode.MALFORMED)
    assert (book >> ("alice", InviteMember(handle="carol", role=Role.AI))).refuses(RefusalCode.MALFORMED)


def test_inviting_an_unknown_name_is_told_only_to_who_may_invite() -> None:
    book = room(alice="owner", bob="member")
    assert (book >> ("alice", InviteMember(handle="nobody"))).refuses(RefusalCode.NOT_FOUND)
    assert (book >> ("bob", InviteMember(handle="nobody"))).refuses(RefusalCode.FORBIDDEN)


def test_inviting_a_member_changes_nothing() -> None:
    book = room(alice="owner", bob="guest")
    assert (book >> ("alice", InviteMember(handle="bob", role=Role.ADMIN))).refuses(RefusalCode.NO_CHANGE)


def test_a_guests_membership_ends_when_it_is_over_and_not_before() -> None:
    book = room(alice="owner")
    until = START + timedelta(minutes=1)
    book.given("alice", InviteMember(handle="carol", role=Role.GUEST, until=until))
    assert (book >> ("alice", ExpireMember(account_id=CAROL))).refuses(RefusalCode.NO_CHANGE)
    assert (
        book.later(60)
        >> ("alice", ExpireMember(account_id=CAROL))
        << such(MemberRemoved, account_id="carol", is_expired=True, is_banned=False)
    )
    assert (book >> ("alice", ExpireMember(account_id=CAROL))).refuses(RefusalCode.NO_CHANGE)


def test_a_membership_without_an_end_does_not_expire() -> None:
    book = room(alice="owner", bob="guest").later(10**8)
    assert (book >> ("alice", ExpireMember(account_id=BOB))).refuses(RefusalCode.NO_CHANGE)


def test_only_a_guest_is_a_guest_until() -> None:
    book = room(alice="owner")
    later = START + timedelta(days=1)
    assert (book >> ("alice", InviteMember(handle="carol", until=later))).refuses(RefusalCode.MALFORMED)
    past = InviteMember(handle="carol", role=Role.GUEST, until=START)
    assert (book >> ("alice", past)).refuses(RefusalCode.MALFORMED, "past")


def test_who_is_made_a_member_stays_for_good() -> None:
    book = room(alice="owner")
    book.given("alice", InviteMember(handle="carol", role=Role.GUEST, until=START + timedelta(minutes=1)))
    book.given("alice", SetRole(account_id=CAROL, role=Role.MEMBER))
    assert (book.later(60) >> ("alice", ExpireMember(account_id=CAROL))).refuses(RefusalCode.NO_CHANGE)


def test_the_turns_of_an_ai_end_when_its_membership_expires() -> None:
    book = room(alice="owner")
    until = START + timedelta(minutes=1)
    book.given("alice", InviteMember(handle="robot", role=Role.GUEST, until=until))
    turn_id = book.asks("alice", "robot")
    assert (
        book.later(60)
        >> ("alice", ExpireMember(account_id=AccountId("robot")))
        << such(TurnEnded, turn_id=turn_id, outcome=TurnOutcome.STOPPED)
        << such(MemberRemoved, account_id="robot", is_expired=True)
    )


def test_the_turns_of_an_ai_end_before_it_is_removed() -> None:
    book = room(alice="owner", bot="ai", robot="ai")
    running, waiting = book.runs("alice", "bot"), book.asks("alice", "bot")
    others = book.asks("alice", "robot")
    assert (
        book
        >> ("alice", RemoveMember(account_id=BOT))
        << such(TurnEnded, turn_id=running, ai_id="bot", outcome=TurnOutcome.STOPPED)
        << such(TurnEnded, turn_id=waiting)
        << such(MemberRemoved, account_id="bot")
    )
    assert list(book.room.state.turns) == [others]
    assert (book >> ("bot", StartTurn(turn_id=waiting, fence=1, pod="pod"))).refuses(RefusalCode.NOT_FOUND)


def test_a_room_holds_so_many_members_and_no_more() -> None:
    book = Playbook(room_of(alice="owner"), limits=RoomLimits(members=2), accounts=[account("bob"), account("carol")])
    book.given("alice", InviteMember(handle="bob"))
    assert (book >> ("alice", InviteMember(handle="carol"))).refuses(RefusalCode.LIMIT_REACHED)
    assert (book >> ("carol", accept())).refuses(RefusalCode.LIMIT_REACHED)


def direct() -> Playbook:
    return Playbook(
        room_of(kind=RoomKind.DIRECT, alice="owner", bob="owner", bot="ai"),
        accounts=[account("carol"), account("robot", AccountKind.AI)],
    )


@pytest.mark.parametrize(
    "command",
    [
        InviteMember(handle="carol"),
        InviteMember(handle="robot"),
        RemoveMember(account_id=BOB),
        RemoveMember(account_id=BOT),
        LiftBan(account_id=CAROL),
        SetRole(account_id=BOB, role=Role.MEMBER),
        SetRole(account_id=ALICE, role=Role.MEMBER),
        LeaveRoom(),
        RenameRoom(name="ours"),
        ArchiveRoom(),
    ],
    ids=lambda command: type(command).__name__,
)
def test_the_accounts_of_a_direct_room_are_fixed(
    command: InviteMember | RemoveMember | LiftBan | SetRole | LeaveRoom | RenameRoom | ArchiveRoom,
) -> None:
    assert (direct() >> ("alice", command)).refuses(RefusalCode.CONFLICT)
    outsider = direct() >> ("carol", command)
    assert outsider.refuses(RefusalCode.NOT_FOUND, "there is no such room")


def test_a_link_into_a_direct_room_does_not_even_tell_that_it_exists() -> None:
    assert (direct() >> ("carol", accept())).refuses(RefusalCode.NOT_FOUND, "there is no such room")


def test_an_archived_room_is_read_not_written_until_it_is_opened_again() -> None:
    book = room(alice="owner", bob="admin", bot="ai")
    turn_id = book.runs("alice", "bot")
    assert (
        book
        >> ("alice", ArchiveRoom())
        << such(TurnEnded, turn_id=turn_id, outcome=TurnOutcome.STOPPED)
        << such(RoomArchived, is_archived=True)
    )
    for command in (PostMessage(text="hello"), RenameRoom(name="new"), InviteMember(handle="carol")):
        assert (book >> ("alice", command)).refuses(RefusalCode.ARCHIVED)
    assert (book >> ("carol", PostMessage(text="hello"))).refuses(RefusalCode.NOT_FOUND)
    assert (book >> ("alice", ArchiveRoom())).refuses(RefusalCode.NO_CHANGE)
    assert book.given("alice", MarkRead(seq=1)) == []
    book.given("bob", LeaveRoom())
    book.given("alice", ArchiveRoom(is_archived=False))
    assert book.room.state.room.archived_at is None
    book.posts("alice", "open again")


def test_a_deleted_room_is_gone_for_everyone_at_once() -> None:
    book = room(alice="owner", bot="ai")
    turn_id = book.asks("alice", "bot")
    assert book >> ("alice", DeleteRoom()) << such(TurnEnded, turn_id=turn_id) << such(RoomDeleted, actor_id="alice")
    for command in (PostMessage(text="hello"), ArchiveRoom(is_archived=False), accept(), MarkRead(seq=1)):
        assert (book >> ("alice", command)).refuses(RefusalCode.NOT_FOUND, "there is no such room")


def test_names_and_topics_are_trimmed_and_bounded() -> None:
    limits = RoomLimits(name=5, topic=5)
    book = Playbook(room_of(alice="owner"), limits=limits)
    assert book >> ("alice", RenameRoom(name=" 12345 ")) << such(RoomRenamed, name="12345")
    assert (book >> ("alice", RenameRoom(name="123456"))).refuses(RefusalCode.TOO_LONG)
    assert (book >> ("alice", RenameRoom(name="12345"))).refuses(RefusalCode.NO_CHANGE)
    for name in ("", "  ", "a\nb", "a\u202eb"):
        assert (book >> ("alice", RenameRoom(name=name))).refuses(RefusalCode.MALFORMED)
    assert book >> ("alice", SetTopic(topic=" 12345 ")) << such(TopicSet, topic="12345")
    assert (book >> ("alice", SetTopic(topic="123456"))).refuses(RefusalCode.TOO_LONG)
    assert (book >> ("alice", SetTopic(topic="12345"))).refuses(RefusalCode.NO_CHANGE)


def test_settings_name_an_ai_of_this_room_and_a_persona_of_some_length() -> None:
    book = Playbook(room_of(alice="owner", bot="ai"), limits=RoomLimits(persona=5))
    book.given("alice", SetRoomSettings(settings=RoomSettings(default_ai=BOT, persona="12345")))
    same = SetRoomSettings(settings=RoomSettings(default_ai=BOT, persona="12345"))
    assert (book >> ("alice", same)).refuses(RefusalCode.NO_CHANGE)
    longer = SetRoomSettings(settings=RoomSettings(persona="123456"))
    assert (book >> ("alice", longer)).refuses(RefusalCode.TOO_LONG)
    for other in (ALICE, CAROL):
        command = SetRoomSettings(settings=RoomSettings(default_ai=other))
        assert (book >> ("alice", command)).refuses(RefusalCode.NOT_FOUND)


def test_what_is_applied_to_a_tentative_room_is_not_seen_in_the_room() -> None:
    book = room(alice="owner", bob="member", bot="ai")
    before = book.room.copy()
    tentative = book.room.copy()
    message_id = book.posts("alice", "@bot hello")
    book.given("alice", PinMessage(message_id=message_id))
    book.given("alice", RemoveMember(account_id=BOB, ban=True))
    for event in book.log[1:]:
        tentative.apply(event)
    assert tentative.state == book.room.state
    assert before.state == folded(book.log[:1])
    assert before.seq == 1


def test_an_account_that_is_not_there_cannot_be_banned() -> None:
    book = Playbook(room_of(alice="owner"))
    assert (book >> ("alice", RemoveMember(account_id=AccountId("nobody"), ban=True))).refuses(RefusalCode.NOT_FOUND)
