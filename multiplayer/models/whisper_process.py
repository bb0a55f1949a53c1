"""One Whisper worker seen from the server: its process, the lines to it and from it, and its certain end."""

import asyncio
import os
import pwd
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ValidationError

from multiplayer.models.audio_bytes import AudioBytes
from multiplayer.models.whisper_wire import ANSWERS, MOST_LINE_BYTES, Answer, Job, Setup

COMMAND: Final = (sys.executable, "-P", "-m", "multiplayer.models.whisper_worker")
_ENDED_BY_OTHERS: Final = frozenset({-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP})
_BELOW_NOBODY: Final = range(65_533, 65_000, -1)
_READ_BYTES: Final = 64 * 1024


class WorkerDied(Exception):  # noqa: N818 - what happened
    """The worker has ended, or says what is no line of the wire. `was_crash`: by its own doing, as far as can be told."""

    def __init__(self, *, was_crash: bool) -> None:
        super().__init__("the Whisper worker died")
        self.was_crash = was_crash


class WhisperProcess:
    """A worker's process. Whoever has started it ends it."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._is_given_up = False
        assert process.stdin is not None, "asked for"
        assert process.stdout is not None, "asked for"
        self._input = process.stdin
        self._output = process.stdout

    @classmethod
    async def started(cls, setup: Setup, command: Sequence[str] = COMMAND) -> Self:
        """Start a worker and send it its setup. Raises `OSError`."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            cwd="/",
            env=_environment(setup.threads),
            start_new_session=True,
            limit=MOST_LINE_BYTES,
        )
        worker = cls(process)
        worker._write(setup)
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it can be given another job."""
        return self._process.returncode is None and not self._is_given_up

    async def send(self, job: Job, audio: AudioBytes) -> None:
        """Send a job with its recording. Raises `WorkerDied`, and what reading the recording raises."""
        try:
            self._write(job)
            async for piece in audio.pieces():
                if self._is_given_up:
                    raise WorkerDied(was_crash=False)
                self._input.write(piece)
                await self._input.drain()
        except (BrokenPipeError, ConnectionResetError):
            raise await self._death() from None

    async def hear(self) -> Answer:
        """Return the next answer. Raises `WorkerDied`."""
        try:
            line = await self._output.readuntil(b"\n")
            return ANSWERS.validate_json(line)
        except asyncio.IncompleteReadError:
            raise await self._death() from None
        except (asyncio.LimitOverrunError, ValidationError):
            raise WorkerDied(was_crash=True) from None

    def kill(self) -> None:
        """Kill it; does not wait. The event loop reaps it."""
        self._is_given_up = True
        with suppress(ProcessLookupError):
            self._process.kill()
        self._input.close()

    async def end(self) -> None:
        """Kill it and return when it is dead, with nothing of it left."""
        self.kill()
        while await self._output.read(_READ_BYTES):
            pass  # a full pipe would keep the loop from seeing its end
        await self._process.wait()

    async def _death(self) -> WorkerDied:
        """Return why it closed its pipe; it gets no chance to live on without."""
        self._is_given_up = True
        try:
            async with asyncio.timeout(1.0):
                status = await self._process.wait()
        except TimeoutError:
            return WorkerDied(was_crash=True)
        return WorkerDied(was_crash=status not in _ENDED_BY_OTHERS)

    def _write(self, said: BaseModel) -> None:
        self._input.write(said.model_dump_json().encode() + b"\n")


def free_uid() -> int | None:
    """As root, return a uid that has no name, for a worker to become; else None: it stays what we are."""
    if os.geteuid() != 0:
        return None
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    return next(uid for uid in _BELOW_NOBODY if uid not in taken)


def _environment(threads: int) -> dict[str, str]:
    """Nothing of ours but where our own code lies: no key, no proxy, no name of a person."""
    return {
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": "1",
        # Each arena reserves 64 MiB of the address space that is limited.
        "MALLOC_ARENA_MAX": "2",
        "LC_ALL": "C.UTF-8",
    }
