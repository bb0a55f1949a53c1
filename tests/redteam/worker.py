"""A stand-in for the server: runs commands in the sandbox for the red team, with secrets of its own to lose.

Started by stage.py. It gives up root if told so, leaves descriptors open as a careless library would, and answers JSON
lines: a request in, a reply out. The settings come as the first line.
"""

import asyncio
import base64
import contextlib
import ctypes
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

import multiplayer.tools
from multiplayer.protocol.ids import RoomId
from multiplayer.tools.limits import KIB, MIB, Limits
from multiplayer.tools.offered import build_tools
from multiplayer.tools.open_gate import OpenGate
from multiplayer.tools.refusal import ToolRefused
from multiplayer.tools.registry import ToolCallContext, ToolRegistry
from multiplayer.tools.sandbox.processes import tree_of
from multiplayer.tools.sandbox.sandbox import Mode, Sandbox, SandboxFailed
from multiplayer.tools.terminal.output import OutputCleaner
from multiplayer.tools.workspace import Workspace, Workspaces

LEAKED_FOLDER, LEAKED_FILE, LEAKED_SOCKET = 77, 78, 79
CONFIGURED = "configured-secret-4711"
"""A secret of the settings, that the output filter knows."""
_HEAD, _TAIL = 2 * MIB, 256 * KIB
_PR_SET_DUMPABLE = 4


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    workspaces: Path
    uid_base: int
    drop_to: int | None
    """Become this plain user before anything else."""
    mode: Mode | None
    """None: commands run without a sandbox, as a control."""
    bwrap: Path | None
    leaked_file: Path


class Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    verb: str
    room_id: str
    room_number: int
    code: str
    limits: Limits


class Reply(BaseModel):
    """How a command ended, what it printed raw, and what the room was shown of it."""

    id: str
    status: int | None = None
    stopped_by: str | None = None
    failed: str | None = None
    raw: str = ""
    shown: str = ""
    text: str = ""
    used_bytes: int = 0
    took_s: float = 0.0
    socket_was_written: bool = False
    children: int = 0

    @property
    def output(self) -> bytes:
        return base64.b64decode(self.raw)


class Ready(BaseModel):
    mode: str
    reason: str
    uid: int
    limits_by: str


@dataclass
class Heard:
    """Keeps the beginning and the end of an output, and cleans it as the room would see it."""

    head: bytes = b""
    tail: bytes = b""
    shown: str = ""

    def __post_init__(self) -> None:
        self._cleaner = OutputCleaner([CONFIGURED])

    async def take(self, data: bytes) -> None:
        room = _HEAD - len(self.head)
        self.head += data[:room]
        self.tail = (self.tail + data[max(room, 0) :])[-_TAIL:]
        if len(self.shown) < _HEAD:
            self.shown += self._cleaner.feed(data)

    def finish(self) -> str:
        self.shown += self._cleaner.finish()
        return self.shown

    @property
    def raw(self) -> str:
        return base64.b64encode(self.head + self.tail).decode()


@dataclass
class Server:
    settings: Settings
    workspaces: Workspaces
    sandbox: Sandbox
    registry: ToolRegistry
    ours: socket.socket
    """Our end of the socket that was left open."""

    async def answer(self, request: Request) -> Reply:
        try:
            return await self._answered(request)
        except Exception as broken:  # noqa: BLE001 - whatever a command makes us raise is its success, to be told
            return Reply(id=request.id, failed=f"the server's own code broke: {_words(broken)}")

    async def _answered(self, request: Request) -> Reply:
        started = time.monotonic()
        if request.verb == "idle":
            return Reply(id=request.id, children=len(tree_of(os.getpid())) - 1)
        workspace = await asyncio.to_thread(self.workspaces.open, RoomId(request.room_id), request.room_number)
        try:
            reply = await self._verb(request.verb)(request, workspace)
            usage = await asyncio.to_thread(workspace.usage, most_inodes=100_000)
        finally:
            workspace.close()
        return reply.model_copy(
            update={
                "used_bytes": usage.used_bytes,
                "took_s": time.monotonic() - started,
                "socket_was_written": self._socket_was_written(),
            }
        )

    def _verb(self, verb: str) -> Callable[[Request, Workspace], "asyncio.Future[Reply]"]:
        verbs = {"run": self._run, "tool": self._tool, "bare": self._bare}
        return verbs[verb]  # type: ignore[return-value]  # a coroutine is awaited like a future

    async def _run(self, request: Request, workspace: Workspace) -> Reply:
        heard = Heard()
        try:
            exit_ = await self.sandbox.run(workspace, request.code, "", request.limits, heard.take)
        except (SandboxFailed, ToolRefused) as failed:
            return Reply(id=request.id, failed=str(failed), raw=heard.raw, shown=heard.finish())
        return Reply(
            id=request.id, status=exit_.status, stopped_by=exit_.stopped_by, raw=heard.raw, shown=heard.finish()
        )

    async def _tool(self, request: Request, workspace: Workspace) -> Reply:
        pieces: list[str] = []

        async def emit(piece: str) -> None:
            pieces.append(piece)

        context = ToolCallContext(workspace, OpenGate(), emit, request.id, request.limits)
        arguments = json.dumps({"command": request.code})
        result = await self.registry.call("execute_command", arguments, context)
        shown = "".join(pieces)
        return Reply(
            id=request.id,
            status=result.exit_status,
            stopped_by=result.code,
            raw=base64.b64encode(shown.encode()).decode(),
            shown=shown,
            text=result.text,
        )

    async def _bare(self, request: Request, workspace: Workspace) -> Reply:
        return await asyncio.to_thread(self._bare_now, request, workspace)

    def _bare_now(self, request: Request, workspace: Workspace) -> Reply:
        """What a server without a sandbox would do."""
        process = subprocess.Popen(
            ["/bin/bash", "-c", request.code],
            cwd=f"/proc/self/fd/{workspace.fd}",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            close_fds=False,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            return Reply(id=request.id, failed="it did not end")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        return Reply(id=request.id, status=process.returncode, raw=base64.b64encode(output).decode())

    def _socket_was_written(self) -> bool:
        try:
            return bool(self.ours.recv(4096))
        except BlockingIOError:
            return False


def _words(broken: BaseException) -> str:
    while isinstance(broken, BaseExceptionGroup):
        broken = broken.exceptions[0]
    return repr(broken)


def become(uid: int) -> None:
    """Give up root for good, as a server started by a plain user has none."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # A process that changed its uid may not look at itself in /proc; one that never had another may.
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)


def leave_open(file: Path) -> socket.socket:
    """Descriptors that every child inherits, unless whoever starts it takes care. Returns our end of the socket."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    for source, number in (
        (os.open("/", os.O_RDONLY), LEAKED_FOLDER),
        (os.open(file, os.O_RDWR), LEAKED_FILE),
        (theirs.detach(), LEAKED_SOCKET),
    ):
        os.dup2(source, number, inheritable=True)
        os.close(source)
    return ours


def import_all() -> None:
    """Import what is imported late otherwise: once root is given up, the interpreter's own files may be closed to us."""
    for name in ("concurrent.futures.thread", "encodings.idna"):
        importlib.import_module(name)
    for module in pkgutil.iter_modules(multiplayer.tools.__path__, "multiplayer.tools."):
        if "mcp" not in module.name:  # an extra, and slow to import
            importlib.import_module(module.name)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=4 * MIB)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    settings = Settings.model_validate_json(await reader.readline())
    import_all()
    if settings.drop_to is not None:
        become(settings.drop_to)
    ours = leave_open(settings.leaked_file)
    workspaces = Workspaces(settings.workspaces, settings.uid_base)
    sandbox = Sandbox(workspaces, bwrap=settings.bwrap, only=settings.mode)
    if settings.mode is not None:
        status = await sandbox.preflight()
        ready = Ready(mode=status.mode, reason=status.reason, uid=os.geteuid(), limits_by=status.limits_by)
    else:
        ready = Ready(mode="none", reason="", uid=os.geteuid(), limits_by="nobody")
    say(ready)
    server = Server(settings, workspaces, sandbox, build_tools(sandbox, [CONFIGURED]), ours)

    async def answered(line: bytes) -> None:
        say(await server.answer(Request.model_validate_json(line)))

    async with asyncio.TaskGroup() as tasks:
        while line := await reader.readline():
            tasks.create_task(answered(line))


def say(message: BaseModel) -> None:
    data = message.model_dump_json().encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    asyncio.run(serve())
