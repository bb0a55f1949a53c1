"""Who is in a room, over HTTP: members, their roles, invites, and coming in by one."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, SecretStr, StrictBool, StrictInt, StringConstraints

from multiplayer.auth.passwords import check_password
from multiplayer.live.lobby import InvitePreview
from multiplayer.protocol.commands import InviteMember, LeaveRoom, RemoveMember, SetRole
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.members import Account, Member, Role
from multiplayer.protocol.rooms import RoomKind
from multiplayer.protocol.values import Frozen, UtcTime
from multiplayer.rooms.permissions import Right
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.transports.rooms_api import Committed, committed, perform
from multiplayer.transports.routes import Access, Answer, Call, Nothing, Operation, Reply, Route
from multiplayer.transports.sign_in_answers import SessionMade, session_made

MAX_TTL = timedelta(days=3660)
MAX_USES = 100_000
InviteCode = Annotated[SecretStr, Field(max_length=200)]


class MemberList(Frozen):
    members: tuple[Member, ...]


class NewMember(Frozen):
    handle: Annotated[str, StringConstraints(max_length=64)]
    role: Role = Role.MEMBER
    until: UtcTime | None = None
    """When a guest's membership ends by itself."""


class RoleChange(Frozen):
    role: Role


class Removal(Frozen):
    ban: bool = False
    """No way back until the ban is lifted."""


class NewInvite(Frozen):
    role: Role = Role.MEMBER
    uses: Annotated[StrictInt, Field(ge=1, le=MAX_USES)] | None = 1
    """Null: any number."""
    ttl_s: Annotated[StrictInt, Field(ge=1, le=int(MAX_TTL.total_seconds()))] | None = 7 * 86_400
    """Null: until it is revoked."""
    member_until: UtcTime | None = None


class InviteMade(Frozen):
    """`code` is shown this once."""

    id: str
    code: str
    role: Role
    expires_at: UtcTime | None = None
    uses: int | None = None


class InviteView(Frozen):
    id: str
    created_by: AccountId
    role: str
    created_at: UtcTime
    expires_at: UtcTime | None = None
    uses_left: int | None = None
    member_until: UtcTime | None = None
    revoked_at: UtcTime | None = None


class InviteList(Frozen):
    invites: tuple[InviteView, ...]


class CodeBody(Frozen):
    code: InviteCode


class Preview(Frozen):
    """What whoever holds the code may see."""

    room_id: RoomId
    kind: RoomKind
    name: str
    topic: str
    role: Role
    members: int


class Acceptance(Frozen):
    """Signed in: `code` alone. Otherwise also `handle` and `password`, of the account this makes."""

    code: InviteCode
    handle: Annotated[str, StringConstraints(max_length=64)] | None = None
    password: Annotated[SecretStr, Field(max_length=2_000)] | None = None
    display_name: Annotated[str, StringConstraints(max_length=200)] = ""
    cookie: StrictBool = False


class Joined(Frozen):
    """`session`, when an account was made: it is signed in."""

    room_id: RoomId
    session: SessionMade | None = None


async def _members(call: Call[Nothing, Nothing]) -> MemberList:
    return MemberList(members=tuple(call.host.room.state.members.values()))


async def _add_member(call: Call[NewMember, Nothing]) -> Committed:
    body = call.body
    return committed(await perform(call, InviteMember(handle=body.handle, role=body.role, until=body.until)))


async def _remove_member(call: Call[Nothing, Removal]) -> Committed:
    account_id = AccountId(call.place("account_id"))
    if account_id == call.account_id and not call.query.ban:
        return committed(await perform(call, LeaveRoom()))
    return committed(await perform(call, RemoveMember(account_id=account_id, ban=call.query.ban)))


async def _set_role(call: Call[RoleChange, Nothing]) -> Committed:
    return committed(await perform(call, SetRole(account_id=AccountId(call.place("account_id")), role=call.body.role)))


async def _invites(call: Call[Nothing, Nothing]) -> InviteList:
    invites = await call.pod.lobby.list_invites(call.room_id, call.account_id)
    return InviteList(
        invites=tuple(
            InviteView(
                id=invite.id,
                created_by=invite.created_by,
                role=invite.role,
                created_at=invite.created_at,
                expires_at=invite.expires_at,
                uses_left=invite.uses_left,
                member_until=invite.member_until,
                revoked_at=invite.revoked_at,
            )
            for invite in invites
        )
    )


async def _create_invite(call: Call[NewInvite, Nothing]) -> InviteMade:
    call.check_commands()
    body = call.body
    made = await call.pod.lobby.create_invite(
        call.room_id,
        call.account_id,
        role=body.role,
        uses=body.uses,
        ttl=timedelta(seconds=body.ttl_s) if body.ttl_s is not None else None,
        member_until=body.member_until,
        origin="http",
    )
    return InviteMade(id=made.id, code=made.code, role=made.role, expires_at=made.expires_at, uses=made.uses)


async def _revoke_invite(call: Call[Nothing, Nothing]) -> None:
    call.check_commands()
    await call.pod.lobby.revoke_invite(call.room_id, call.place("invite_id"), call.account_id, origin="http")


async def _preview(call: Call[CodeBody, Nothing]) -> Preview:
    call.site.logins_by_address.check(call.peer.address)
    seen = await _preview_of(call, call.body.code)
    room = seen.room
    return Preview(
        room_id=room.id, kind=room.kind, name=room.name, topic=room.topic, role=seen.role, members=seen.members
    )


async def _accept(call: Call[Acceptance, Nothing]) -> Answer:
    call.site.logins_by_address.check(call.peer.address)
    body = call.body
    code = body.code.get_secret_value()
    if call.maybe_caller is not None:
        if body.handle is not None or body.password is not None:
            raise Refused(RefusalCode.MALFORMED, "you are signed in: the code is enough")
        return Joined(room_id=await call.pod.lobby.accept_invite(code, call.account_id, origin="http"))
    if body.handle is None or body.password is None:
        raise Refused(RefusalCode.UNAUTHENTICATED, "sign in, or give a handle and a password for a new account")
    # Before there is an account: is the code good, and the password?
    await _preview_of(call, body.code)
    password = check_password(body.password.get_secret_value())
    account = await call.pod.lobby.create_account(body.handle, display_name=body.display_name, origin="http")
    try:
        await call.pod.doors.local.set_password(account.id, password, by=account.id, origin="http")
        room_id = await call.pod.lobby.accept_invite(code, account.id, origin="http")
    except Refused as refused:
        if refused.code is not RefusalCode.UNKNOWN:
            await _close_account(call, account)
        raise
    made = await call.pod.doors.sign_ins.create(account.id)
    reply = await session_made(call.pod.storage, call.peer, made, by_cookie=body.cookie)
    assert isinstance(reply.body, SessionMade), "that is what it answers"
    return Reply(Joined(room_id=room_id, session=reply.body), reply.headers, 201)


async def _close_account(call: Call[object, object], account: Account) -> None:
    """The invite ended between the look and the join: without it this account would be a sign-up for free."""
    pod = call.pod
    audit = AuditEntry(at=pod.clock.now(), actor_id=None, origin="http", action="account_disabled", subject=account.id)
    await pod.storage.disable_account(account.id, disabled=True, audit=audit)


async def _preview_of(call: Call[object, object], code: SecretStr) -> InvitePreview:
    return await call.pod.lobby.preview_invite(code.get_secret_value())


_ROOM = "/api/v1/rooms/{room_id}"
_INVITES = "/api/v1/invites"
MEMBERS_API: tuple[Operation, ...] = (
    Route("GET", f"{_ROOM}/members", Access.MEMBER, "Members", _members, Nothing, Nothing, MemberList),
    Route(
        "POST",
        f"{_ROOM}/members",
        Access.SIGNED_IN,
        "Make an account a member at once",
        _add_member,
        NewMember,
        Nothing,
        Committed,
        201,
    ),
    Route(
        "DELETE",
        f"{_ROOM}/members/{{account_id}}",
        Access.SIGNED_IN,
        "Remove or ban a member; yourself: leave",
        _remove_member,
        Nothing,
        Removal,
        Committed,
    ),
    Route(
        "PATCH",
        f"{_ROOM}/members/{{account_id}}",
        Access.SIGNED_IN,
        "Change a role",
        _set_role,
        RoleChange,
        Nothing,
        Committed,
    ),
    Route(
        "GET",
        f"{_ROOM}/invites",
        Access.MEMBER,
        "Invites of this room",
        _invites,
        Nothing,
        Nothing,
        InviteList,
        right=Right.INVITE,
    ),
    Route(
        "POST",
        f"{_ROOM}/invites",
        Access.MEMBER,
        "Make an invite",
        _create_invite,
        NewInvite,
        Nothing,
        InviteMade,
        201,
        right=Right.INVITE,
    ),
    Route(
        "DELETE",
        f"{_ROOM}/invites/{{invite_id}}",
        Access.MEMBER,
        "Revoke an invite",
        _revoke_invite,
        Nothing,
        Nothing,
        None,
        204,
        right=Right.INVITE,
    ),
    Route("POST", f"{_INVITES}/preview", Access.OPEN, "Look at an invite", _preview, CodeBody, Nothing, Preview),
    Route(
        "POST",
        f"{_INVITES}/accept",
        Access.OPTIONAL,
        "Come in by an invite, with an account or a new one",
        _accept,
        Acceptance,
        Nothing,
        Joined,
    ),
)
