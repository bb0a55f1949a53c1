"""The file tool's figure: one `read_file` of 4 KiB through the one door for tool calls, in the server's own process."""

import asyncio
import json
import time
from pathlib import Path

from benchmarks.generator import RunFailed
from benchmarks.report import Figure, say
from benchmarks.spread import median, median_and_range, percentile
from benchmarks.stage import Size, quiet
from multiplayer.protocol.ids import RoomId
from multiplayer.tools.files.tools import file_tools
from multiplayer.tools.open_gate import OpenGate
from multiplayer.tools.registry import ToolCallContext, ToolRegistry
from multiplayer.tools.workspace import Workspace, Workspaces

GOAL_MS = 0.5
ROUNDS = 3
_WARM_UP = 50
_LINE = "x" * 63 + "\n"
_TEXT = _LINE * 64
_PATH = "a/b/c/d/text.txt"


async def read_of_4_kib(folder: Path, size: Size) -> Figure:
    root = folder / "file-read"
    workspace = await asyncio.to_thread(_filled, root)
    try:
        await quiet(size.quiet_s)
        await _round(workspace, _WARM_UP)
        rounds = [await _round(workspace, size.reads) for _ in range(ROUNDS)]
    finally:
        workspace.close()
    plain_ms = await asyncio.to_thread(_plain_ms, next(root.rglob("text.txt")), size.reads)
    p50s = [percentile(took_ms, 50) for took_ms in rounds]
    p99 = percentile([value for took_ms in rounds for value in took_ms], 99)
    say(f"  {median(p50s):.3f} ms")
    return Figure(
        name=f"file tool, `read_file` of 4 KiB five folders deep, in-process, {ROUNDS} × {size.reads} calls",
        result=f"p50 {median_and_range(p50s, 3)} ms, p99 {p99:.2f} ms; {median(p50s) / plain_ms:.0f} × a plain open and read",
        goal=f"p50 ≤ {GOAL_MS} ms",
        is_met=median(p50s) <= GOAL_MS,
        rounds=[
            {
                "calls": len(took_ms),
                "p50 ms": percentile(took_ms, 50),
                "p95 ms": percentile(took_ms, 95),
                "p99 ms": percentile(took_ms, 99),
                "plain open and read p50 ms": plain_ms,
            }
            for took_ms in rounds
        ],
        notes=[
            "with the arguments' check, the asker's right, the path opened below the workspace, and the secrets filter"
        ],
    )


def _filled(root: Path) -> Workspace:
    workspace = Workspaces(root).open(RoomId("0" * 26), 1)
    file = root / ("0" * 26) / _PATH
    file.parent.mkdir(parents=True)
    file.write_text(_TEXT)
    return workspace


async def _round(workspace: Workspace, calls: int) -> list[float]:
    registry = ToolRegistry(file_tools(["a-configured-key"]))
    context = ToolCallContext(workspace, OpenGate(), _show, "call")
    arguments = json.dumps({"path": _PATH})
    took_ms = []
    for _ in range(calls):
        began_s = time.perf_counter()
        result = await registry.call("read_file", arguments, context)
        took_ms.append((time.perf_counter() - began_s) * 1000)
        if not result.ok or _LINE.strip() not in result.text:
            raise RunFailed(f"read_file: {result.code} {result.text[:200]}")
    return took_ms


def _plain_ms(path: Path, calls: int) -> float:
    took_ms = []
    for _ in range(calls):
        began_s = time.perf_counter()
        path.read_text()
        took_ms.append((time.perf_counter() - began_s) * 1000)
    return percentile(took_ms, 50)


async def _show(_text: str) -> None:
    """A file tool says nothing meanwhile."""
