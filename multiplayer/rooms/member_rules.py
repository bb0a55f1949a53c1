"""Deciding who is in a room, and as what: invite, join, leave, remove, ban, roles."""

from multiplayer.protocol.commands import InviteMember, LiftBan, RemoveMember, SetRole
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import BanLifted, Event, MemberJoined, MemberLeft, MemberRemoved, RoleChanged
from multiplayer.protocol.inner_commands import AcceptInvite, ExpireMember
from multiplayer.protocol.members import Account, AccountKind, Member, Role
from multiplayer.protocol.rooms import RoomKind
from multiplayer.protocol.values import UtcTime
from multiplayer.rooms.deciding import Deciding, no_such_room
from multiplayer.rooms.permissions import Right, highest_role_given_by
from multiplayer.rooms.turn_rules import end_turns_of


def invite(deciding: Deciding, command: InviteMember) -> list[Event]:
    actor = deciding.actor
    _refuse_in_direct(deciding)
    account = deciding.facts.account_by_handle(command.handle)
    if account is not None and account.kind is AccountKind.AI:
        deciding.check(Right.CHOOSE_AI)
    else:
        deciding.check(Right.INVITE)
        _check_given_role(deciding, actor.role, command.role)
    if account is None:
        raise Refused(RefusalCode.NOT_FOUND, "there is no account of this name")
    return [_joined(deciding, account, command.role, command.until)]


def accept_invite(deciding: Deciding, command: AcceptInvite) -> list[Event]:
    """The link was good; what its maker may give is checked as it is now."""
    _refuse_in_direct(deciding)
    if command.role is Role.AI:
        raise Refused(RefusalCode.MALFORMED, "nobody is made an AI by role")
    maker = deciding.state.members.get(command.invited_by)
    highest = highest_role_given_by(maker.role, deciding.state.room.settings, by_invite=True) if maker else None
    if highest is None or command.role.rank > highest.rank:
        raise Refused(RefusalCode.EXPIRED, "whoever made this invite may not invite any more")
    account = deciding.facts.accounts.get(deciding.actor_id)
    if account is None:
        raise no_such_room()
    return [_joined(deciding, account, command.role, command.until, invite_id=command.invite_id)]


def leave(deciding: Deciding) -> list[Event]:
    actor = deciding.actor
    if deciding.state.room.kind is RoomKind.DIRECT:
        raise Refused(RefusalCode.CONFLICT, "the members of a direct room are fixed")
    _keep_an_owner(deciding, actor)
    return [
        *end_turns_of_member(deciding, actor),
        MemberLeft(**deciding.head(), account_id=actor.account_id),
    ]


def remove(deciding: Deciding, command: RemoveMember) -> list[Event]:
    actor = deciding.actor
    _refuse_in_direct(deciding)
    target = deciding.state.members.get(command.account_id)
    if target is None:
        deciding.check(Right.REMOVE, towards=Role.AI)
        if not command.ban or command.account_id not in deciding.facts.accounts:
            deciding.other_member(command.account_id)
        if command.account_id in deciding.state.banned:
            raise Refused(RefusalCode.NO_CHANGE, "this account is banned already")
        # Who left of their own accord can still be kept out.
        return [MemberRemoved(**deciding.head(), account_id=command.account_id, is_banned=True)]
    if target.account_id == actor.account_id:
        raise Refused(RefusalCode.CONFLICT, "to go yourself, leave the room")
    deciding.check(Right.REMOVE, towards=target.role)
    _keep_an_owner(deciding, target)
    return [
        *end_turns_of_member(deciding, target),
        MemberRemoved(**deciding.head(), account_id=target.account_id, is_banned=command.ban),
    ]


def expire(deciding: Deciding, command: ExpireMember) -> list[Event]:
    target = deciding.state.members.get(command.account_id)
    if target is None or target.until is None or target.until > deciding.at:
        raise Refused(RefusalCode.NO_CHANGE, "this membership is not over")
    return [
        *end_turns_of_member(deciding, target),
        MemberRemoved(**deciding.head(), account_id=target.account_id, is_expired=True),
    ]


def lift_ban(deciding: Deciding, command: LiftBan) -> list[Event]:
    _ = deciding.actor
    _refuse_in_direct(deciding)
    deciding.check(Right.REMOVE, towards=Role.AI)
    if command.account_id not in deciding.state.banned:
        raise Refused(RefusalCode.NO_CHANGE, "this account is not banned")
    return [BanLifted(**deciding.head(), account_id=command.account_id)]


def set_role(deciding: Deciding, command: SetRole) -> list[Event]:
    actor = deciding.actor
    _refuse_in_direct(deciding)
    target = deciding.other_member(command.account_id)
    deciding.check(Right.HAND_OVER if command.role is Role.OWNER else Right.CHANGE_ROLE, towards=target.role)
    _check_given_role(deciding, actor.role, command.role, by_invite=False)
    if target.role is Role.AI:
        raise Refused(RefusalCode.CONFLICT, "an AI's role is fixed")
    if target.role is command.role:
        raise Refused(RefusalCode.NO_CHANGE, f"this member is {command.role.value} already")
    _keep_an_owner(deciding, target)
    return [RoleChanged(**deciding.head(), account_id=target.account_id, role=command.role, previous=target.role)]


def end_turns_of_member(deciding: Deciding, member: Member) -> list[Event]:
    if member.kind is not AccountKind.AI:
        return []
    return end_turns_of(deciding, member.account_id, "the AI left the room")


def _joined(
    deciding: Deciding, account: Account, role: Role, until: UtcTime | None, *, invite_id: str | None = None
) -> Event:
    if account.id in deciding.state.members:
        raise Refused(RefusalCode.NO_CHANGE, f"{account.display_name} is a member already")
    if account.id in deciding.state.banned:
        raise Refused(RefusalCode.BANNED, "this account is banned from the room until the ban is lifted")
    if len(deciding.state.members) >= deciding.limits.members:
        raise Refused(RefusalCode.LIMIT_REACHED, f"a room may have at most {deciding.limits.members} members")
    if until is not None and role is not Role.GUEST:
        raise Refused(RefusalCode.MALFORMED, "only a guest's membership may have an end")
    if until is not None and until <= deciding.at:
        raise Refused(RefusalCode.MALFORMED, "the end of the membership is in the past")
    return MemberJoined(
        **deciding.head(),
        member=member_of(account, role, joined_at=deciding.at, joined_seq=deciding.state.seq + 1, until=until),
        invite_id=invite_id,
    )


def member_of(account: Account, role: Role, *, joined_at: UtcTime, joined_seq: int, until: UtcTime | None) -> Member:
    """Return the account as a member. An AI is one by its kind, whatever role was named."""
    return Member(
        account_id=account.id,
        kind=account.kind,
        handle=account.handle,
        display_name=account.display_name,
        role=Role.AI if account.kind is AccountKind.AI else role,
        joined_at=joined_at,
        joined_seq=joined_seq,
        until=until,
    )


def _check_given_role(deciding: Deciding, giver: Role, role: Role, *, by_invite: bool = True) -> None:
    if role is Role.AI:
        raise Refused(RefusalCode.MALFORMED, "nobody is made an AI by role")
    highest = highest_role_given_by(giver, deciding.state.room.settings, by_invite=by_invite)
    if highest is None or role.rank > highest.rank:
        raise Refused(RefusalCode.FORBIDDEN, f"as {giver.value} you may not make someone {role.value}")


def _keep_an_owner(deciding: Deciding, going: Member) -> None:
    if going.role is Role.OWNER and len(deciding.state.owners()) == 1:
        raise Refused(RefusalCode.LAST_OWNER, "a room always has an owner: make someone else owner first")


def _refuse_in_direct(deciding: Deciding) -> None:
    if deciding.state.room.kind is RoomKind.DIRECT:
        _ = deciding.actor
        raise Refused(RefusalCode.CONFLICT, "the members of a direct room are fixed")
