"""The file tools on the command line: `call --workspace DIR`, one JSON call a line in, one JSON result a line out."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, BinaryIO, Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictInt, StrictStr, ValidationError
from pydantic_core import from_json

from multiplayer.tools.files.tools import file_tools
from multiplayer.tools.limits import MIB
from multiplayer.tools.open_gate import OpenGate
from multiplayer.tools.refusal import ToolFault
from multiplayer.tools.registry import ToolCallContext, ToolRegistry
from multiplayer.tools.workspace import Workspace, Workspaces, not_to_be_lent

MAX_LINE_BYTES: Final = 16 * MIB
_SHAPE: Final = 'a call is {"id": …, "name": …, "arguments": {…}}'

_Id = Annotated[StrictStr, Field(max_length=256)] | Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)]


class _Named(BaseModel):
    """As much of a call as is needed to answer it."""

    id: _Id


class _Call(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    id: _Id
    name: str
    arguments: dict[str, JsonValue]


def _malformed(call_id: str | int | None, text: str) -> dict[str, JsonValue]:
    return {"id": call_id, "ok": False, "code": ToolFault.BAD_ARGUMENTS.value, "text": text}


async def _answer(line: bytes, registry: ToolRegistry, workspace: Workspace) -> dict[str, JsonValue]:
    try:
        value = from_json(line, allow_inf_nan=False)
    except ValueError:
        return _malformed(None, f"the line is not JSON; {_SHAPE}")
    try:
        call = _Call.model_validate(value)
    except ValidationError:
        return _malformed(_id_of(value), _SHAPE)

    async def unheard(_: str) -> None:
        return None

    context = ToolCallContext(workspace, OpenGate(), unheard, call_id=str(call.id))
    result = await registry.call(call.name, json.dumps(call.arguments), context)
    if result.ok:
        return {"id": call.id, "ok": True, "text": result.text}
    return {"id": call.id, "ok": False, "code": result.code, "text": result.text}


def _id_of(value: object) -> str | int | None:
    try:
        return _Named.model_validate(value).id
    except ValidationError:
        return None


def _read_line(source: BinaryIO) -> bytes | None:
    """The next line; None after the last; of one over `MAX_LINE_BYTES` just as much as tells that it is."""
    line = source.readline(MAX_LINE_BYTES + 1)
    part = line
    while len(part) > MAX_LINE_BYTES and not part.endswith(b"\n"):
        part = source.readline(MAX_LINE_BYTES + 1)
    return line or None


async def _serve(folder: Path) -> None:
    registry = ToolRegistry(file_tools())
    with Workspaces(folder.parent).borrow(folder) as workspace:
        while (line := await asyncio.to_thread(_read_line, sys.stdin.buffer)) is not None:
            if len(line) > MAX_LINE_BYTES:
                answer = _malformed(None, f"the line is longer than {MAX_LINE_BYTES} bytes")
            else:
                answer = await _answer(line, registry, workspace)
            print(json.dumps(answer), flush=True)  # noqa: T201 - a command line


def main(arguments: Sequence[str]) -> int:
    """Answer calls from standard input until it ends. Runs with an owner's rights."""
    parser = argparse.ArgumentParser(prog="multiplayer.tools.files")
    verbs = parser.add_subparsers(dest="verb", required=True)
    call = verbs.add_parser("call", help="answer tool calls, one a line")
    call.add_argument("--workspace", type=Path, required=True)
    folder = parser.parse_args(arguments).workspace.resolve()
    if not folder.is_dir():
        parser.error(f"{folder} is not a folder")
    why_not = not_to_be_lent(folder)
    if why_not is not None:
        parser.error(why_not)
    try:
        asyncio.run(_serve(folder))
    except BrokenPipeError:
        # Whoever read the answers has gone; what is still buffered must not be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
