"""Texts that commands are given, and trigger rules as JSON and in a few words."""

import sys
from pathlib import Path

from pydantic import TypeAdapter

from multiplayer.cli.failures import Failure
from multiplayer.cli.output import Json
from multiplayer.protocol.trigger_rules import (
    EveryRule,
    KeywordRule,
    ScheduleRule,
    ThreadRule,
    TriggerRule,
    WebhookRule,
)

MOST_BYTES = 1024 * 1024
_rules: TypeAdapter[tuple[TriggerRule, ...]] = TypeAdapter(tuple[TriggerRule, ...])
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def read_text(file: Path | None) -> str:
    """Read a file, or the input without one or for `-`. Raises `Failure`."""
    if file is None or str(file) == "-":
        read = sys.stdin.buffer.read(MOST_BYTES + 1) if sys.stdin is not None else b""
    else:
        with file.open("rb") as opened:
            read = opened.read(MOST_BYTES + 1)
    if len(read) > MOST_BYTES:
        raise Failure("this is too long: at most a mebibyte is read")
    try:
        return read.decode()
    except UnicodeDecodeError:
        raise Failure("this is no text in UTF-8") from None


def rules_json(rules: tuple[TriggerRule, ...]) -> Json:
    value: Json = _rules.dump_python(rules, mode="json")
    return value


def detail_of(rule: TriggerRule) -> str:
    match rule:
        case ThreadRule():
            return f"until {rule.idle_s} s of quiet"
        case KeywordRule():
            return ", ".join(rule.words)
        case EveryRule():
            return f"every {rule.messages} messages" if rule.messages > 1 else "every message"
        case ScheduleRule():
            days = " ".join(_DAYS[day - 1] for day in rule.days) or "daily"
            return f"{days} at {rule.at:%H:%M} {rule.zone}: {rule.prompt}"
        case WebhookRule():
            return rule.prompt
        case _:
            return ""
