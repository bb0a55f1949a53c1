"""Asks an NLWeb site the same questions directly and through a room, turn about, and times what comes."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

import httpx
from pydantic import BaseModel

from benchmarks.jobs import Asked, NlwebJob, NlwebReport
from benchmarks.member import Member
from benchmarks.wire import WireBroke
from multiplayer.models.nlweb_requests import encode_question
from multiplayer.models.port import Conversation
from multiplayer.models.sse_reader import SseLimits, read_events
from multiplayer.protocol.profiles import NlwebDialect, NlwebMode, NlwebOptions

OPTIONS = NlwebOptions(mode=NlwebMode.SUMMARIZE)
"""Results first, then words about them: so the first and the last part of an answer are not the same."""
_HEADERS = {"content-type": "application/json", "accept": "text/event-stream"}
_ANSWER_S = 30.0
_REST_S = 0.03
"""Between two askings: what the one before left to do is not counted against the next."""


class _Thing(BaseModel):
    url: str = ""
    name: str = ""
    text: str = ""


class _SiteEvent(BaseModel):
    results: list[_Thing] = []


class _Card(BaseModel):
    url: str = ""
    title: str = ""


class _Line(BaseModel):
    type: str
    text: str = ""
    cards: list[_Card] = []
    outcome: str = ""
    reason: str = ""


@dataclass
class _Told:
    """One answer as it came: its things by address and name, its words, and when there was something of it."""

    began_s: float = field(default_factory=time.perf_counter)
    things: list[tuple[str, str]] = field(default_factory=list)
    words: str = ""
    header_s: float = 0.0
    first_s: float = 0.0
    last_s: float = 0.0

    def mark(self, now_s: float) -> None:
        self.first_s = self.first_s or now_s
        self.last_s = now_s

    @property
    def asked(self) -> Asked:
        return Asked(first_ms=(self.first_s - self.began_s) * 1000, last_ms=(self.last_s - self.began_s) * 1000)


class NlwebLoad:
    """One person in one room; a question goes out when the answer to the one before is whole."""

    def __init__(self, job: NlwebJob) -> None:
        self._job = job
        self._member = Member(job.place, 0)
        self._questions: list[str] = []
        """Those that the room has heard: they go along with the next."""
        self._acks_ms: list[float] = []

    async def run(self, told_to_go: Callable[[], Awaitable[None]]) -> NlwebReport:
        """Raises `WireBroke` when an answer does not come or is none."""
        direct: list[Asked] = []
        room: list[Asked] = []
        headers_ms: list[float] = []
        faults: list[str] = []
        async with httpx.AsyncClient(trust_env=False, timeout=_ANSWER_S) as http:
            try:
                await self._member.join()
                for number in range(self._job.warm_up):
                    await self._pair(http, number)
                await told_to_go()
                self._acks_ms.clear()
                began_s, began_cpu_s = time.perf_counter(), time.process_time()
                for number in range(self._job.warm_up, self._job.warm_up + self._job.pairs):
                    straight, through = await self._pair(http, number)
                    direct.append(straight.asked)
                    room.append(through.asked)
                    headers_ms.append((straight.header_s - straight.began_s) * 1000)
                    if (straight.things, straight.words) != (through.things, through.words):
                        faults.append(f"question {number}: the site said {straight}, the room {through}")
                for_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
                faults += self._member.faults
            finally:
                self._member.close()
        return NlwebReport(
            direct=tuple(direct),
            room=tuple(room),
            header_ms=tuple(headers_ms),
            ack_ms=tuple(self._acks_ms),
            for_s=for_s,
            generator_cpu_s=cpu_s,
            faults=tuple(faults[:5]),
        )

    async def _pair(self, http: httpx.AsyncClient, number: int) -> tuple[_Told, _Told]:
        """Both ways, with the same words before them; who was first is second in the next pair."""
        question = f"rice of kind {number}, not too wet"
        before = tuple(self._questions[-OPTIONS.previous_messages :])
        if number % 2:
            through = await self._through_room(question, number)
            straight = await self._straight(http, question, before)
        else:
            straight = await self._straight(http, question, before)
            through = await self._through_room(question, number)
        self._questions.append(question)
        return straight, through

    async def _straight(self, http: httpx.AsyncClient, question: str, before: tuple[str, ...]) -> _Told:
        conversation = Conversation(question, previous=before, thread=self._job.place.room_id)
        await asyncio.sleep(_REST_S)
        told = _Told()
        # Encoded here, so that its time counts: a client of the site has to do it, too.
        body = encode_question(NlwebDialect.C_0_54, conversation, OPTIONS)
        try:
            async with http.stream("POST", f"{self._job.site}/ask", content=body, headers=_HEADERS) as reply:
                reply.raise_for_status()
                async with aclosing(read_events(reply.aiter_raw(), SseLimits())) as events:
                    async for event in events:
                        self._take(told, event.data, time.perf_counter())
        except httpx.HTTPError as error:
            raise WireBroke(f"the NLWeb site: {type(error).__name__} {error}") from None
        if not told.things or not told.words:
            raise WireBroke("the NLWeb site gave no answer")
        return told

    def _take(self, told: _Told, data: str, now_s: float) -> None:
        event = _SiteEvent.model_validate_json(data)
        if not event.results:
            told.header_s = told.header_s or now_s
            return
        told.mark(now_s)
        told.things += [(thing.url, thing.name) for thing in event.results if thing.url]
        told.words += "".join(thing.text for thing in event.results)

    async def _through_room(self, question: str, number: int) -> _Told:
        over: asyncio.Future[_Line] = asyncio.get_running_loop().create_future()
        told = _Told()

        def hear(line: bytes, now_s: float) -> None:
            if b'"ai_' not in line and b'"turn_ended"' not in line:
                return
            heard = _Line.model_validate_json(line)
            if heard.type in {"ai_delta", "ai_cards"}:
                told.mark(now_s)
                told.words += heard.text
                told.things += [(card.url, card.title) for card in heard.cards]
            elif heard.type == "turn_ended" and not over.done():
                over.set_result(heard)

        def answered(line: bytes, now_s: float) -> None:
            self._acks_ms.append((now_s - told.began_s) * 1000)
            if json.loads(line)["type"] == "refused" and not over.done():
                over.set_exception(WireBroke(line.decode()[:200]))

        self._member.heard, self._member.answered = hear, answered
        await asyncio.sleep(_REST_S)
        told.began_s = time.perf_counter()
        self._member.post(f"{self._job.run}-{number}", f"@{self._job.handle} {question}")
        try:
            async with asyncio.timeout(_ANSWER_S):
                end = await over
        except TimeoutError:
            raise WireBroke(f"question {number} was not answered within {_ANSWER_S:.0f} s") from None
        if end.outcome != "done" or not told.things or not told.words:
            raise WireBroke(f"question {number}: {end.outcome} {end.reason} {told}")
        return told
