"""Why a connection ends: the WebSocket close codes, which stand in the `closing` line of either transport."""

from enum import IntEnum


class CloseCode(IntEnum):
    """Each code says whether and how to come back; the `closing` line adds a hint in words."""

    BYE = 1000
    """The client said goodbye."""
    TOO_BIG = 1009
    """A frame was over its limit in bytes. Send less; resume is allowed."""
    RESTARTING = 1012
    """The server restarts. Reconnect after `reconnect_ms` and resume."""
    NO_HELLO = 4000
    """`hello` did not come in time."""
    UNAUTHENTICATED = 4001
    """The sign-in, token or ticket is missing, invalid, expired, revoked or logged out. Sign in again."""
    DISABLED = 4003
    """The account is disabled. Do not come back with it."""
    UNREADABLE = 4004
    """A frame was not lines of JSON objects, so nothing after it can be understood."""
    TOO_SLOW = 4008
    """The client read too slowly for too long. Reconnect and resume: nothing is lost."""
    TOO_MANY = 4029
    """Too many connections of this account or address. Close others first, or wait."""
