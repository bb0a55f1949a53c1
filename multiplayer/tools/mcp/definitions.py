"""What an MCP server says of its tools, taken as a stranger's words: bounded, made visible, or left out. Needs `mcp`."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import mcp_types as types
from pydantic import JsonValue, TypeAdapter

from multiplayer.tools.mcp.config import McpServer
from multiplayer.tools.mcp.places import bound_place
from multiplayer.tools.mcp.schema import BadSchema, checked_schema, told_schema
from multiplayer.tools.mcp.shown import shown_definition
from multiplayer.tools.mcp.words import McpDefinition, McpLimits, McpListing, McpShown, digest, visible

MAX_LEFT_OUT: Final = 20
"""So many tools that cannot be used are named; the others are counted."""
_NAME: Final = re.compile(r"[A-Za-z0-9_./-]{1,128}")
_OBJECT: Final = TypeAdapter(dict[str, JsonValue])


class _Unusable(Exception):  # noqa: N818 - the world's state
    pass


def raw(tool: types.Tool) -> dict[str, JsonValue]:
    """The definition as the server gave it."""
    return _OBJECT.validate_python(tool.model_dump(mode="json", by_alias=True, exclude_none=True))


def read_listing(
    server: McpServer, tools: Sequence[types.Tool], limits: McpLimits, secret_values: Sequence[str] = ()
) -> McpListing:
    """Keep the tools that can be used; name what is wrong with the others."""
    kept: dict[str, McpDefinition] = {}
    shown: dict[str, McpShown] = {}
    left_shown = limits.shown_server_bytes
    left_out: list[str] = []
    times = Counter(tool.name for tool in tools)
    for tool in tools:
        try:
            if len(kept) < limits.tools:
                definition = raw(tool)
                kept[tool.name] = _definition(server, tool, definition, times[tool.name], limits, secret_values)
                seen = shown_definition(definition, limits, secret_values)
                if seen.size > left_shown:
                    seen = McpShown(left_out=(f"all of it: {server.name} says more of its tools than can be shown",))
                left_shown -= seen.size
                shown[tool.name] = seen
            else:
                left_out.append(f"{visible(tool.name, 80)}: the server has more than {limits.tools} tools")
        except (_Unusable, BadSchema) as why:
            left_out.append(f"{visible(tool.name, 80)}: {why}")
    if len(left_out) > MAX_LEFT_OUT:
        left_out[MAX_LEFT_OUT:] = [f"and {len(left_out) - MAX_LEFT_OUT} more"]
    return McpListing(tuple(kept.values()), tuple(left_out), shown)


def _definition(
    server: McpServer,
    tool: types.Tool,
    definition: Mapping[str, JsonValue],
    times: int,
    limits: McpLimits,
    secret_values: Sequence[str],
) -> McpDefinition:
    if times > 1:
        raise _Unusable("the server has it more than once")
    if _NAME.fullmatch(tool.name) is None:
        raise _Unusable("its name has other characters than a-z, A-Z, 0-9, _ . / -, or more than 128")
    description = tool.description or ""
    if len(description) > limits.description_characters:
        raise _Unusable(f"its description has more than {limits.description_characters} characters")
    given = definition.get("inputSchema")
    size = len(json.dumps([given, definition.get("outputSchema"), definition.get("annotations")]))
    if size > limits.schema_bytes:
        raise _Unusable(f"its schemas have more than {limits.schema_bytes} bytes")
    if not isinstance(given, dict):
        raise _Unusable("it has no schema")
    told = told_schema(given)
    return McpDefinition(
        server=server.name,
        tool=tool.name,
        description=visible(description, limits.description_characters, secret_values),
        schema=told,
        sha256=digest(definition, bound_place(server)),
        tool_class=server.tool_class,
        checked=checked_schema(told, given),
    )
