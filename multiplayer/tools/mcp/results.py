"""What an MCP tool answered, as the model reads it: text made visible and cut, everything else in words. Needs `mcp`."""

import json
import re
import secrets
from collections.abc import Sequence
from typing import Final, assert_never

import mcp_types as types

from multiplayer.protocol.cards import Taint
from multiplayer.tools.mcp.words import McpLimits, visible
from multiplayer.tools.refusal import ToolFault
from multiplayer.tools.registry import ToolResult
from multiplayer.tools.terminal.output import MAX_LINE, HeadAndTail, SecretsFilter, clean_text

_LONG_LINE: Final = re.compile(f"[^\n]{{{MAX_LINE // 2}}}(?=[^\n])")
MAX_PARTS: Final = 100
_SPARE: Final = 2
"""So many times what is shown is cleaned: what is dropped as invisible leaves room for what follows."""


def read_answer(
    answer: types.CallToolResult | types.InputRequiredResult, limits: McpLimits, secret_values: Sequence[str]
) -> ToolResult:
    """Always tainted, whatever it is. Takes long for a long answer: call it in a thread."""
    if isinstance(answer, types.InputRequiredResult):
        text = "the server wants to ask back (for input, a model or folders), which is not offered; nothing came of the call"
        return ToolResult(ok=False, text=text, code=ToolFault.REFUSED, taint=Taint.MCP)
    parts = [_part(part) for part in answer.content[:MAX_PARTS]]
    if len(answer.content) > MAX_PARTS:
        parts.append(f"[{len(answer.content) - MAX_PARTS} further parts are left out]")
    if answer.structured_content is not None and not _is_said(answer):
        parts.append(json.dumps(answer.structured_content, ensure_ascii=False))
    text = shown("\n".join(parts), limits, secret_values) or "[the answer is empty]"
    if answer.is_error:
        return ToolResult(ok=False, text=text, code=ToolFault.IO, taint=Taint.MCP)
    return ToolResult(ok=True, text=text, taint=Taint.MCP)


def read_refusal(text: str, limits: McpLimits, secret_values: Sequence[str]) -> ToolResult:
    """The server's error, in its words."""
    said = shown(text[:4_000], limits, secret_values)
    return ToolResult(ok=False, text=f"the server refused the call: {said}", code=ToolFault.IO, taint=Taint.MCP)


def shown(text: str, limits: McpLimits, secret_values: Sequence[str]) -> str:
    """The beginning and the end of a text, made visible."""
    head, tail = _SPARE * limits.head_bytes, _SPARE * limits.tail_bytes
    kept = HeadAndTail(limits.head_bytes, limits.tail_bytes)
    if len(text) <= head + tail:
        kept.feed(_cleaned(text, secret_values))
    else:
        kept.feed(_cleaned(text[:head], secret_values))
        kept.feed(f"\n[… {len(text) - head - tail} characters left out …]\n")
        kept.feed(_cleaned(text[-tail:], secret_values))
    return kept.text()


def _cleaned(text: str, secret_values: Sequence[str]) -> str:
    """As a command's output, but lines stay whole however long they are: an answer is often one line of JSON."""
    # A private character, and a number that nobody could have written into the text.
    seam = f"\ue000{secrets.token_hex(4)}"
    sewn = _LONG_LINE.sub(lambda found: f"{found[0]}\n{seam}", text)
    cleaned = clean_text(sewn.encode(errors="replace"), secret_values).replace(f"\n{seam}", "")
    # Once more, for what lay across a seam.
    keys = SecretsFilter(secret_values)
    return keys.feed(cleaned) + keys.finish()


def _part(part: types.ContentBlock) -> str:
    match part:
        case types.TextContent():
            return part.text
        case types.ImageContent() | types.AudioContent():
            kind = "an image" if isinstance(part, types.ImageContent) else "sound"
            return f"[{kind} ({visible(part.mime_type, 60)}), {len(part.data) * 3 // 4} bytes, not passed on]"
        case types.EmbeddedResource():
            return f"[a resource ({visible(str(part.resource.uri), 200)}), not passed on]"
        case types.ResourceLink():
            return f"[a link to a resource ({visible(str(part.uri), 200)}), not followed]"
        case _:
            assert_never(part)


def _is_said(answer: types.CallToolResult) -> bool:
    """Whether a text says the same as the structured content: servers are to write it so, or put it into `result`."""
    for part in answer.content[:MAX_PARTS]:
        if isinstance(part, types.TextContent):
            if answer.structured_content == {"result": part.text}:
                return True
            try:
                if json.loads(part.text) == answer.structured_content:
                    return True
            except (ValueError, RecursionError):
                continue
    return False
