"""The load generator's process: `python -m benchmarks.load` reads a job on stdin, says when it is ready, then reports."""

import asyncio
import gc
import json
import sys
import time

import uvloop

from benchmarks.jobs import (
    Failed,
    FirstWordsJob,
    FirstWordsReport,
    IdleJob,
    IdleReport,
    NlwebJob,
    Ready,
    Report,
    RoomJob,
    job_adapter,
)
from benchmarks.member import Member
from benchmarks.nlweb_load import NlwebLoad
from benchmarks.room_load import RoomLoad, join_all
from benchmarks.wire import WireBroke

_TURN_S = 30.0


async def _told_to_go() -> None:
    _say(Ready())
    loop = asyncio.get_running_loop()
    # One line on stdin, read in a thread: a pipe held by the parent, which closes it if it dies.
    if not await loop.run_in_executor(None, sys.stdin.readline):
        raise WireBroke("whoever started this is gone")


def _say(report: Report) -> None:
    sys.stdout.write(report.model_dump_json() + "\n")
    sys.stdout.flush()


async def _idle(job: IdleJob) -> IdleReport:
    members = [Member(place, number) for place in job.places for number in range(len(place.tokens))]
    began_s = time.perf_counter()
    try:
        await join_all(members)
        connected_in_s = time.perf_counter() - began_s
        await _told_to_go()
        faults = [fault for member in members for fault in member.faults]
        return IdleReport(sessions=len(members), connected_in_s=connected_in_s, faults=tuple(faults[:10]))
    finally:
        for member in members:
            member.close()


async def _first_words(job: FirstWordsJob) -> FirstWordsReport:
    members = [Member(job.place, number) for number in range(len(job.place.tokens))]
    first_ms: list[float] = []
    acks_ms: list[float] = []
    faults: list[str] = []
    try:
        await join_all(members)
        await _told_to_go()
        for number in range(job.turns):
            turn = _Turn(members)
            try:
                delta_ms, ack_ms = await turn.run(f"{job.run}-{number}")
            except (TimeoutError, WireBroke) as error:
                faults.append(f"turn {number}: {type(error).__name__} {error}")
                break
            first_ms.append(delta_ms)
            acks_ms.append(ack_ms)
        faults += [fault for member in members for fault in member.faults]
        return FirstWordsReport(first_delta_ms=tuple(first_ms), ack_ms=tuple(acks_ms), faults=tuple(faults[:10]))
    finally:
        for member in members:
            member.close()


class _Turn:
    """One mention and what follows, as every member sees it."""

    def __init__(self, members: list[Member]) -> None:
        self._members = members
        self._first_s: dict[int, float] = {}
        self._acked_s = 0.0
        self._ended = 0
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for member in members:
            member.heard = lambda line, now_s, number=member.number: self._hear(number, line, now_s)  # type: ignore[misc]  # binds the loop's member
        members[1].answered = self._answered

    async def run(self, key: str) -> tuple[float, float]:
        """Milliseconds from the send to the last member's first delta, and to the acknowledgement."""
        sent_s = time.perf_counter()
        self._members[1].post(key, "@ai what can you do?")
        async with asyncio.timeout(_TURN_S):
            await self._over
        if len(self._first_s) < len(self._members):
            raise WireBroke(f"only {len(self._first_s)} of {len(self._members)} members had a delta")
        return (max(self._first_s.values()) - sent_s) * 1000, (self._acked_s - sent_s) * 1000

    def _hear(self, number: int, line: bytes, now_s: float) -> None:
        kind = json.loads(line)["type"]
        if kind in {"ai_delta", "ai_text"}:
            self._first_s.setdefault(number, now_s)
        elif kind == "turn_ended":
            self._ended += 1
            if self._ended == len(self._members) and not self._over.done():
                self._over.set_result(None)

    def _answered(self, line: bytes, now_s: float) -> None:
        self._acked_s = now_s
        if b'"refused"' in line and not self._over.done():
            self._over.set_exception(WireBroke(line.decode()[:200]))


async def _main() -> None:
    job = job_adapter.validate_json(sys.stdin.readline())
    # A collection in the middle would be measured as the server's latency.
    gc.disable()
    report: Report
    try:
        match job:
            case RoomJob():
                report = await RoomLoad(job).run(_told_to_go)
            case IdleJob():
                report = await _idle(job)
            case FirstWordsJob():
                report = await _first_words(job)
            case NlwebJob():
                report = await NlwebLoad(job).run(_told_to_go)
    except* WireBroke as broken:
        report = Failed(why="; ".join(str(error) for error in broken.exceptions[:3]))
    _say(report)


if __name__ == "__main__":
    uvloop.run(_main())
