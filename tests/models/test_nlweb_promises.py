"""Answers that come later: a visible wait, few polls, and a word to the site when nobody waits any more."""

import asyncio
from contextlib import aclosing, suppress

import pytest

from multiplayer.models.deadlines import PauseSaid
from multiplayer.models.nlweb import NLWeb
from multiplayer.models.port import (
    CardsFound,
    Chunk,
    Finished,
    FormAsked,
    ModelBroke,
    ModelFailure,
    ModelRejected,
    ModelUnavailable,
    Tainted,
)
from multiplayer.protocol.cards import Taint
from tests.support.nlweb_sites import (
    IN_TIME_S,
    RICE,
    RICE_CARD,
    ask,
    by_route,
    c_answer,
    c_failure,
    c_meta,
    c_promise,
    cut_after,
    events,
    nlweb_site,
    request_of,
    result,
    statuses_of,
    titles_of,
    told,
    whole,
)
from tests.support.provider_server import Behaviour, Provider, Reply

pytestmark = pytest.mark.slow


def waiting(pause_s: float = 1.0) -> PauseSaid:
    """The words of the wait; no deadline runs in the seconds that it names."""
    return PauseSaid("The site needs more time for its answer.", pause_s)


PROMISE = whole(c_promise())
ANSWER = whole({**c_meta("Answer"), "results": [RICE]})
ON_CANCEL = whole(c_promise())


class Sleeper:
    """Takes no time, and remembers for how long it was to sleep. Its `clock` goes by that."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    async def sleep(self, pause_s: float) -> None:
        self.pauses.append(pause_s)
        await asyncio.sleep(0)

    def clock(self) -> float:
        return sum(self.pauses)


def actions(site: Provider) -> list[object]:
    return [request.body["action"] for request in site.requests if request.path == "/await"]


@pytest.mark.parametrize("first", [PROMISE, events(c_meta("Promise"), {"promise": {"token": "token-1"}})])
@pytest.mark.parametrize("later", [ANSWER, events(*c_answer(RICE))])
async def test_what_was_promised_comes_after_a_visible_wait(first: Behaviour, later: Behaviour) -> None:
    sleeper = Sleeper()
    site_ = by_route(ask=first, later=[PROMISE, later])
    async with nlweb_site(site_, sleep=sleeper.sleep, clock=sleeper.clock) as (model, site):
        chunks = await ask(model)
    assert chunks == [Tainted(Taint.NLWEB), waiting(1.0), waiting(2.0), CardsFound((RICE_CARD,)), Finished("stop")]
    assert [request.body for request in site.requests[1:]] == [
        {"promise_token": "token-1", "action": "checkin"},
        {"promise_token": "token-1", "action": "checkin"},
    ]
    assert sleeper.pauses == [1.0, 2.0]


async def test_a_promise_that_is_renewed_for_ever_is_given_up() -> None:
    sleeper = Sleeper()
    site_ = by_route(ask=PROMISE, later=[PROMISE], cancel=ON_CANCEL)
    heard: list[Chunk] = []
    async with nlweb_site(site_, sleep=sleeper.sleep, clock=sleeper.clock) as (model, site):
        with pytest.raises(ModelUnavailable, match="did not give it in time"):
            await ask(model, heard=heard)
    assert sleeper.pauses == [1, 2, 4, 8, 15, 15, 15, 15]
    assert actions(site) == ["checkin"] * 8 + ["cancel"]
    assert len(statuses_of(heard)) == 8


async def test_the_wait_is_bounded_in_time_too() -> None:
    now_s = [0.0]

    async def sleep(_: float) -> None:
        now_s[0] += 50.0

    site_ = by_route(ask=PROMISE, later=[PROMISE], cancel=ON_CANCEL)
    async with nlweb_site(site_, sleep=sleep, clock=lambda: now_s[0]) as (model, site):
        with pytest.raises(ModelUnavailable, match="did not give it in time"):
            await ask(model)
    assert actions(site) == ["checkin"] * 3 + ["cancel"]


async def test_results_before_a_promise_stay_and_more_are_added() -> None:
    sleeper = Sleeper()
    first = events(c_meta("Promise"), {"results": [result("early")]}, {"promise": {"token": "t"}})
    site_ = by_route(ask=first, later=[whole({**c_meta("Answer"), "results": [result("late")]})])
    async with nlweb_site(site_, sleep=sleeper.sleep) as (model, _):
        assert titles_of(await ask(model)) == ["early", "late"]


async def test_a_promise_may_end_in_a_question() -> None:
    form = whole({**c_meta("Elicitation"), "elicitation": {"text": "Where?"}})
    async with nlweb_site(by_route(ask=PROMISE, later=[form]), sleep=Sleeper().sleep) as (model, _):
        chunks = await ask(model)
    assert isinstance(chunks[-2], FormAsked)
    assert chunks[-1] == Finished("stop")


@pytest.mark.parametrize(
    ("later", "failure"),
    [
        (whole({**c_meta("Failure"), "error": {"code": "INTERNAL_ERROR", "message": "x"}}, 500), ModelUnavailable),
        (whole({**c_meta("Failure"), "error": {"code": "INVALID_ACTION", "message": "x"}}, 400), ModelRejected),
        (events(*c_failure("INTERNAL_ERROR")), ModelUnavailable),
        (told(404), ModelBroke),
        (told(503), ModelUnavailable),
        (whole({"novel": 1}), ModelBroke),
        (cut_after(c_meta("Answer")), ModelUnavailable),
    ],
)
async def test_a_promise_that_fails_is_a_failure(later: Behaviour, failure: type[ModelFailure]) -> None:
    site_ = by_route(ask=PROMISE, later=[later], cancel=ON_CANCEL)
    async with nlweb_site(site_, sleep=Sleeper().sleep) as (model, site):
        with pytest.raises(failure):
            await ask(model)
    assert actions(site) == ["checkin"]


@pytest.mark.parametrize("promise", [{}, {"token": ""}, {"token": 7}, {"token": "x" * 5_000}])
async def test_a_promise_without_a_token_is_no_answer(promise: dict[str, str]) -> None:
    async with nlweb_site(events(c_meta("Promise"), {"promise": {**promise}})) as (model, site):
        with pytest.raises(ModelBroke, match="not how to get it"):
            await ask(model)
    assert len(site.requests) == 1
    async with nlweb_site(events(c_meta("Promise"))) as (model, _):
        with pytest.raises(ModelBroke, match="not how to get it"):
            await ask(model)


# A member stops the turn


async def until_waiting(model: NLWeb, waits: asyncio.Event) -> None:
    async with aclosing(model.stream(request_of("rice"))) as chunks:
        async for chunk in chunks:
            if chunk == waiting():
                waits.set()


async def test_a_turn_that_is_stopped_while_it_waits_is_cancelled_at_the_site() -> None:
    waits = asyncio.Event()
    site_ = by_route(ask=PROMISE, later=[PROMISE], cancel=ON_CANCEL)
    async with nlweb_site(site_, sleep=for_ever) as (model, site), asyncio.timeout(IN_TIME_S):
        async with asyncio.TaskGroup() as group:
            turn = group.create_task(until_waiting(model, waits))
            await waits.wait()
            turn.cancel()
        assert [request.body for request in site.requests[1:]] == [{"promise_token": "token-1", "action": "cancel"}]


async def test_a_stream_that_is_closed_while_it_waits_is_cancelled_at_the_site() -> None:
    site_ = by_route(ask=PROMISE, later=[PROMISE], cancel=ON_CANCEL)
    async with nlweb_site(site_) as (model, site), asyncio.timeout(IN_TIME_S):
        async with aclosing(model.stream(request_of("rice"))) as chunks:
            async for chunk in chunks:
                if chunk == waiting():
                    break
        assert actions(site) == ["cancel"]


async def for_ever(_: float) -> None:
    await asyncio.Event().wait()


async def never(reply: Reply) -> None:
    await reply.until_closed()


async def drips(reply: Reply) -> None:
    """Send a head that never ends, always in time for the next read."""
    await reply.raw(b"HTTP/1.1 200 OK\r\n")
    while not reply.request.closed.is_set():
        await reply.raw(b"x-more: y\r\n")
        with suppress(TimeoutError):
            await asyncio.wait_for(reply.request.closed.wait(), 0.05)


@pytest.mark.parametrize("hanging", [Behaviour("never", never), Behaviour("drips", drips)])
@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_a_site_that_does_not_take_the_cancel_holds_nobody_up(hanging: Behaviour, is_cancelled: bool) -> None:
    waits = asyncio.Event()
    site_ = by_route(ask=PROMISE, later=[PROMISE], cancel=hanging)
    async with nlweb_site(site_, sleep=for_ever) as (model, site), asyncio.timeout(5.0):
        if is_cancelled:
            async with asyncio.TaskGroup() as group:
                turn = group.create_task(until_waiting(model, waits))
                await waits.wait()
                turn.cancel()
            assert turn.cancelled()
        else:
            async with aclosing(model.stream(request_of("rice"))) as chunks:
                async for chunk in chunks:
                    if chunk == waiting():
                        break
        assert actions(site) == ["cancel"]


async def test_a_cancel_that_finds_the_site_gone_is_no_failure() -> None:
    async def hangs_up(reply: Reply) -> None:
        reply.reset()

    site_ = by_route(ask=PROMISE, later=[PROMISE], cancel=Behaviour("resets", hangs_up))
    async with nlweb_site(site_, sleep=Sleeper().sleep, clock=lambda: 0.0) as (model, site):
        with pytest.raises(ModelUnavailable, match="did not give it in time"):
            await ask(model)
    assert actions(site)[-1] == "cancel"
