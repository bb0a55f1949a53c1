"""The file tools on the command line: `call --workspace DIR`, one JSON call a line in, one JSON result a line out."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from multiplayer.protocol.members import Role
from multiplayer.tools.files import file_tools
from multiplayer.tools.refusal import ToolFault
from multiplayer.tools.registry import ToolCallContext, ToolRegistry
from multiplayer.tools.workspace import Workspace, Workspaces


class _Call(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str | int
    name: str
    arguments: dict[str, JsonValue]


async def _answer(line: str, registry: ToolRegistry, workspace: Workspace) -> dict[str, JsonValue]:
    try:
        call = _Call.model_validate_json(line)
    except ValidationError:
        text = 'a call is {"id": …, "name": …, "arguments": {…}}'
        return {"id": None, "ok": False, "code": ToolFault.BAD_ARGUMENTS.value, "text": text}

    async def owner() -> Role:
        return Role.OWNER  # whoever may open the folder on this machine

    async def unheard(_: str) -> None:
        return None

    context = ToolCallContext(workspace, owner, unheard, call_id=str(call.id))
    result = await registry.call(call.name, json.dumps(call.arguments), context)
    if result.ok:
        return {"id": call.id, "ok": True, "text": result.text}
    return {"id": call.id, "ok": False, "code": result.code, "text": result.text}


async def _serve(folder: Path) -> None:
    registry = ToolRegistry(file_tools())
    with Workspaces(folder.parent).borrow(folder) as workspace:
        while line := await asyncio.to_thread(sys.stdin.readline):
            answer = await _answer(line, registry, workspace)
            print(json.dumps(answer), flush=True)  # noqa: T201 - a command line


def main(arguments: Sequence[str]) -> int:
    """Answer calls from standard input until it ends. Runs with an owner's rights."""
    parser = argparse.ArgumentParser(prog="multiplayer.tools.files")
    verbs = parser.add_subparsers(dest="verb", required=True)
    call = verbs.add_parser("call", help="answer tool calls, one a line")
    call.add_argument("--workspace", type=Path, required=True)
    given = parser.parse_args(arguments)
    asyncio.run(_serve(given.workspace.resolve()))
    return 0
