"""The closed list of reasons a command can be refused, and the exception that carries one."""

from enum import StrEnum


class RefusalCode(StrEnum):
    """Why a command was refused. The same codes stand in `refused` lines and in HTTP problem details."""

    MALFORMED = "malformed"
    """The frame or body is not what protocol says; the message names the field."""
    UNAUTHENTICATED = "unauthenticated"
    """No, or no valid, sign-in, token or ticket."""
    FORBIDDEN = "forbidden"
    """Your role does not have this right."""
    NOT_FOUND = "not_found"
    """Not there, or not yours to see: the two are indistinguishable on purpose."""
    TOO_LONG = "too_long"
    """A text, name or list is over its limit."""
    TOO_BIG = "too_big"
    """A frame or body is over its limit in bytes."""
    KEY_REUSED = "key_reused"
    """The idempotency key was used for another command."""
    CONFLICT = "conflict"
    """The state does not allow it: a taken name, a deleted message, an ended turn."""
    NO_CHANGE = "no_change"
    """It is already so; nothing was stored."""
    RATE_LIMITED = "rate_limited"
    """Too many of these; `retry_after_s` says when to try again."""
    BUSY = "busy"
    """The room or the server has too much waiting; try again with the same key."""
    LIMIT_REACHED = "limit_reached"
    """A count (members, rooms, sessions) is at its limit."""
    BANNED = "banned"
    """Banned from this room until the ban is lifted."""
    LAST_OWNER = "last_owner"
    """A room always has an owner."""
    ARCHIVED = "archived"
    """The room is archived: it can be read, not written."""
    UNAVAILABLE = "unavailable"
    """The database cannot be reached; nothing was stored."""
    UNKNOWN = "unknown"
    """The server cannot tell whether it was stored: retry with the same key."""
    EXPIRED = "expired"
    """A link, invite, ticket, token or approval is used up, revoked or past its end."""


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """A command was not carried out and nothing was stored; the sentence says what the person can do."""

    def __init__(self, code: RefusalCode, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s
