"""How all processes of a command are brought to their end: with their namespace, or by the uid that is theirs alone."""

import asyncio
import contextlib
import os
import signal
from typing import Protocol

from multiplayer.tools.sandbox.processes import freeze, is_first_of_a_namespace, kill_all_of
from multiplayer.tools.sandbox.spawn import Spawned, readable

_PATIENCE_S = 10.0
"""What the trampoline has to sweep: processes end one after the other, each with its memory."""


class Ending(Protocol):
    """Of one command."""

    @property
    def is_sure(self) -> bool:
        """Whether `end` will find every process that may still hold the command's output open."""

    def told(self, first: int) -> None:
        """The launcher has named process 1 of the command's namespace."""

    def kill(self) -> None:
        """Begin to kill; does not wait."""

    async def end(self) -> None:
        """Kill what is left; returns when the last process of the command is dead."""


class NamespaceEnding:
    """Mode `strict`: what is inside dies with its process 1."""

    def __init__(self, process: Spawned) -> None:
        self._process = process
        self._first: int | None = None
        """Pidfd of process 1 inside: as long as it lives, something of the command may."""
        self._strays: list[int] = []
        """Pidfds of what was killed with bwrap before it told us of any process."""

    @property
    def is_sure(self) -> bool:
        return self._first is not None

    def told(self, first: int) -> None:
        if self._first is not None:
            return
        with contextlib.suppress(ProcessLookupError):  # it has ended already
            self._first = os.pidfd_open(first)
        if self._first is not None and not is_first_of_a_namespace(first):
            os.close(self._first)  # a number that was given to another process meanwhile
            self._first = None

    def kill(self) -> None:
        # Killed between its fork and its first word to us, bwrap would leave a child that waits for it for ever.
        self._strays += freeze(self._process.pid) if self._first is None else []
        self._process.kill()
        for stray in self._strays:
            _kill_by(stray)

    async def end(self) -> None:
        if self._process.is_running:
            self.kill()
        await self._process.end()
        while self._strays:
            await readable(self._strays[-1])
            os.close(self._strays.pop())
        if self._first is None:
            return
        # bwrap's end kills it as well, but not in the moments before the child has asked for that.
        _kill_by(self._first)
        try:
            await readable(self._first)
        finally:
            os.close(self._first)
            self._first = None


class UidEnding:
    """Mode `landlock`: the trampoline kills all that has the room's uid; that it did is looked at."""

    def __init__(self, uid: int, process: Spawned) -> None:
        self._uid = uid
        self._process = process

    @property
    def is_sure(self) -> bool:
        return True

    def told(self, first: int) -> None:
        """Nobody says so in this mode."""

    def kill(self) -> None:
        self._process.terminate()

    async def end(self) -> None:
        if self._process.is_running:
            self._process.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    await self._process.wait()
        await self._process.end()
        # Also if somebody has killed the trampoline. By its own pidfd each: none of another uid can be hit.
        if not await asyncio.to_thread(kill_all_of, self._uid):
            raise UnkillableProcess(f"a process of uid {self._uid} does not end")


class UnkillableProcess(Exception):  # noqa: N818 - it names what there is
    """Something of a command lives on, and cannot be killed."""


def _kill_by(pidfd: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
