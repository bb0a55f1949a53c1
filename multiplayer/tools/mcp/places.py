"""Where an outside server is: what a consent binds of it, and what people are shown of it, which holds no secret."""

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

from pydantic import JsonValue

from multiplayer.tools.mcp.config import HttpServer, McpServer
from multiplayer.tools.mcp.shown import written_out
from multiplayer.tools.mcp.words import McpPlace
from multiplayer.tools.terminal.output import take_bytes

HIDDEN: Final = "[hidden]"
MAX_ADDRESS_BYTES: Final = 4_000
_NAMES: Final = r"(?:key|token|secret|passw|pwd|credential|auth|cookie|bearer)"
_SECRET_FLAG: Final = re.compile(rf"--?[\w-]*{_NAMES}[\w-]*", re.IGNORECASE)
_SECRET_VALUE: Final = re.compile(rf"({_NAMES}[\w.-]*[\"']?\s*[:=]\s*).+", re.IGNORECASE | re.DOTALL)
# Long, and letters mixed with digits, as keys are; names of files have a dot or a slash.
_LIKE_A_KEY: Final = re.compile(r"(?=[^/]*\d)(?=[^/]*[A-Za-z])[\w~+=%-]{20,}")
_IN_ADDRESS: Final = re.compile(r"(?<=://)[^/@\s]+(?=@)|(?<=\?).+", re.DOTALL)


def bound_place(server: McpServer) -> JsonValue:
    """Return what a server's tools come from: its whole address, or its program line. For a digest, never to be shown."""
    if isinstance(server, HttpServer):
        return {"url": server.url}
    return {"command": list(server.command)}


def shown_place(server: McpServer, secret_values: Sequence[str] = ()) -> McpPlace:
    """Return where a server is in words for people. What is or looks like a secret is hidden."""
    if isinstance(server, HttpServer):
        parts = urlsplit(server.url)
        path = "/".join(HIDDEN if _LIKE_A_KEY.fullmatch(part) else part for part in parts.path.split("/"))
        query = f"?{HIDDEN}" if parts.query else ""
        return McpPlace("http", _bounded(f"{parts.scheme}://{parts.netloc}{path}{query}", secret_values))
    # Quoted last: a shell's quotes must not stand in the way of a secret's end.
    words = (written_out(word, secret_values) for word in _without_secrets(server.command))
    return McpPlace("stdio", _bounded(" ".join(map(shlex.quote, words)), ()))


def _without_secrets(command: Sequence[str]) -> Iterator[str]:
    follows_flag = False
    for word in command:
        yield HIDDEN if follows_flag and not word.startswith("-") else _hidden(word)
        follows_flag = _SECRET_FLAG.fullmatch(word) is not None


def _hidden(word: str) -> str:
    word = _SECRET_VALUE.sub(rf"\1{HIDDEN}", _IN_ADDRESS.sub(HIDDEN, word))
    name, equals, value = word.rpartition("=")
    return f"{name}{equals}{HIDDEN}" if not value.startswith("-") and _LIKE_A_KEY.fullmatch(value) else word


def _bounded(text: str, secret_values: Sequence[str]) -> str:
    shown = written_out(text, secret_values).replace("\n", "\\n").replace("\t", "\\t")
    kept = take_bytes(shown, MAX_ADDRESS_BYTES)
    return kept if kept == shown else f"{kept}… ({len(shown.encode()) - len(kept.encode())} bytes more)"
