"""Starting a process with nothing of ours but what it is given, and waiting on descriptors, on any event loop."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Sequence

READ_BYTES = 64 * 1024


class Spawned:
    """A child process of ours. `end` it once: it reaps the child and closes the pidfd."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        output: int,
        pass_fds: Sequence[int],
        standard_input: int | None = None,
        error: int | None = None,
    ) -> None:
        """Start it; blocks until it has been executed (about a millisecond). Raises `OSError`.

        Call this on the loop's own thread: the sandbox dies with the thread that started it. Not through the loop:
        with `pass_fds` uvloop leaves every other inheritable descriptor of ours open in the child.
        """
        self._child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL if standard_input is None else standard_input,
            stdout=output,
            stderr=output if error is None else error,
            cwd="/",
            env={},
            close_fds=True,
            pass_fds=pass_fds,
            start_new_session=True,
        )
        try:
            self._pidfd = os.pidfd_open(self._child.pid)
        except OSError:
            self._child.kill()
            self._child.wait()
            raise

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def is_running(self) -> bool:
        return self._child.poll() is None

    def kill(self) -> None:
        self._child.kill()

    def terminate(self) -> None:
        self._child.terminate()

    async def wait(self) -> None:
        """Return when it has ended. Does not kill."""
        if self.is_running:
            await readable(self._pidfd)
            self._child.wait()

    async def end(self) -> None:
        if self._pidfd < 0:
            return
        self.kill()
        await self.wait()
        os.close(self._pidfd)
        self._pidfd = -1


async def chunks(fd: int) -> AsyncIterator[bytes]:
    """What can be read from a non-blocking descriptor, up to 64 KiB at a time, until its end."""
    while True:
        try:
            data = os.read(fd, READ_BYTES)
        except BlockingIOError:
            await readable(fd)
            continue
        if not data:
            return
        yield data
        await asyncio.sleep(0)  # a flood must not keep the loop from others


async def readable(fd: int) -> None:
    """Return when `fd` can be read, or a pidfd's process has ended."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(fd, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(fd)
