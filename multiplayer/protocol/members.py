"""Who is in a room: accounts, roles, members, presence."""

from enum import StrEnum

from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.values import Frozen, UtcTime


class AccountKind(StrEnum):
    HUMAN = "human"
    BOT = "bot"
    AI = "ai"


class Role(StrEnum):
    """A member's role in one room. `AI` stands aside of the ranks and never has more than the person who asked."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    GUEST = "guest"
    AI = "ai"

    @property
    def rank(self) -> int:
        """Higher acts on lower; an AI ranks below everyone, so it can act on no one."""
        return {Role.OWNER: 4, Role.ADMIN: 3, Role.MEMBER: 2, Role.GUEST: 1, Role.AI: 0}[self]


class Presence(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"


class Account(Frozen):
    """Who someone is on this server. The id is stable, the display name is not."""

    id: AccountId
    kind: AccountKind
    handle: str
    display_name: str
    is_operator: bool = False


class Member(Frozen):
    """An account in a room. `joined_seq` is the seq of the event that made it a member."""

    account_id: AccountId
    kind: AccountKind
    handle: str
    display_name: str
    role: Role
    joined_at: UtcTime
    joined_seq: int
    until: UtcTime | None = None
    """When a guest's membership ends by itself."""
