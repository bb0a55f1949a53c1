"""What every storage promises of the audit trail: privileged acts, kept in a chain that shows any change."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from multiplayer.protocol.ids import AccountId, RoomId


@dataclass(frozen=True)
class AuditEntry:
    """A privileged act, written in the transaction of what it did. `origin` is `ws`, `sse`, `http`, `cli` or `server`."""

    at: datetime
    actor_id: AccountId | None
    origin: str
    action: str
    subject: str
    before: str = ""
    after: str = ""


class AuditTrail(Protocol):
    """The privileged acts, written by the methods that take an `AuditEntry`."""

    async def verify_audit(self, room_id: RoomId | None) -> str | None:
        """Walk a room's chain (None: the server's); return what is wrong with the first wrong row, None if all is right."""
        ...
