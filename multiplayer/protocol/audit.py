"""A privileged act as the audit trail keeps it; sign-in and storage both speak of it."""

from dataclasses import dataclass
from datetime import datetime

from multiplayer.protocol.ids import AccountId


@dataclass(frozen=True)
class AuditEntry:
    """A privileged act, written in the transaction of what it did. `origin` is `ws`, `sse`, `http`, `cli` or `server`.

    Who acts at the command line or is the server itself has no `actor_id`.
    """

    at: datetime
    actor_id: AccountId | None
    origin: str
    action: str
    subject: str
    before: str = ""
    after: str = ""
