"""Which sessions are open on this pod, by account and by address, and what an account's sessions are told."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence

from multiplayer.live.room_host import RoomHost
from multiplayer.live.session import Session, SessionLimits
from multiplayer.protocol.close_codes import CloseCode
from multiplayer.protocol.codec import encode
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import (
    Event,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    MessagePosted,
    RoomArchived,
    RoomDeleted,
    RoomRenamed,
    TopicSet,
)
from multiplayer.protocol.ids import AccountId, RoomId, SessionId
from multiplayer.protocol.signals import AccountSignal, RoomActivity, RoomAdded, RoomRemoved
from multiplayer.protocol.turn_events import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalRequested,
    TurnEnded,
    TurnStarted,
)
from multiplayer.storage.port import Storage, StorageUnavailable

ACTIVITY_S = 1.0


class Sessions:
    """Every session enters here before it does anything, and leaves at its end."""

    def __init__(self, storage: Storage, limits: SessionLimits) -> None:
        self._storage = storage
        self._limits = limits
        self._all: dict[SessionId, Session] = {}
        self._by_account: defaultdict[AccountId, dict[SessionId, Session]] = defaultdict(dict)
        self._by_address: Counter[str] = Counter()
        self._moved: dict[RoomId, RoomHost] = {}
        self._has_moved = asyncio.Event()
        self.has_new_account = asyncio.Event()
        """Set when an account comes that had no session here; who waits for it clears it."""

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._all.values()))

    @property
    def accounts(self) -> frozenset[AccountId]:
        """Who has a session here."""
        return frozenset(self._by_account)

    def check_address(self, address: str) -> None:
        """Refuse a further session from an address that has its fill."""
        if self._by_address[address] >= self._limits.sessions_per_address:
            raise Refused(RefusalCode.LIMIT_REACHED, "too many connections from this address")

    def add(self, session: Session) -> None:
        self.check_address(session.address)
        if len(self._by_account[session.account_id]) >= self._limits.sessions_per_account:
            raise Refused(RefusalCode.LIMIT_REACHED, "too many connections of this account")
        self._all[session.id] = session
        if not self._by_account[session.account_id]:
            self.has_new_account.set()
        self._by_account[session.account_id][session.id] = session
        self._by_address[session.address] += 1

    def discard(self, session: Session) -> None:
        if self._all.pop(session.id, None) is None:
            return
        mine = self._by_account[session.account_id]
        del mine[session.id]
        if not mine:
            del self._by_account[session.account_id]
        self._by_address[session.address] -= 1
        if not self._by_address[session.address]:
            del self._by_address[session.address]

    def of(self, account_id: AccountId) -> tuple[Session, ...]:
        return tuple(self._by_account[account_id].values()) if account_id in self._by_account else ()

    def tell(self, account_id: AccountId, signal: AccountSignal) -> None:
        line = encode(signal)
        for session in self.of(account_id):
            session.tell(line)

    def close_all(self, code: CloseCode, hint: str, *, reconnect_ms: int | None = None) -> None:
        for session in self:
            session.close(code, hint, reconnect_ms=reconnect_ms)

    def close_where(self, ended: Collection[str], disabled: Collection[str]) -> None:
        """Close the sessions whose credential has ended or whose account is disabled."""
        for session in self:
            if session.account_id in disabled:
                session.close(CloseCode.DISABLED, "this account is disabled")
            elif session.identity.credential_id in ended:
                session.close(CloseCode.UNAUTHENTICATED, "the sign-in of this session has ended")

    def hear(self, host: RoomHost, events: Sequence[Event]) -> None:
        """Keep the room lists of the members up to date."""
        for event in events:
            match event:
                case MemberJoined():
                    self.tell(event.member.account_id, RoomAdded(room=host.room.state.room))
                case MemberLeft() | MemberRemoved():
                    self.tell(event.account_id, RoomRemoved(room_id=host.room_id))
                case RoomDeleted():
                    for account_id in host.room.state.members:
                        self.tell(account_id, RoomRemoved(room_id=host.room_id))
                case MessagePosted() | RoomRenamed() | TopicSet() | RoomArchived():
                    self.note_moved(host)
                case TurnStarted() | TurnEnded() | ApprovalRequested() | ApprovalDecided() | ApprovalExpired():
                    # Of a turn this and no more: its many other events change nothing that a list shows.
                    self.note_moved(host)
                case _:
                    pass

    def note_moved(self, host: RoomHost) -> None:
        """Let the members who look elsewhere be told how the room stands."""
        self._moved[host.room_id] = host
        self._has_moved.set()

    async def tell_activity(self) -> None:
        """For ever: tell members who look elsewhere how a room that moved stands, at most once per room and second."""
        while True:
            await self._has_moved.wait()
            self._has_moved.clear()
            moved, self._moved = self._moved, {}
            for host in moved.values():
                elsewhere = self._elsewhere(host)
                if not elsewhere:
                    continue
                try:
                    marks = await self._storage.read_marks(host.room_id, list(elsewhere))
                except StorageUnavailable:
                    # Told in a later round: this task must outlive the database's absence.
                    self._moved.setdefault(host.room_id, host)
                    self._has_moved.set()
                    continue
                # As it stands now; what comes later is told a round later.
                state = host.room.state
                for account_id, sessions in elsewhere.items():
                    mark = marks.get(account_id)
                    if mark is None or account_id not in state.members:
                        continue
                    line = encode(
                        RoomActivity(
                            room_id=host.room_id,
                            seq=state.seq,
                            unread=mark.unread,
                            mentions=mark.mentions,
                            is_ai_working=state.is_ai_working,
                            needs_approval=state.needs_approval,
                            name=state.room.name,
                            topic=state.room.topic,
                            is_archived=state.room.archived_at is not None,
                        )
                    )
                    for session in sessions:
                        if not session.has_joined(host.room_id):
                            session.tell(line)
            await asyncio.sleep(ACTIVITY_S)

    def _elsewhere(self, host: RoomHost) -> dict[AccountId, list[Session]]:
        found: dict[AccountId, list[Session]] = {}
        members = host.room.state.members
        # Whichever is fewer: an account may be in many rooms, a room may have many members.
        for account_id in members if len(members) < len(self._by_account) else tuple(self._by_account):
            if account_id in members:
                sessions = [session for session in self.of(account_id) if not session.has_joined(host.room_id)]
                if sessions:
                    found[account_id] = sessions
        return found
