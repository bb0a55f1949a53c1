"""Before a room: making rooms, direct rooms and accounts, and coming in by an invite."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from multiplayer.auth.handles import check_handle
from multiplayer.auth.random_secrets import SecretKind, digest_of, mint
from multiplayer.live.audit import Origin, audit_of
from multiplayer.live.clock import Clock
from multiplayer.live.directory import Directory
from multiplayer.live.profiles import MAX_NAME
from multiplayer.protocol.codec import encode
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import RoomCreated
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.inner_commands import AcceptInvite
from multiplayer.protocol.members import Account, AccountKind, Role
from multiplayer.protocol.profiles import AiProfile
from multiplayer.protocol.rooms import RoomKind, RoomListing, RoomSettings, RoomView
from multiplayer.protocol.trigger_rules import DIRECT_TRIGGERS
from multiplayer.rooms.deciding import checked_name, no_such_room
from multiplayer.rooms.limits import RoomLimits
from multiplayer.rooms.member_rules import member_of
from multiplayer.rooms.permissions import Right, highest_role_given_by
from multiplayer.rooms.state import created
from multiplayer.storage.account_port import HandleTaken, StoredAccount, StoredInvite
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.port import Append, NewEvent, OutcomeUnknown, Storage, StorageUnavailable

OPERATOR_HANDLE = "host"
AI_HANDLE = "ai"
MAX_DIRECT = 20


@dataclass(frozen=True)
class Invite:
    """A new invite; `code` is shown once."""

    id: str
    code: str
    role: Role
    expires_at: datetime | None
    uses: int | None


@dataclass(frozen=True)
class InvitePreview:
    """What whoever holds a code may see before joining."""

    room: RoomView
    role: Role
    members: int


class Lobby:
    def __init__(self, storage: Storage, directory: Directory, clock: Clock, limits: RoomLimits) -> None:
        self._storage = storage
        self._directory = directory
        self._clock = clock
        self._limits = limits

    async def ensure_built_ins(self) -> tuple[StoredAccount, StoredAccount]:
        """Return the operator account `host` and the AI account `ai`; make them if this is the first start.

        The AI's profile says no more than that the server's own model answers.
        """
        operator = await self._ensure(OPERATOR_HANDLE, AccountKind.HUMAN, "Host", is_operator=True)
        return operator, await self._ensure(AI_HANDLE, AccountKind.AI, "AI", is_operator=False)

    async def create_account(
        self,
        handle: str,
        *,
        display_name: str = "",
        kind: AccountKind = AccountKind.HUMAN,
        is_operator: bool = False,
        by: AccountId | None = None,
        origin: Origin,
    ) -> Account:
        """Refuses a handle that is taken or breaks the rules of handles."""
        folded = check_handle(handle)
        account = Account(
            id=AccountId(self._clock.new_id()),
            kind=kind,
            handle=folded,
            display_name=checked_name(display_name or handle, self._limits.name),
            is_operator=is_operator,
        )
        audit = AuditEntry(
            at=self._clock.now(),
            actor_id=by,
            origin=origin,
            action="account_created",
            subject=account.id,
            after="operator" if is_operator else kind.value,
        )
        try:
            if kind is AccountKind.AI:
                profile = _profile_of(account)
                await self._storage.create_ai(account, profile, is_from_file=False, audit=audit)
            else:
                await self._storage.create_account(account, created_at=self._clock.now(), audit=audit)
        except HandleTaken:
            raise Refused(RefusalCode.CONFLICT, f"there is an account {folded!r} already") from None
        return account

    async def create_room(
        self,
        creator_id: AccountId,
        name: str,
        *,
        topic: str = "",
        with_ai: bool = True,
        settings: RoomSettings | None = None,
        room_id: RoomId | None = None,
        origin: Origin,
    ) -> RoomId:
        """Make a room with its creator as owner and, unless not wanted, the built-in AI.

        A `room_id` that is given is that of one room for ever: where it is, or was and is deleted, nothing is made.
        """
        name = checked_name(name, self._limits.name)
        if len(topic) > self._limits.topic:
            raise Refused(RefusalCode.TOO_LONG, f"a topic may have at most {self._limits.topic} characters")
        await self._check_may_make_rooms(creator_id)
        accounts = [await self._account(creator_id)]
        if with_ai:
            ai = (await self.ensure_built_ins())[1]
            accounts += [] if ai.disabled else [ai.account]
        return await self._create(
            RoomKind.ROOM, name, topic, accounts, direct_key=None, settings=settings, room_id=room_id, origin=origin
        )

    async def direct(self, creator_id: AccountId, handles: Sequence[str], *, origin: Origin) -> RoomId:
        """Return the direct room of exactly these accounts and the creator; make it if there is none."""
        await self._check_may_make_rooms(creator_id)
        accounts = {creator_id: await self._account(creator_id)}
        for handle in handles:
            found = await self._storage.find_account_by_handle(handle.casefold())
            if found is None or found.disabled:
                raise Refused(RefusalCode.NOT_FOUND, "there is no account of this name")
            accounts[found.id] = found.account
        if len(accounts) < 2:
            raise Refused(RefusalCode.MALFORMED, "a direct room needs someone else")
        if len(accounts) > MAX_DIRECT:
            raise Refused(RefusalCode.LIMIT_REACHED, f"a direct room may have at most {MAX_DIRECT} members")
        name = ", ".join(account.display_name for account in accounts.values())[: self._limits.name]
        direct_key = sha256("\n".join(sorted(accounts)).encode()).hexdigest()
        return await self._create(
            RoomKind.DIRECT, name, "", list(accounts.values()), direct_key=direct_key, origin=origin
        )

    async def create_invite(
        self,
        room_id: RoomId,
        maker_id: AccountId,
        *,
        role: Role,
        uses: int | None,
        ttl: timedelta | None,
        member_until: datetime | None = None,
        origin: Origin,
    ) -> Invite:
        """Make a link's code. What its maker may give is checked now and again when it is accepted."""
        host = await self._directory.host(room_id)
        maker = host.room.check(maker_id, Right.INVITE)
        if host.room.state.room.kind is RoomKind.DIRECT:
            raise Refused(RefusalCode.CONFLICT, "the members of a direct room are fixed")
        highest = highest_role_given_by(maker.role, host.room.state.room.settings, by_invite=True)
        if role is Role.AI or highest is None or role.rank > highest.rank:
            raise Refused(RefusalCode.FORBIDDEN, f"as {maker.role.value} you may not invite someone as {role.value}")
        if member_until is not None and role is not Role.GUEST:
            raise Refused(RefusalCode.MALFORMED, "only a guest's membership may have an end")
        now = self._clock.now()
        secret = mint(SecretKind.INVITE)
        invite = StoredInvite(
            id=self._clock.new_id(),
            room_id=room_id,
            created_by=maker_id,
            role=role.value,
            created_at=now,
            expires_at=now + ttl if ttl is not None else None,
            uses_left=uses,
            member_until=member_until,
            revoked_at=None,
        )
        await self._storage.add_invite(
            invite, secret.sha256, audit=self._invite_audit(invite, maker_id, origin, "invite_created")
        )
        return Invite(invite.id, secret.text, role, invite.expires_at, uses)

    async def list_invites(self, room_id: RoomId, reader_id: AccountId) -> Sequence[StoredInvite]:
        host = await self._directory.host(room_id)
        host.room.check(reader_id, Right.INVITE)
        return await self._storage.list_invites(room_id)

    async def revoke_invite(self, room_id: RoomId, invite_id: str, by: AccountId, *, origin: Origin) -> None:
        host = await self._directory.host(room_id)
        member = host.room.check(by, Right.INVITE)
        invites = {invite.id: invite for invite in await self._storage.list_invites(room_id)}
        invite = invites.get(invite_id)
        if invite is None:
            raise Refused(RefusalCode.NOT_FOUND, "there is no such invite")
        if invite.created_by != by and member.role not in {Role.OWNER, Role.ADMIN}:
            raise Refused(RefusalCode.FORBIDDEN, "only its maker, an admin or an owner may revoke an invite")
        audit = self._invite_audit(invite, by, origin, "invite_revoked")
        if not await self._storage.revoke_invite(room_id, invite_id, at=self._clock.now(), audit=audit):
            raise Refused(RefusalCode.NO_CHANGE, "this invite is revoked already")

    async def preview_invite(self, code: str) -> InvitePreview:
        invite = await self._valid_invite(code)
        host = await self._directory.host(invite.room_id)
        return InvitePreview(host.room.state.room, Role(invite.role), len(host.room.state.members))

    async def accept_invite(self, code: str, account_id: AccountId, *, origin: Origin) -> RoomId:
        """Become a member; take one use of the invite only if that succeeds."""
        invite = await self._valid_invite(code)
        host = await self._directory.host(invite.room_id)
        await self._check_room_for_one_more(account_id)
        if not await self._storage.spend_invite(invite.id, now=self._clock.now()):
            raise _spent()
        command = AcceptInvite(
            invite_id=invite.id, invited_by=invite.created_by, role=Role(invite.role), until=invite.member_until
        )
        try:
            await host.ask(account_id, command, origin=origin)
        except Refused as refused:
            # Unknown may have joined: the use stays taken, and joining again is then "already a member".
            if refused.code is not RefusalCode.UNKNOWN:
                # With the database away the use is lost rather than the reason: an invite gives too few, never too many.
                with suppress(StorageUnavailable, OutcomeUnknown):
                    await self._storage.return_invite_use(invite.id)
            raise
        return invite.room_id

    async def _check_may_make_rooms(self, account_id: AccountId) -> None:
        mine = await self._check_room_for_one_more(account_id)
        if mine and all(listing.role == Role.GUEST.value for listing in mine):
            raise Refused(RefusalCode.FORBIDDEN, "who is only a guest on this server may not make rooms")

    async def _check_room_for_one_more(self, account_id: AccountId) -> Sequence[RoomListing]:
        mine = await self._storage.rooms_of(account_id)
        if len(mine) >= self._limits.rooms_per_account:
            raise Refused(
                RefusalCode.LIMIT_REACHED, f"an account may be in at most {self._limits.rooms_per_account} rooms"
            )
        return mine

    async def _valid_invite(self, code: str) -> StoredInvite:
        digest = digest_of(code, SecretKind.INVITE)
        invite = await self._storage.find_invite(digest) if digest is not None else None
        if invite is None:
            raise Refused(RefusalCode.NOT_FOUND, "there is no such invite")
        now = self._clock.now()
        if invite.revoked_at is not None or (invite.expires_at is not None and invite.expires_at <= now):
            raise _spent()
        if invite.uses_left is not None and invite.uses_left <= 0:
            raise _spent()
        return invite

    async def _account(self, account_id: AccountId) -> Account:
        found = await self._storage.find_account(account_id)
        if found is None or found.disabled:
            raise no_such_room()
        return found.account

    async def _create(
        self,
        kind: RoomKind,
        name: str,
        topic: str,
        accounts: Sequence[Account],
        *,
        direct_key: str | None,
        settings: RoomSettings | None = None,
        room_id: RoomId | None = None,
        origin: Origin,
    ) -> RoomId:
        now = self._clock.now()
        creator = accounts[0]
        people = [account for account in accounts if account.kind is not AccountKind.AI]
        is_alone = kind is RoomKind.DIRECT and len(people) == 1 < len(accounts)
        event = RoomCreated(
            settings=settings or (RoomSettings(triggers=DIRECT_TRIGGERS) if is_alone else RoomSettings()),
            room_id=room_id or RoomId(self._clock.new_id()),
            seq=1,
            id=self._clock.new_id(),
            at=now,
            actor_id=creator.id,
            kind=kind,
            name=name,
            topic=topic,
            members=tuple(
                member_of(account, Role.OWNER, joined_at=now, joined_seq=1, until=None) for account in accounts
            ),
        )
        append = Append(event.room_id, 0, (NewEvent(event, encode(event)),), audit_of([event], created(event), origin))
        return await self._storage.create_room(append, direct_key=direct_key)

    async def _ensure(self, handle: str, kind: AccountKind, name: str, *, is_operator: bool) -> StoredAccount:
        found = await self._storage.find_account_by_handle(handle)
        if found is None:
            account = Account(
                id=AccountId(self._clock.new_id()),
                kind=kind,
                handle=handle,
                display_name=name,
                is_operator=is_operator,
            )
            # Taken: another process made it in the meantime.
            with suppress(HandleTaken):
                if kind is AccountKind.AI:
                    audit = AuditEntry(
                        at=self._clock.now(),
                        actor_id=None,
                        origin="server",
                        action="account_created",
                        subject=account.id,
                        after=kind.value,
                    )
                    await self._storage.create_ai(account, _profile_of(account), is_from_file=False, audit=audit)
                else:
                    await self._storage.create_account(account, created_at=self._clock.now())
            found = await self._storage.find_account_by_handle(handle)
            assert found is not None, f"the account {handle} was just made"
        return found

    def _invite_audit(self, invite: StoredInvite, by: AccountId, origin: Origin, action: str) -> AuditEntry:
        return AuditEntry(
            at=self._clock.now(), actor_id=by, origin=origin, action=action, subject=invite.id, after=invite.role
        )


def _profile_of(account: Account) -> AiProfile:
    """What an AI is until an operator says more."""
    return AiProfile(handle=account.handle, name=account.display_name[:MAX_NAME])


def _spent() -> Refused:
    return Refused(RefusalCode.EXPIRED, "this invite is used up, revoked or past its end")
