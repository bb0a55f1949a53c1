"""A definition as people are shown it before they agree: the server's words whole, the unseen written out by its number."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import JsonValue

from multiplayer.tools.mcp.words import McpLimits, McpShown
from multiplayer.tools.terminal.output import SecretsFilter, take_bytes

_NOT_ASCII: Final = re.compile("[^ -~]+")
_NO_INK: Final = frozenset(
    (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
)
"""Letters and marks that look like nothing or like a space."""


def shown_definition(
    definition: Mapping[str, JsonValue], limits: McpLimits, secret_values: Sequence[str] = ()
) -> McpShown:
    """Show all that a digest binds of a tool; `definition` is the server's own. What is too long is cut and named."""
    left_out: list[str] = []

    def part(name: str, text: str) -> str:
        kept = take_bytes(text, limits.shown_bytes)
        size = len(text.encode())
        if len(kept) < len(text):
            left_out.append(f"{name}: the last {size - len(kept.encode())} of {size} bytes")
        return kept

    def prose(key: str) -> str:
        text = definition.get(key)
        return part(key, written_out(text, secret_values)) if isinstance(text, str) else ""

    def structure(name: str, key: str) -> str:
        value = definition.get(key)
        return "" if value is None else part(name, json_text(value, secret_values))

    return McpShown(
        title=prose("title"),
        description=prose("description"),
        input_schema=structure("input schema", "inputSchema"),
        output_schema=structure("output schema", "outputSchema"),
        annotations=structure("annotations", "annotations"),
        left_out=tuple(left_out),
    )


def written_out(text: str, secret_values: Sequence[str] = ()) -> str:
    """Text with its lines and tabs; every other character that is not plainly seen is written as in Python."""
    return _NOT_ASCII.sub(
        lambda run: "".join(
            each if each in "\n\t" or _is_plain(each) else each.encode("unicode_escape").decode() for each in run[0]
        ),
        _without(text, secret_values),
    )


def json_text(value: JsonValue, secret_values: Sequence[str] = ()) -> str:
    """JSON on one line, which reads back as the same value; what is not plainly seen is escaped as JSON does."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # A secret with a quote in it stands otherwise in JSON.
    escaped = (*secret_values, *(json.dumps(secret)[1:-1] for secret in secret_values))
    return _NOT_ASCII.sub(
        lambda run: "".join(each if _is_plain(each) else json.dumps(each)[1:-1] for each in run[0]),
        _without(text, escaped),
    )


def _is_plain(character: str) -> bool:
    return character.isprintable() and ord(character) not in _NO_INK


def _without(text: str, secret_values: Sequence[str]) -> str:
    keys = SecretsFilter(secret_values)
    return keys.feed(text) + keys.finish()
