"""What a file holds, read in a process of its own that may do nothing else: a hostile file costs only its own extraction."""

import asyncio
import contextlib
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import multiplayer
from multiplayer.tools.extraction.answers import READY, Extracted, extracted, most_bytes
from multiplayer.tools.extraction.containers import DOCX, PPTX, TAR, XLSX, ZIP
from multiplayer.tools.extraction.job import ExtractionLimits, Job
from multiplayer.tools.extraction.sniff import FileKind
from multiplayer.tools.limits import KIB
from multiplayer.tools.sandbox.landlock import landlock_abi
from multiplayer.tools.sandbox.launch import memory_file
from multiplayer.tools.sandbox.spawn import Spawned, chunks
from multiplayer.tools.workspace import UID_BASE, UID_RANGE

__all__ = [
    "EXTRACTION_UIDS",
    "Extracted",
    "ExtractionBusy",
    "ExtractionFailed",
    "ExtractionLimits",
    "Extractor",
]

EXTRACTION_UIDS: Final = range(UID_BASE + UID_RANGE, UID_BASE + UID_RANGE + 2)
"""Right above those of the rooms; as root each process takes one of them for itself."""
_READ: Final = frozenset(("application/pdf", DOCX, XLSX, PPTX, ZIP, TAR))
_START: Final = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); import multiplayer; del sys.path[0]; "
    "from multiplayer.tools.extraction.worker import main; main(sys.argv[1:])"
)
"""As `-m` would, but sure to be the server's own code wherever that lies: only this package is found there."""
_LAST_WORDS: Final = 2 * KIB


class ExtractionFailed(Exception):  # noqa: N818 - it names what happened
    """No process could be started or shut in: the file was not looked at. The sentence is for the log."""


class ExtractionBusy(Exception):  # noqa: N818 - it names what is
    """So many files wait already that this one was not taken. Try again later."""


class Extractor:
    """Reads files, at most one for each of `uids` at a time and `max_waiting` behind them."""

    def __init__(self, *, uids: range = EXTRACTION_UIDS, max_waiting: int = 64) -> None:
        """`uids` belong to nobody else on this machine. They matter for root alone, who may become them."""
        assert uids, "nobody to be"
        assert uids.start > 0, "no file is read as root"
        self._free_uids = list(uids)
        self._turns = asyncio.Semaphore(len(uids))
        self._max_waiting = max_waiting
        self._waiting = 0
        self._landlock_abi = landlock_abi()

    async def extract(self, fd: int, kind: FileKind, limits: ExtractionLimits) -> Extracted:
        """Read what can be read out of the regular file behind `fd`, which stays the caller's, position and all.

        A broken or hostile file makes a `problem`. Raises `ExtractionFailed` and `ExtractionBusy`. Cancelling ends it.
        Call on the loop's own thread: the process dies with the thread that started it.
        """
        assert stat.S_ISREG(os.fstat(fd).st_mode), "only a regular file has a beginning and an end"
        if not _is_read(kind):
            return Extracted()
        async with self._turn() as uid:
            job = Job(
                kind.content_type, limits, uid if os.geteuid() == 0 else None, self._landlock_abi, parent=os.getpid()
            )
            return await _read_by_process(fd, job)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[int]:
        if self._turns.locked() and self._waiting >= self._max_waiting:
            raise ExtractionBusy(f"{self._waiting} files wait to be read")
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        uid = self._free_uids.pop()
        try:
            yield uid
        finally:
            self._free_uids.append(uid)
            self._turns.release()


def _is_read(kind: FileKind) -> bool:
    return kind.family in {"text", "image"} or kind.content_type in _READ


class _Process:
    """One process with what it has said."""

    def __init__(self, process: Spawned, most: int) -> None:
        self._process = process
        self._most = most
        self.said = bytearray()
        self.last_words = bytearray()
        self.is_flood = False

    async def hear(self, fd: int) -> None:
        async for data in chunks(fd):
            self.said += data[: self._most - len(self.said)]
            if len(self.said) >= self._most:
                self.is_flood = True
                self.kill()

    async def hear_errors(self, fd: int) -> None:
        async for data in chunks(fd):
            self.last_words += data
            del self.last_words[:-_LAST_WORDS]

    def kill(self) -> None:
        if self._process.is_running:
            # Not reaped yet, so the number is still that of its group.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def end(self) -> None:
        self.kill()
        await self._process.end()


async def _read_by_process(fd: int, job: Job) -> Extracted:
    with contextlib.ExitStack() as ours:
        try:
            process = _started(fd, job, ours)
        except OSError as error:
            raise ExtractionFailed(f"no process could be started to read a file: {error.strerror}") from error
        output, errors, process_ = process
        is_late = False
        try:
            async with asyncio.timeout(job.limits.wall_s), asyncio.TaskGroup() as tasks:
                tasks.create_task(process_.hear(output))
                tasks.create_task(process_.hear_errors(errors))
        except TimeoutError:
            is_late = True
        finally:
            await process_.end()
    said = bytes(process_.said)
    if not said.startswith(READY):
        words = process_.last_words.decode(errors="replace").strip().rpartition("\n")[2]
        raise ExtractionFailed(f"the process to read a file did not get ready: {words or 'it said nothing'}")
    return extracted(said, job.limits, is_late=is_late, is_flood=process_.is_flood)


def _started(fd: int, job: Job, ours: contextlib.ExitStack) -> tuple[int, int, _Process]:
    """Start a process; what stays open is closed with `ours`. Raises `OSError`."""
    output, output_write = _pipe(ours)
    errors, errors_write = _pipe(ours)
    with contextlib.ExitStack() as given:
        given.callback(os.close, output_write)
        given.callback(os.close, errors_write)
        # Opened anew: to read only, with a position of its own.
        file = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
        given.callback(os.close, file)
        process = Spawned(
            (sys.executable, "-I", "-B", "-c", _START, str(Path(multiplayer.__file__).parents[1]), str(file)),
            output=output_write,
            error=errors_write,
            standard_input=memory_file("job", job.to_line(), given),
            pass_fds=(file,),
        )
    return output, errors, _Process(process, most_bytes(job.limits))


def _pipe(ours: contextlib.ExitStack) -> tuple[int, int]:
    """Make a pipe whose end to read is closed with `ours`; the other is the caller's at once."""
    read, write = os.pipe()
    ours.callback(os.close, read)
    os.set_blocking(read, False)
    return read, write
