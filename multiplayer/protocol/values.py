"""What every word of the protocol is made of: frozen values, and times with milliseconds in UTC."""

from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer


class Frozen(BaseModel):
    """A value: immutable, and nothing in it that its type does not name."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def rfc3339(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, the one form of time on the wire."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _to_milliseconds(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("a time needs its zone: write it with Z")
    try:
        utc = at.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time needs to lie in the years 1 to 9999 of UTC") from None
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def _refuse_number(at: object) -> object:
    # A string of digits alone would be read as seconds since 1970.
    if not isinstance(at, datetime) and not (isinstance(at, str) and "T" in at.upper()):
        raise ValueError("a time is written like 2026-01-31T12:00:00Z")
    return at


UtcTime = Annotated[
    datetime, BeforeValidator(_refuse_number), AfterValidator(_to_milliseconds), PlainSerializer(rfc3339, str, "json")
]
"""An aware time, cut to milliseconds, so that what is sent and what is kept are equal."""


def _is_empty(value: object) -> bool:
    return not value


T = TypeVar("T")
Sparse = Annotated[T, Field(exclude_if=_is_empty)]
"""Left out of what is written when it is empty: most messages have no cards, and their lines should not say so."""
