"""How `multiplayer room settings` reads and shows who approves the AIs' tool calls."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import typer

from multiplayer.cli.failures import USAGE, Failure
from multiplayer.cli.options import read_span


class StandingClass(StrEnum):
    """The classes that a room may let run without asking each time."""

    WRITE = "write"
    SENSITIVE_WRITE = "sensitive_write"
    TERMINAL = "terminal"
    EXTENDED = "extended"
    NETWORK = "network"


def read_expires(text: str) -> int:
    """Read how long an approval waits, in seconds. Raises `Failure`."""
    seconds = _span(text, "--expires").total_seconds()
    if not 30 <= seconds <= 3_600:
        raise Failure("--expires: from 30s to 1h", exit_code=USAGE)
    return int(seconds)


def read_standing(words: Sequence[str], now: datetime) -> Mapping[StandingClass, datetime | None]:
    """Read `CLASS=SPAN`, `CLASS=TIME` or `CLASS=none`: until when each class runs unasked. Raises `Failure`."""
    found: dict[StandingClass, datetime | None] = {}
    for word in words:
        name, _, until = word.partition("=")
        try:
            tool_class = StandingClass(name.strip().lower().replace("-", "_"))
        except ValueError:
            classes = ", ".join(StandingClass)
            raise Failure(f"--standing: {name!r} is none of the classes {classes}", exit_code=USAGE) from None
        found[tool_class] = None if until.strip().lower() == "none" else _until(until.strip(), now)
    return found


def changed_approvals(
    before: Mapping[str, object],
    changes: Mapping[str, object],
    standing: Mapping[StandingClass, datetime | None],
    *,
    clears_standing: bool,
) -> dict[str, object]:
    """Return a room's approval policy with changes, as the protocol reads it. Standing rules not named stay."""
    kept: list[object] = []
    rules = before.get("standing")
    if isinstance(rules, Sequence) and not clears_standing:
        kept = [rule for rule in rules if isinstance(rule, Mapping) and rule.get("tool_class") not in set(standing)]
    new = [{"tool_class": name.value, "until": until} for name, until in standing.items() if until is not None]
    return {**before, **changes, "standing": (*kept, *new)}


def approval_rows(approvals: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield a policy as it is shown: each option's name and its value."""
    for name, option in (
        ("approvers", "approvers"),
        ("not_asker", "not-asker"),
        ("asks_before_writes", "ask-before-writes"),
        ("admins_confirm", "admins-confirm"),
        ("members_confirm", "members-confirm"),
    ):
        value = approvals[name]
        yield option, ("yes" if value else "no") if isinstance(value, bool) else str(value)
    yield "expires", f"{approvals['expires_s']}s"
    rules = approvals["standing"]
    named = [f"{r['tool_class']}={r['until']}" for r in rules] if isinstance(rules, Sequence) else []
    yield "standing", ",".join(named) or "none"


def _until(text: str, now: datetime) -> datetime:
    if "T" not in text.upper():
        return now + _span(text, "--standing")
    try:
        until = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(f"--standing: {text!r} is no time like 2026-01-31T12:00:00Z", exit_code=USAGE) from None
    return until if until.tzinfo is not None else until.replace(tzinfo=UTC)


def _span(text: str, option: str) -> timedelta:
    try:
        return read_span(text)
    except typer.BadParameter as bad:
        raise Failure(f"{option}: {bad.message}", exit_code=USAGE) from None
