"""The AI members over HTTP, for those who talk with them: turns, replays, what an AI knows, why it spoke, what was missed."""

from typing import Annotated

from pydantic import Field, StringConstraints

from multiplayer.live.turn_reports import MAX_PAGE
from multiplayer.protocol.budgets import Estimate
from multiplayer.protocol.ids import AccountId, Ulid
from multiplayer.protocol.profiles import Provider
from multiplayer.protocol.reports_memory import CatchUp, FactList, SummaryHistory
from multiplayer.protocol.reports_prompts import ContextPreview, Replay
from multiplayer.protocol.reports_rules import DryRun, Explanation
from multiplayer.protocol.reports_turns import TurnDetail, TurnPage
from multiplayer.protocol.trigger_rules import MAX_RULES, TriggerRule
from multiplayer.protocol.values import Frozen
from multiplayer.rooms.permissions import Right
from multiplayer.transports.routes import Access, Call, Nothing, Operation, Route

_HIGHEST_SEQ = 2**53 - 1
Seq = Annotated[int, Field(ge=0, le=_HIGHEST_SEQ)]


class TurnsQuery(Frozen):
    before: Seq | None = None
    """Where the page before said that it goes on."""
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 20


class ContextQuery(Frozen):
    ai: Ulid | None = None
    """Which AI; else the room's default one."""


class EstimateBody(Frozen):
    text: Annotated[str, StringConstraints(max_length=60_000)] = ""
    """What would be posted; empty: the AI is asked without a message."""
    ai_id: Ulid | None = None


class DryRunBody(Frozen):
    triggers: Annotated[tuple[TriggerRule, ...], Field(max_length=MAX_RULES)]
    since: Seq | None = None
    """From this seq on; else the last 10,000 events. Never more than the last 100,000."""


class CatchUpQuery(Frozen):
    after_seq: Seq | None = None
    """Else after what the caller has read."""


class AiOffer(Frozen):
    """An AI account of this server. `model` empty: what the provider's own is; `answers_with`: what answers now."""

    account_id: AccountId
    handle: str
    name: str
    provider: Provider
    model: str = ""
    answers_with: str = ""
    is_demo: bool = False
    """No model answers, but the built-in script."""
    can_answer: bool = True


class AiOffers(Frozen):
    ais: tuple[AiOffer, ...]


async def _offers(call: Call[Nothing, Nothing]) -> AiOffers:
    call.check_reads()
    return AiOffers(
        ais=tuple(
            AiOffer(
                account_id=view.account_id,
                handle=view.profile.handle,
                name=view.profile.name,
                provider=view.profile.provider,
                model=view.profile.model,
                answers_with=view.answers_with,
                is_demo=view.is_demo,
                can_answer=not view.problem,
            )
            for view in await call.pod.profiles.list()
            if not view.is_disabled
        )
    )


async def _turns(call: Call[Nothing, TurnsQuery]) -> TurnPage:
    call.check_reads()
    query = call.query
    return await call.pod.insights.turns.page(call.room_id, call.account_id, limit=query.limit, before=query.before)


async def _turn(call: Call[Nothing, Nothing]) -> TurnDetail:
    call.check_reads()
    return await call.pod.insights.turns.one(call.room_id, call.account_id, call.turn_id)


async def _replay_turn(call: Call[Nothing, Nothing]) -> Replay:
    call.check_heavy_reads()
    return await call.pod.insights.replays.of_turn(call.room_id, call.account_id, call.turn_id)


async def _replay_message(call: Call[Nothing, Nothing]) -> Replay:
    call.check_heavy_reads()
    return await call.pod.insights.replays.of_message(call.room_id, call.account_id, call.message_id)


async def _explain(call: Call[Nothing, Nothing]) -> Explanation:
    call.check_heavy_reads()
    return await call.pod.insights.rules.explain(call.room_id, call.account_id, call.message_id)


async def _dry_run(call: Call[DryRunBody, Nothing]) -> DryRun:
    call.check_heavy_reads()
    body = call.body
    return await call.pod.insights.rules.dry_run(call.room_id, call.account_id, body.triggers, since=body.since)


async def _context(call: Call[Nothing, ContextQuery]) -> ContextPreview:
    call.check_heavy_reads()
    return await call.pod.insights.previews.context(call.room_id, call.account_id, _ai(call.query.ai))


async def _estimate(call: Call[EstimateBody, Nothing]) -> Estimate:
    call.check_heavy_reads()
    body = call.body
    return await call.pod.insights.previews.estimate(call.room_id, call.account_id, body.text, _ai(body.ai_id))


async def _summaries(call: Call[Nothing, Nothing]) -> SummaryHistory:
    call.check_reads()
    return await call.pod.insights.memory.summaries(call.room_id, call.account_id)


async def _facts(call: Call[Nothing, Nothing]) -> FactList:
    return await call.pod.insights.memory.facts(call.room_id, call.account_id)


async def _catch_up(call: Call[Nothing, CatchUpQuery]) -> CatchUp:
    call.check_heavy_reads()
    return await call.pod.insights.catch_ups.since(call.room_id, call.account_id, call.query.after_seq)


def _ai(text: str | None) -> AccountId | None:
    return None if text is None else AccountId(text)


_ROOM = "/api/v1/rooms/{room_id}"
_TURN = f"{_ROOM}/turns/{{turn_id}}"
_MESSAGE = f"{_ROOM}/messages/{{message_id}}"
_MEMBER = Access.MEMBER
AI_API: tuple[Operation, ...] = (
    Route(
        "GET",
        "/api/v1/ai",
        Access.SIGNED_IN,
        "The AI accounts that can be made members of a room",
        _offers,
        Nothing,
        Nothing,
        AiOffers,
    ),
    Route(
        "GET",
        f"{_ROOM}/turns",
        _MEMBER,
        "The queue of the AIs, and their latest turns",
        _turns,
        Nothing,
        TurnsQuery,
        TurnPage,
        right=Right.READ,
    ),
    Route(
        "GET",
        _TURN,
        _MEMBER,
        "What a turn was asked, built from, did, used and cost",
        _turn,
        Nothing,
        Nothing,
        TurnDetail,
        right=Right.READ,
    ),
    Route(
        "GET",
        f"{_TURN}/replay",
        _MEMBER,
        "The prompt of a turn, built again, and what was erased of it since",
        _replay_turn,
        Nothing,
        Nothing,
        Replay,
        right=Right.READ,
    ),
    Route(
        "GET",
        f"{_MESSAGE}/replay",
        _MEMBER,
        "The prompt behind an answer, built again",
        _replay_message,
        Nothing,
        Nothing,
        Replay,
        right=Right.READ,
    ),
    Route(
        "GET",
        f"{_MESSAGE}/explain",
        _MEMBER,
        "Why each AI answered a message, or did not",
        _explain,
        Nothing,
        Nothing,
        Explanation,
        right=Right.READ,
    ),
    Route(
        "POST",
        f"{_ROOM}/triggers/dry-run",
        _MEMBER,
        "What other rules would have made of the room's history",
        _dry_run,
        DryRunBody,
        Nothing,
        DryRun,
        right=Right.READ,
    ),
    Route(
        "GET",
        f"{_ROOM}/context",
        _MEMBER,
        "What an AI would know if I asked it now",
        _context,
        Nothing,
        ContextQuery,
        ContextPreview,
        right=Right.READ,
    ),
    Route(
        "POST",
        f"{_ROOM}/estimate",
        _MEMBER,
        "What asking an AI this would cost at most",
        _estimate,
        EstimateBody,
        Nothing,
        Estimate,
        right=Right.ASK_AI,
    ),
    Route(
        "GET",
        f"{_ROOM}/summaries",
        _MEMBER,
        "Every version of the summary, newest first",
        _summaries,
        Nothing,
        Nothing,
        SummaryHistory,
        right=Right.READ,
    ),
    Route(
        "GET",
        f"{_ROOM}/facts",
        _MEMBER,
        "What the room's AIs always know",
        _facts,
        Nothing,
        Nothing,
        FactList,
        right=Right.READ,
    ),
    Route(
        "GET",
        f"{_ROOM}/catch-up",
        _MEMBER,
        "What happened since I left, for me alone",
        _catch_up,
        Nothing,
        CatchUpQuery,
        CatchUp,
        right=Right.READ,
    ),
)
