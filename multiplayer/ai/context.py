"""Builds the prompt of one turn within a budget of tokens, and the manifest of what it was built from."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from multiplayer.ai.brief import RoomBrief, brief_before
from multiplayer.ai.prompts import RULES, Note, encode_brief, encode_note
from multiplayer.ai.tokens import TokenCounter, trim_middle
from multiplayer.ai.transcript import Transcript, Unit
from multiplayer.models.port import PromptMessage, ToolDefinition
from multiplayer.protocol.events import Event
from multiplayer.protocol.ids import AccountId, CallId, MessageId, TurnId
from multiplayer.protocol.members import Account, Member
from multiplayer.protocol.messages import Message
from multiplayer.protocol.rooms import Summary, TurnState
from multiplayer.protocol.values import Frozen, rfc3339
from multiplayer.rooms.state import RoomState

SUMMARISE_AT: Final = 0.75
"""The share of its budget that the recent part may fill before it is summarised."""
_MESSAGE_TOKENS: Final = 6
"""What a provider's own marks around a message cost."""
_NOTE_ROOM: Final = 80
_ENVELOPE_ROOM: Final = 160
_MOST_REQUESTS: Final = 20


@dataclass(frozen=True)
class ContextInput:
    """What a prompt is built from. `events` are the log after `summary.up_to_seq` (or from 1 on), in order.

    `brief` is the room as it was when the summary ended; without it, it is worked out backwards from `state`
    (exact but for what `brief_before` names). `older` are messages the request is about that lie before `events`.
    """

    state: RoomState
    ai: Member
    turn: TurnState
    events: Sequence[Event]
    summary: Summary | None
    secret: bytes
    tools: tuple[ToolDefinition, ...]
    budget_tokens: int
    counter: TokenCounter
    model_name: str
    accounts: Mapping[AccountId, Account] = field(default_factory=dict)
    older: Sequence[Message] = ()
    brief: RoomBrief | None = None


class UsedMessage(Frozen):
    id: MessageId
    revision: int


class UsedResult(Frozen):
    call_id: CallId
    sha256: str


class Manifest(Frozen):
    """What an answer was built from. `left_out` counts the oldest units that did not fit."""

    form: int = 1
    model: str
    turn_id: TurnId
    ai_id: AccountId
    from_seq: int
    up_to_seq: int
    summary_version: int | None
    messages: tuple[UsedMessage, ...]
    tool_results: tuple[UsedResult, ...]
    tools: tuple[str, ...]
    budget_tokens: int
    tokens: int
    left_out: int
    prompt_sha256: str


@dataclass(frozen=True)
class Prompt:
    """`recent_tokens` is what all messages since the summary would need, `recent_budget` what they may have.

    `closing` of the last `messages` repeat the request and will not be there in the next turn's prompt.
    """

    messages: tuple[PromptMessage, ...]
    tools: tuple[ToolDefinition, ...]
    tokens: int
    manifest: Manifest
    recent_tokens: int
    recent_budget: int
    closing: int = 0


def needs_summary(prompt: Prompt, *, share: float = SUMMARISE_AT) -> bool:
    """Tell whether the part after the summary has outgrown its share and its oldest part should be summarised."""
    return prompt.recent_tokens > share * prompt.recent_budget


def message_tokens(message: PromptMessage, counter: TokenCounter) -> int:
    calls = sum(
        counter.count(call.name) + counter.count(call.arguments) + _MESSAGE_TOKENS for call in message.tool_calls
    )
    thinking = counter.count(message.thinking) if message.thinking else 0
    return counter.count(message.content) + calls + thinking + _MESSAGE_TOKENS


def tool_tokens(tools: Sequence[ToolDefinition], counter: TokenCounter) -> int:
    return sum(
        counter.count(tool.name) + counter.count(tool.description) + counter.count(json.dumps(tool.parameters)) + 12
        for tool in tools
    )


def build_prompt(given: ContextInput) -> Prompt:
    """Return the prompt: rules, room and summary, then the log in order. Takes some milliseconds per 100,000 tokens.

    Between two versions of the summary it only grows at its end. Over the budget the oldest go, in large steps, so
    that it stays the same for many turns; what the turn has to answer always stays, shortened if it must be.
    """
    counter = given.counter
    brief = given.brief or brief_before(given.state, given.events, given.accounts)
    start = _start(given, brief)
    fixed = sum(message_tokens(message, counter) for message in start) + tool_tokens(given.tools, counter)
    recent_budget = max(0, given.budget_tokens - fixed)

    transcript = Transcript(brief, given.ai, given.secret, counter, given.accounts, given.older)
    transcript.take_all(given.events)
    units = transcript.units
    recent_tokens = sum(_tokens_of(unit, counter) for unit in units)
    closing = _closing(given, transcript)
    fitted = _fit(given, transcript, (*units, *closing), recent_budget)
    # The closing line is a request, so it is never left out.
    messages = (*start, *fitted.notes, *(message for unit in fitted.units for message in unit.messages))
    tokens = sum(message_tokens(message, counter) for message in messages) + tool_tokens(given.tools, counter)
    return Prompt(
        messages=messages,
        tools=given.tools,
        tokens=tokens,
        manifest=_manifest(given, fitted, messages, tokens),
        recent_tokens=recent_tokens,
        recent_budget=recent_budget,
        closing=len(closing),
    )


def _start(given: ContextInput, brief: RoomBrief) -> tuple[PromptMessage, ...]:
    told = brief.told()
    version = 0
    if given.summary is not None:
        version = given.summary.version
        room = max(200, given.budget_tokens * 3 // 10)
        told["summary"] = trim_middle(given.summary.text, given.counter, head=room * 3 // 4, tail=room // 4)
    return (
        PromptMessage(role="system", content=RULES.format(handle=given.ai.handle)),
        PromptMessage(role="user", content=encode_brief(f"{given.state.room.id}/brief/{version}", told, given.secret)),
    )


def _closing(given: ContextInput, transcript: Transcript) -> tuple[Unit, ...]:
    """Return the request once more if other words came after it, or if it is not in the log's part at all."""
    asked = given.turn.messages
    for unit in reversed(transcript.units):
        if unit.messages[0].role == "assistant":
            if unit.results and unit.turn_id == given.turn.turn_id:
                continue  # what this turn's tools said comes after its request
            break
        if unit.is_request and unit.turn_id == given.turn.turn_id:
            return ()
        if unit.envelope is not None and len(asked) == 1 and unit.message_id == asked[0]:
            return ()
        break
    line = transcript.request(
        f"{given.turn.turn_id}/request", rfc3339(given.turn.requested_at), given.turn.askers, asked
    )
    return (replace(line, turn_id=given.turn.turn_id),)


@dataclass(frozen=True)
class _Fitted:
    units: tuple[Unit, ...]
    notes: tuple[PromptMessage, ...] = ()
    left_out: int = 0


def _fit(given: ContextInput, transcript: Transcript, units: Sequence[Unit], budget: int) -> _Fitted:
    counter = given.counter
    costs = [_tokens_of(unit, counter) for unit in units]
    if sum(costs) <= budget:
        return _Fitted(tuple(units))
    asked = set(given.turn.messages[-_MOST_REQUESTS:])
    requests = {
        place
        for place, unit in enumerate(units)
        if unit.envelope is not None
        and (unit.message_id in asked or (unit.is_request and unit.turn_id == given.turn.turn_id))
    }
    kept = list(units)
    share = budget // 2 // max(1, len(requests))
    for place in requests:
        if costs[place] > share:
            kept[place] = _shortened(units[place], transcript, counter, share)
            costs[place] = _tokens_of(kept[place], counter)
    # What this turn's tools said before it was taken over: left out, the model would run them again.
    done = {place for place, unit in enumerate(units) if unit.results and unit.turn_id == given.turn.turn_id}
    stays = requests | done
    room = max(0, budget - _NOTE_ROOM - sum(costs[place] for place in stays))
    others = [place for place in range(len(units)) if place not in stays]
    cut = _cut(sum(costs[place] for place in others), room)
    gone: set[int] = set()
    passed = 0
    for place in others:
        if passed < cut:
            gone.add(place)
        passed += costs[place]
    if not gone:
        return _Fitted(tuple(kept))
    note = Note(id="left-out", event="earlier_lines_left_out", by="server", at="", about=f"{len(gone)} lines")
    return _Fitted(
        units=tuple(unit for place, unit in enumerate(kept) if place not in gone),
        notes=(PromptMessage(role="user", content=encode_note(note, given.secret)),),
        left_out=len(gone),
    )


def _cut(total: int, room: int) -> int:
    """Return how many tokens go from the oldest end: whole quarters of `room`, so that the cut seldom moves."""
    over = total - room
    if over <= 0:
        return 0
    step = max(1, room // 4)
    return -(-over // step) * step


def _shortened(unit: Unit, transcript: Transcript, counter: TokenCounter, tokens: int) -> Unit:
    envelope = unit.envelope
    assert envelope is not None, "only requests are shortened"
    left = max(20, tokens - _ENVELOPE_ROOM)
    while True:
        text = trim_middle(envelope.text, counter, head=left * 3 // 4, tail=left // 4)
        short = transcript.envelope_unit(replace(envelope, text=text), unit.message_id)
        # Escaping makes a text longer; halving ends at once or after a few steps.
        if left <= 20 or _tokens_of(short, counter) <= tokens:
            return replace(short, turn_id=unit.turn_id)
        left = max(20, left // 2)


def _tokens_of(unit: Unit, counter: TokenCounter) -> int:
    return sum(message_tokens(message, counter) for message in unit.messages)


def _manifest(given: ContextInput, fitted: _Fitted, messages: Sequence[PromptMessage], tokens: int) -> Manifest:
    revisions: dict[MessageId, int] = {}
    for unit in fitted.units:
        if unit.message_id is not None:
            revisions[unit.message_id] = max(unit.revision, revisions.get(unit.message_id, 1))
    return Manifest(
        model=given.model_name,
        turn_id=given.turn.turn_id,
        ai_id=given.ai.account_id,
        from_seq=given.events[0].seq if given.events else given.state.seq + 1,
        up_to_seq=given.events[-1].seq if given.events else given.state.seq,
        summary_version=given.summary.version if given.summary else None,
        messages=tuple(UsedMessage(id=message_id, revision=revision) for message_id, revision in revisions.items()),
        tool_results=tuple(
            UsedResult(call_id=call_id, sha256=hashlib.sha256(text.encode()).hexdigest())
            for unit in fitted.units
            for call_id, text in unit.results
        ),
        tools=tuple(tool.name for tool in given.tools),
        budget_tokens=given.budget_tokens,
        tokens=tokens,
        left_out=fitted.left_out,
        prompt_sha256=prompt_sha256(messages, given.tools),
    )


def prompt_sha256(messages: Sequence[PromptMessage], tools: Sequence[ToolDefinition]) -> str:
    """Return the digest of exactly what a model is asked, in a form of our own that no provider changes."""
    form = [
        [
            [
                message.role,
                message.content,
                message.tool_call_id,
                *([c.id, c.name, c.arguments] for c in message.tool_calls),
            ]
            for message in messages
        ],
        [[tool.name, tool.description, tool.parameters] for tool in tools],
    ]
    return hashlib.sha256(json.dumps(form, ensure_ascii=True, sort_keys=True, default=dict).encode()).hexdigest()
