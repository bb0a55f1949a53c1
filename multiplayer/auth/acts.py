"""What sign-in tells the audit trail of making and ending secrets; never the secrets."""

from datetime import datetime

from multiplayer.protocol.audit import AuditEntry
from multiplayer.protocol.ids import AccountId


def act(at: datetime, by: str | None, origin: str, action: str, subject: str, *, after: str = "") -> AuditEntry:
    """Return the entry of something done by account `by`, or at the command line or by the server itself (None)."""
    actor_id = AccountId(by) if by is not None else None
    return AuditEntry(at=at, actor_id=actor_id, origin=origin, action=action, subject=subject, after=after)
