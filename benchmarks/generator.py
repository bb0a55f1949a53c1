"""Runs one job in a load generator of its own process, and says what the server used while it was measured."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from benchmarks import processes
from benchmarks.jobs import Failed, Job, Ready, Report, report_adapter
from benchmarks.servers import ROOT, Cores, Server, environment, on_cores

_ANSWER_S = 240.0
_MAX_LINE = 4 * 1024 * 1024
R = TypeVar("R")


class RunFailed(Exception):  # noqa: N818 - says what happened
    """The generator could not do its job, or what it saw was wrong: such a run has no speed."""


@dataclass
class Run:
    """A generator whose connections are made and wait."""

    process: asyncio.subprocess.Process

    async def go(self, kind: type[R]) -> R:
        """Let it begin; return its report, which must be of `kind`."""
        await _tell(self.process, b"go\n")
        report = await _hear(self.process)
        if not isinstance(report, kind):
            raise RunFailed(report.why if isinstance(report, Failed) else f"an unexpected report: {report}")
        return report


@asynccontextmanager
async def connected(job: Job, cores: Cores) -> AsyncIterator[Run]:
    """Start a generator, let it connect everyone and warm up, and end it with the block."""
    with on_cores(cores.generator):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "benchmarks.load",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment(),
            cwd=ROOT,
            limit=_MAX_LINE,
        )
    try:
        await _tell(process, job.model_dump_json().encode() + b"\n")
        said = await _hear(process)
        if not isinstance(said, Ready):
            raise RunFailed(said.why if isinstance(said, Failed) else f"an unexpected report: {said}")
        yield Run(process)
    finally:
        if process.returncode is None:
            assert process.stdin is not None, "started with a pipe"
            process.stdin.close()
            try:
                async with asyncio.timeout(10):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


@dataclass(frozen=True)
class Used:
    """CPU seconds between the start and the end of a run."""

    tree_s: float
    """The server and its Postgres."""
    own_s: float
    """The server alone."""
    machine_s: float
    """Everything on this machine."""


async def measured(job: Job, kind: type[R], server: Server, cores: Cores) -> tuple[R, Used]:
    """Run a job to its end; return its report and what was used meanwhile."""
    async with connected(job, cores) as run:
        before = _used(server)
        report = await run.go(kind)
        after = _used(server)
        return report, Used(
            after.tree_s - before.tree_s, after.own_s - before.own_s, after.machine_s - before.machine_s
        )


def _used(server: Server) -> Used:
    return Used(server.cpu_s(), processes.own_cpu_s(server.pid), processes.machine_cpu_s())


async def _tell(process: asyncio.subprocess.Process, line: bytes) -> None:
    assert process.stdin is not None, "started with a pipe"
    process.stdin.write(line)
    await process.stdin.drain()


async def _hear(process: asyncio.subprocess.Process) -> Report:
    assert process.stdout is not None, "started with a pipe"
    try:
        async with asyncio.timeout(_ANSWER_S):
            line = await process.stdout.readline()
    except TimeoutError:
        raise RunFailed(f"the generator said nothing for {_ANSWER_S:.0f} s") from None
    if not line:
        raise RunFailed(f"the generator ended with status {await process.wait()}")
    return report_adapter.validate_json(line)
