"""Load on one room: closed loop (one message in flight per sender) or open loop (a fixed rate), and its verification."""

import asyncio
import json
import random
import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.jobs import RoomJob, RoomReport
from benchmarks.member import ACCEPTED, Member
from benchmarks.spread import percentile

_DRAIN_S = 30.0
_QUIET_S = 0.4
_JOINING_AT_ONCE = 20
_WORDS = [
    "the",
    "room",
    "keeps",
    "one",
    "order",
    "of",
    "everything",
    "that",
    "is",
    "said",
    "and",
    "nobody",
    "who",
    "comes",
    "late",
    "misses",
    "a",
    "word",
    "of",
    "it",
    "because",
    "each",
    "line",
    "was",
    "written",
    "down",
    "before",
    "it",
    "was",
    "told",
    "to",
    "anyone",
    "else",
    "in",
    "this",
    "place",
    "where",
    "people",
    "and",
    "machines",
    "work",
    "together",
]


@dataclass
class Sent:
    """One part of a run: what was sent, when it was due, and what was answered."""

    due_s: list[float] = field(default_factory=list)
    acked_s: dict[int, float] = field(default_factory=dict)
    seqs: dict[int, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


async def join_all(members: Sequence[Member]) -> None:
    """Let them in, some at a time, then wait until the room has nothing more to say about it."""
    gate = asyncio.Semaphore(_JOINING_AT_ONCE)

    async def join(member: Member) -> None:
        async with gate:
            await member.join()

    async with asyncio.TaskGroup() as tasks:
        for member in members:
            tasks.create_task(join(member))
    for _ in range(50):
        if time.perf_counter() - max(member.last_heard_s for member in members) > _QUIET_S:
            return
        await asyncio.sleep(_QUIET_S / 4)


class RoomLoad:
    def __init__(self, job: RoomJob) -> None:
        self._job = job
        self._random = random.Random(job.seed)
        # The first only listens, and keeps what it hears: the reference for all others.
        self._members = [Member(job.place, number, keeps_lines=number == 0) for number in range(len(job.place.tokens))]
        assert job.senders < len(self._members), "the first member only listens"
        self._senders = self._members[1 : 1 + job.senders]

    async def run(self, ready: Callable[[], Awaitable[None]]) -> RoomReport:
        """`ready` returns when the measuring may begin."""
        try:
            await join_all(self._members)
            # Warm both sides up, every path once; it is verified like the rest.
            warm = await self._part(f"{self._job.run}-w", for_s=5.0, at_most=self._job.warm_up, rate_per_s=None)
            faults = [f"warming up: {fault}" for fault in self._faults(warm, f"{self._job.run}-w")]
            await ready()
            cpu_s, began_s = time.process_time(), time.perf_counter()
            sent = await self._part(
                self._job.run, for_s=self._job.for_s, at_most=self._job.at_most, rate_per_s=self._job.rate_per_s
            )
            for_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
            return self._report(sent, for_s, cpu_s, len(warm.due_s), faults)
        finally:
            for member in self._members:
                member.close()

    async def _part(self, run: str, *, for_s: float, at_most: int, rate_per_s: float | None) -> Sent:
        """Send, then wait until everything is acknowledged and delivered, or for half a minute."""
        sent = Sent()
        for member in self._members:
            member.start_measuring()
        if rate_per_s is None:
            over = self._closed_loop(sent, run, time.perf_counter() + for_s, at_most)
        else:
            over = self._open_loop(sent, run, rate_per_s, min(at_most, round(for_s * rate_per_s)))
        await over
        until_s = time.perf_counter() + _DRAIN_S
        while time.perf_counter() < until_s and not sent.faults and not any(member.faults for member in self._members):
            if len(sent.acked_s) == len(sent.due_s) and all(m.lines >= len(sent.due_s) for m in self._members):
                break
            await asyncio.sleep(0.002)
        for member in self._members:
            member.stop_measuring()
        return sent

    async def _closed_loop(self, sent: Sent, run: str, until_s: float, at_most: int) -> None:
        """Each sender posts again as soon as it is answered."""
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        in_flight = 0

        def send(sender: Member) -> None:
            nonlocal in_flight
            in_flight += 1
            now_s = time.perf_counter()
            sender.post(f"{run}-{len(sent.due_s)}", self._text(f"{run}-{len(sent.due_s)}"))
            sent.due_s.append(now_s)

        def answered(sender: Member, line: bytes, now_s: float) -> None:
            nonlocal in_flight
            in_flight -= 1
            _note(sent, line, now_s)
            if not sent.faults and len(sent.due_s) < at_most and now_s < until_s:
                send(sender)
            elif in_flight == 0 and not over.done():
                over.set_result(None)

        for sender in self._senders:
            sender.answered = lambda line, now_s, sender=sender: answered(sender, line, now_s)  # type: ignore[misc]  # binds the loop's sender
        for sender in self._senders:
            if len(sent.due_s) < at_most:
                send(sender)
        try:
            async with asyncio.timeout(until_s - time.perf_counter() + _DRAIN_S):
                await over
        except TimeoutError:
            sent.faults.append(f"{in_flight} messages were not answered within {_DRAIN_S:.0f} s of the end")

    async def _open_loop(self, sent: Sent, run: str, rate_per_s: float, count: int) -> None:
        """Post on a schedule that does not wait for answers; what is late is late from when it was due."""
        for sender in self._senders:
            sender.answered = lambda line, now_s: _note(sent, line, now_s)
        began_s = time.perf_counter() + 0.01
        for number in range(count):
            due_s = began_s + number / rate_per_s
            wait_s = due_s - time.perf_counter()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            self._senders[number % len(self._senders)].post(f"{run}-{number}", self._text(f"{run}-{number}"))
            sent.due_s.append(due_s)
            if sent.faults:
                return

    def _text(self, key: str) -> str:
        words = " ".join(self._random.choices(_WORDS, k=12))
        return f"{key} {words}"

    def _report(self, sent: Sent, for_s: float, cpu_s: float, warmed: int, faults: list[str]) -> RoomReport:
        faults += self._faults(sent, self._job.run)
        reference = self._members[0]
        delivered = sum(member.lines for member in self._members)
        frames = sum(len(member.marks) for member in self._members)
        acks_ms = [(at_s - sent.due_s[number]) * 1000 for number, at_s in sent.acked_s.items()]
        delays_ms = self._delays_ms(sent, _numbers(reference.kept, self._job.run)) if not faults else []
        return RoomReport(
            sent=len(sent.due_s),
            posted=len(sent.due_s) + warmed,
            deliveries=delivered,
            for_s=for_s,
            ack_ms=_p50_p99(acks_ms),
            delivery_ms=_p50_p99(delays_ms),
            lines_per_frame=delivered / max(1, frames),
            generator_cpu_s=cpu_s,
            faults=tuple(faults[:10]),
        )

    def _delays_ms(self, sent: Sent, order: Sequence[int]) -> list[float]:
        """From when it was due to each member: all have the same order, so the n-th line of each is the same."""
        # Enough for a percentile; a closed loop at full speed would give millions.
        step = max(1, len(order) * len(self._members) // 200_000)
        delays_ms: list[float] = []
        for member in self._members:
            counts = [count for count, _ in member.marks]
            for position in range(member.number % step, len(order), step):
                arrived_s = member.marks[bisect_left(counts, position + 1)][1]
                delays_ms.append((arrived_s - sent.due_s[order[position]]) * 1000)
        return delays_ms

    def _faults(self, sent: Sent, run: str) -> list[str]:
        """Nothing lost, nothing twice, one order at all receivers, and the acknowledged seqs are those delivered."""
        faults = [*sent.faults, *(fault for member in self._members for fault in member.faults)]
        if faults:
            return faults
        reference = self._members[0]
        events = [json.loads(line) for frame in reference.kept for line in frame.split(b"\n")]
        strangers = [event for event in events if event.get("type") != "message_posted"]
        if strangers:
            return [f"a line that is no message: {str(strangers[0])[:200]}"]
        order = _numbers(reference.kept, run)
        if sorted(order) != list(range(len(sent.due_s))):
            faults.append(f"{len(sent.due_s)} sent, {len(set(order))} different ones delivered in {len(order)} lines")
        seqs = [event["seq"] for event in events]
        if seqs and seqs != list(range(seqs[0], seqs[0] + len(seqs))):
            faults.append("the seqs delivered are not one row of numbers")
        if {number: seq for number, seq in zip(order, seqs, strict=True)} != sent.seqs:  # noqa: C416 - zip's pairs, checked
            faults.append("what was acknowledged is not what was delivered")
        faults += [
            f"member {member.number} had {member.lines} lines, the first {reference.lines}; or in another order"
            for member in self._members
            if (member.lines, member.checksum) != (reference.lines, reference.checksum)
        ]
        return faults


def _note(sent: Sent, line: bytes, now_s: float) -> None:
    answer = json.loads(line)
    if not line.startswith(ACCEPTED):
        sent.faults.append(f"refused: {line.decode()[:200]}")
        return
    number = int(answer["re"].rpartition("-")[2])
    sent.acked_s[number] = now_s
    sent.seqs[number] = answer["seq"]


def _numbers(frames: Sequence[bytes], run: str) -> list[int]:
    """The messages' numbers in the order of their lines; what another run sent is -1."""
    texts = [json.loads(line)["message"]["text"] for frame in frames for line in frame.split(b"\n")]
    found = []
    for text in texts:
        of_run, _, number = text.split(" ", 1)[0].rpartition("-")
        found.append(int(number) if of_run == run else -1)
    return found


def _p50_p99(values: Sequence[float]) -> tuple[float, float]:
    return (percentile(values, 50), percentile(values, 99)) if values else (0.0, 0.0)
