"""What is said about the tools of MCP servers: their definitions, what a call needs, what can go wrong. No mcp needed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, Protocol

from pydantic import JsonValue

from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.tools import Consent, ToolClass
from multiplayer.tools.limits import KIB, MIB
from multiplayer.tools.refusal import ToolFault
from multiplayer.tools.registry import ToolResult
from multiplayer.tools.terminal.output import clean_text
from multiplayer.tools.workspace import Workspace

MAX_NAME: Final = 128


@dataclass(frozen=True, slots=True)
class McpLimits:
    """What a server may cost us."""

    connect_s: float = 30.0
    """Start of a process or first answer of an address, with agreeing on the protocol."""
    call_s: float = 60.0
    """One question: a call, or one page of definitions."""
    idle_s: float = 600.0
    """A connection that nobody uses ends after this."""
    starts: int = 5
    """So many connections of a room to a server may be begun within `starts_s`."""
    starts_s: float = 600.0
    connections: int = 32
    """Of all rooms to all servers at a time. The one that is idle longest makes room for a new one."""
    known_s: float = 300.0
    """Definitions are read again for an offer after this. Before a call they are always read again."""
    unknown_s: float = 30.0
    """So long a server is not asked again for an offer when it did not answer."""
    offer_s: float = 5.0
    """So long an offer waits for servers that have to be asked; what comes later is in the next one."""
    tools: int = 64
    pages: int = 8
    description_characters: int = 4_000
    schema_bytes: int = 16 * KIB
    shown_bytes: int = 16 * KIB
    """Of each part of a definition, as people are shown it: with odd characters written out."""
    shown_server_bytes: int = MIB
    """Of all definitions of a server, as people are shown them."""
    head_bytes: int = 192 * KIB
    tail_bytes: int = 64 * KIB
    arguments_bytes: int = 256 * KIB
    message_bytes: int = 4 * MIB
    """One line of a process, one answer of an address."""


@dataclass(frozen=True, slots=True)
class McpRoom:
    """Where a server is used. Servers with a `command` run in the workspace; each room has connections of its own."""

    room_id: RoomId
    workspace: Workspace


@dataclass(frozen=True, slots=True)
class McpDefinition:
    """A tool as its server defines it, made safe to show. All words in it are the server's: data, never orders."""

    server: str
    tool: str
    description: str
    schema: Mapping[str, JsonValue]
    """Of the arguments, as the model is told: only known keywords, no invisible characters."""
    sha256: str
    """Of where the server is and of the definition as it gave it, before anything was made safe: what a room consents to."""
    tool_class: ToolClass
    checked: Mapping[str, JsonValue] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    """The part of the schema that arguments are checked against here."""


ServerKind = Literal["http", "stdio"]


@dataclass(frozen=True, slots=True)
class McpPlace:
    """Where a server is, as people are shown it: nothing in `address` is secret."""

    kind: ServerKind
    address: str
    """An address without its query, or the program line."""


@dataclass(frozen=True, slots=True)
class McpShown:
    """A definition for people to decide about: whole, in the server's words, what cannot be seen in them written out."""

    title: str = ""
    description: str = ""
    input_schema: str = ""
    """This and what follows: JSON, empty where the server gives none."""
    output_schema: str = ""
    annotations: str = ""
    left_out: tuple[str, ...] = ()
    """What of it is too long to be shown."""

    @property
    def size(self) -> int:
        parts = (self.title, self.description, self.input_schema, self.output_schema, self.annotations)
        return sum(len(part.encode()) for part in parts)


@dataclass(frozen=True, slots=True)
class McpListing:
    """What a server offers now. `left_out` are sentences about tools that cannot be used."""

    definitions: tuple[McpDefinition, ...]
    left_out: tuple[str, ...] = ()
    shown: Mapping[str, McpShown] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    """The same definitions for people, by tool."""


class McpFailed(Exception):  # noqa: N818 - the world's state
    """A server was not reached or did not answer as it should. The sentence is ours, with no word of the server's."""

    def __init__(self, code: ToolFault, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class McpChanged(Exception):  # noqa: N818 - the world's state
    """The tool is not defined any more as it was when the room agreed to it."""


class McpCalls(Protocol):
    """What tools need of the connected servers (`mcp_servers.McpServers`)."""

    @property
    def names(self) -> tuple[str, ...]:
        """All configured servers."""

    def place(self, server: str) -> McpPlace:
        """Where a configured server is."""

    async def listing(self, server: str, room: McpRoom) -> McpListing:
        """Ask the server now. Raises `McpFailed`."""

    async def call(self, definition: McpDefinition, arguments: Mapping[str, JsonValue], room: McpRoom) -> ToolResult:
        """Call the tool if it is still defined so. Raises `McpChanged`, `McpFailed`."""

    def check(self, definition: McpDefinition, arguments: Mapping[str, JsonValue]) -> str | None:
        """Say what of the arguments does not fit the tool's schema."""

    async def known_for(self, consents: Sequence[Consent], room: McpRoom) -> Mapping[tuple[str, str], McpDefinition]:
        """Return definitions by server and tool, read lately, of the servers that the consents name."""


_BOUND: Final = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")


def digest(definition: Mapping[str, JsonValue], place: JsonValue) -> str:
    """The sha256 of a definition as the server gave it, and of where the server is (`places.bound_place`)."""
    bound = {"place": place, "tool": {key: definition.get(key) for key in _BOUND}}
    text = json.dumps(bound, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def visible(text: str, most_characters: int, secret_values: Sequence[str] = ()) -> str:
    """A server's words without control, direction and invisible characters, and not longer than this."""
    cleaned = clean_text(text[: 4 * most_characters].encode(errors="replace"), secret_values)
    return cleaned if len(cleaned) <= most_characters else f"{cleaned[: most_characters - 1]}…"
