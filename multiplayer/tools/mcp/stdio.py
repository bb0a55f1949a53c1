"""An MCP server as a process in a room's sandbox: its standard input and output are the wire. Needs the extra `mcp`."""

import asyncio
import os
import shlex
from collections import deque
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage

from multiplayer.tools.limits import MIB, Limits
from multiplayer.tools.mcp.config import StdioServer
from multiplayer.tools.mcp.wire import Item, Lines, TooLong
from multiplayer.tools.mcp.words import McpLimits, visible
from multiplayer.tools.sandbox.sandbox import Sandbox, SandboxFailed
from multiplayer.tools.sandbox.supervise import Pipes
from multiplayer.tools.workspace import Workspace

PROCESS_LIMITS: Final = Limits(wall_s=6 * 3600.0, cpu_s=600, output_bytes=256 * MIB)
"""Of one process over its whole life; the next call starts another."""
END_S: Final = 1.0
"""What a server has to end by itself once its input is closed."""
_LAST_WORDS: Final = 600


class StdioProcess:
    """One process and its wire. `transport` is for one MCP client, and ends with it."""

    def __init__(self, most_bytes: int) -> None:
        self._send, self._incoming = anyio.create_memory_object_stream[Item](0)
        self._outgoing, self._receive = anyio.create_memory_object_stream[SessionMessage](0)
        self._lines = Lines(most_bytes)
        self._errors: deque[bytes] = deque(maxlen=8)
        self.ended_because = ""
        """In our words; empty while it runs."""

    @property
    def last_words(self) -> str:
        """The end of what it wrote to its standard error: its words, for an operator or admin."""
        return visible(b"".join(self._errors)[-_LAST_WORDS:].decode(errors="replace").strip(), _LAST_WORDS)

    @asynccontextmanager
    async def transport(
        self,
    ) -> AsyncIterator[tuple[MemoryObjectReceiveStream[Item], MemoryObjectSendStream[SessionMessage]]]:
        async with self._incoming, self._outgoing:
            yield self._incoming, self._outgoing

    async def run(self, sandbox: Sandbox, server: StdioServer, workspace: Workspace, standard_input: int) -> None:
        """Start the process and return when it is dead; cancelling kills it. Says why in `ended_because`."""
        pipes = Pipes(input=standard_input, on_error=self._hear_error)
        code = f"exec {shlex.join(server.command)}"
        folders = [Path(folder) for folder in server.read_only]
        try:
            exit_ = await sandbox.run(workspace, code, "", PROCESS_LIMITS, self._hear, pipes=pipes, read_only=folders)
            how = (
                f"ended with status {exit_.status}"
                if exit_.stopped_by is None
                else f"went over its limit on {exit_.stopped_by}"
            )
            self.ended_because = self.ended_because or f"it {how}"
        except SandboxFailed:
            self.ended_because = "the sandbox could not be set up for it"
        finally:
            self._send.close()

    async def write(self, fd: int) -> None:
        """Write what the client sends, until there is no client."""
        async with self._receive:
            async for message in self._receive:
                line = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                await _write_all(fd, f"{line}\n".encode())

    def close(self) -> None:
        for stream in (self._send, self._incoming, self._outgoing, self._receive):
            stream.close()

    async def _hear(self, data: bytes) -> None:
        try:
            items = self._lines.feed(data)
        except TooLong:
            self.ended_because = "it wrote a line without end"
            self._send.close()
            return
        for item in items:
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # nobody listens any more; let it end
                await self._send.send(item)

    async def _hear_error(self, data: bytes) -> None:
        self._errors.append(data[-_LAST_WORDS:])


@asynccontextmanager
async def stdio_process(
    sandbox: Sandbox, server: StdioServer, workspace: Workspace, limits: McpLimits
) -> AsyncIterator[StdioProcess]:
    """Run a server for as long as the block lasts. Must not be entered inside a cancel scope of anyio's.

    Such a scope cancels again and again what cleans up in it, and here a sandbox must be cleaned up.
    """
    process = StdioProcess(limits.message_bytes)
    with ExitStack() as held:
        # The workspace that we were given may be closed while the server lives.
        kept = replace(workspace, fd=os.dup(workspace.fd))
        held.callback(kept.close)
        held.callback(process.close)
        ours = ExitStack()
        read, write = os.pipe()
        held.callback(os.close, read)
        held.enter_context(ours)
        ours.callback(partial(os.close, write))
        os.set_blocking(write, False)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(process.run(sandbox, server, kept, read))
            writing = tasks.create_task(process.write(write))
            try:
                yield process
            finally:
                writing.cancel()
                await asyncio.wait([writing])
                ours.close()
                await asyncio.wait([running], timeout=END_S)
                running.cancel()


async def _write_all(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(fd, left) :]
        except BlockingIOError:
            await _writable(fd)


async def _writable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(fd, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(fd)
