"""Reads trigger rules as people write them: handles for AIs, and for each mistake which rule and field it is in."""

import json
import re
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue, TypeAdapter, ValidationError

from multiplayer.cli.failures import Failure
from multiplayer.cli.output import Json
from multiplayer.cli.visible import shortened
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.trigger_rules import MAX_RULES, TriggerRule

_rule: TypeAdapter[TriggerRule] = TypeAdapter(TriggerRule)
_file: TypeAdapter[list[dict[str, JsonValue]]] = TypeAdapter(list[dict[str, JsonValue]])
_ID: Final = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_SAID: Final = {
    "id": "1 to 32 small letters, digits, - and _, a letter or digit first",
    "at": "a time of day, like 09:00",
    "days": "a number from 1 (Monday) to 7",
    "zone": "a time zone, like Europe/Berlin",
}
_KINDS: Final = "mention, reply, thread, keyword, every, schedule, webhook"
EXAMPLES: Final[tuple[dict[str, Json], ...]] = (
    {"type": "mention", "id": "mention"},
    {"type": "reply", "id": "reply"},
    {"type": "thread", "id": "thread", "idle_s": 600},
    {"type": "keyword", "id": "deploys", "words": ["deploy", "rollback"], "cooldown_s": 60},
    {"type": "every", "id": "every-ten", "messages": 10},
    {
        "type": "schedule",
        "id": "daily",
        "at": "09:00",
        "zone": "Europe/Berlin",
        "days": [1, 2, 3, 4, 5],
        "prompt": "What is open from yesterday?",
    },
    {"type": "webhook", "id": "ci", "prompt": "Say what this build came to."},
)
"""One rule of each kind."""


def parse_rules(text: str, ai_ids: Mapping[str, AccountId]) -> tuple[TriggerRule, ...]:
    """Read a JSON array of rules, with the AIs' handles (`ai_ids`) or ids in `ai_id`. Raises `Failure`."""
    try:
        given = _file.validate_json(text)
    except ValidationError:
        raise Failure("these are no rules: a JSON array of objects is needed", hint=HINT) from None
    if len(given) > MAX_RULES:
        raise Failure(f"a room may have at most {MAX_RULES} rules")
    return tuple(_parsed(number, fields, ai_ids) for number, fields in enumerate(given, 1))


def example_lines() -> str:
    """Return one rule of each kind, each on its line; the whole is a file of rules."""
    return "[\n" + ",\n".join(f"  {json.dumps(rule)}" for rule in EXAMPLES) + "\n]"


HINT: Final = "multiplayer room triggers example prints one rule of each kind"


def _parsed(number: int, fields: dict[str, JsonValue], ai_ids: Mapping[str, AccountId]) -> TriggerRule:
    rule_id = fields.get("id")
    name = f"rule {number} ({shortened(rule_id, 40)})" if isinstance(rule_id, str) and rule_id else f"rule {number}"
    ai = fields.get("ai_id")
    if isinstance(ai, str):
        ai_id = ai_ids.get(ai.removeprefix("@").casefold())
        # An id may be of an AI that has left: the room says so.
        if ai_id is None and not _ID.fullmatch(ai):
            raise Failure(f"{name}: ai_id: no AI of this room is called {shortened(ai, 40)}", hint=HINT)
        fields = {**fields, "ai_id": ai if ai_id is None else ai_id}
    try:
        return _rule.validate_json(json.dumps(fields))
    except ValidationError as error:
        raise Failure(f"{name}: {_mistake(error)}", hint=HINT) from None


def _mistake(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        return f"type: one of {_KINDS}"
    # The first part is the kind of rule.
    field = shortened(str(first["loc"][1]), 40) if len(first["loc"]) > 1 else ""
    if first["type"] == "extra_forbidden":
        return f"{field}: there is no such field in a rule of this kind"
    if first["type"] == "missing":
        return f"{field}: is missing"
    said = _SAID.get(field) or first["msg"].removeprefix("Value error, ")
    return f"{field}: {said}" if field else said
