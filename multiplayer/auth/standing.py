"""Whether a stored access token or sign-in counts at this moment."""

from datetime import datetime
from typing import Literal

from multiplayer.auth.port import CredentialRow, Identity
from multiplayer.protocol.errors import RefusalCode, Refused


def identity_of(row: CredentialRow | None, how: Literal["token", "sign_in"], now: datetime) -> Identity:
    """Return whose credential this row is; refuse one that is missing, revoked, past its end, or of a disabled account."""
    thing = "access token" if how == "token" else "sign-in"
    if row is None:
        raise Refused(RefusalCode.UNAUTHENTICATED, f"This {thing} is not known here.")
    if row.revoked_at is not None:
        raise Refused(RefusalCode.EXPIRED, f"This {thing} was revoked.")
    if row.expires_at is not None and row.expires_at <= now:
        raise Refused(RefusalCode.EXPIRED, f"This {thing} has expired.")
    check_enabled(disabled=row.account_disabled)
    return Identity(
        account_id=row.account_id,
        how=how,
        credential_id=row.id,
        expires_at=row.expires_at,
        is_operator=row.account_is_operator,
    )


def check_enabled(*, disabled: bool) -> None:
    """Only for someone who has proved who they are: to others a disabled account looks like a wrong secret."""
    if disabled:
        raise Refused(RefusalCode.UNAUTHENTICATED, "This account is disabled.")
