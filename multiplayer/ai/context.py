"""Builds the prompt of one turn within a budget of tokens, and the manifest of what it was built from."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from multiplayer.ai.brief import Pinned, RoomBrief
from multiplayer.ai.conversation import Asked, conversation_of
from multiplayer.ai.manifest import dump_tools, of_conversation, part_sha256, prompt_sha256
from multiplayer.ai.prompts import Note, encode_brief, encode_note, marker_of
from multiplayer.ai.tokens import TokenCounter, trim_middle
from multiplayer.ai.transcript import Transcript
from multiplayer.ai.units import Unit
from multiplayer.models.port import Conversation, PromptMessage, ToolDefinition
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.events import Event, MemberJoined, MessagePosted
from multiplayer.protocol.ids import AccountId, MessageId, RoomId
from multiplayer.protocol.members import Account, Member
from multiplayer.protocol.memory import Fact, Summary
from multiplayer.protocol.messages import Message
from multiplayer.protocol.reports_prompts import Manifest, Share, UsedMessage, UsedResult
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.values import rfc3339

SUMMARISE_AT: Final = 0.75
"""The share of its budget that the recent part may fill before it is summarised."""
_MESSAGE_TOKENS: Final = 6
"""What a provider's own marks around a message cost."""
_CALL_TOKENS: Final = 30
_TOOL_TOKENS: Final = 12
_TOOLS_TOKENS: Final = 400
"""What a provider's own marks around a call and a tool cost, and its words about how tools are called."""
_NOTE_ROOM: Final = 80
_ENVELOPE_ROOM: Final = 160
_MOST_REQUESTS: Final = 20


@dataclass(frozen=True)
class ContextInput:
    """What a prompt is built from. `events` are the log after `summary.up_to_seq` (or from 1 on), in order.

    `brief` is the room as it was where the events begin. `older` are messages the request is about that lie before
    `events`; `facts` are what the room knows now, by id; `pinned` the pinned messages that lie before.
    `hidden_before`: those who ask may not read what was before this seq.
    """

    room_id: RoomId
    ai: Member
    turn: TurnState
    events: Sequence[Event]
    summary: Summary | None
    brief: RoomBrief
    secret: bytes
    tools: tuple[ToolDefinition, ...]
    budget_tokens: int
    counter: TokenCounter
    model_name: str
    rules: str
    """The system message."""
    as_of: datetime
    """What was edited later is told as it stood then."""
    accounts: Mapping[AccountId, Account] = field(default_factory=dict)
    older: Sequence[Message] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)
    pinned: Mapping[MessageId, Pinned] = field(default_factory=dict)
    hidden_before: int = 0
    sees_workspace: bool = True
    """Whether all who ask may see the workspace. If not, `events` quote nothing of it."""
    previous_messages: int = 5
    """How many earlier human messages go along with a plain question."""
    is_plain: bool = False
    """The provider is given the plain question, and the prompt only whoever stands in for it."""


@dataclass(frozen=True)
class Prompt:
    """`recent_tokens` is what all messages since the summary would need, `recent_budget` what they may have;
    `recent_messages` is how many there are. `conversation` is the same request in plain words.

    `closing` of the last `messages` repeat the request and will not be there in the next turn's prompt.
    """

    messages: tuple[PromptMessage, ...]
    tools: tuple[ToolDefinition, ...]
    tokens: int
    manifest: Manifest
    recent_tokens: int
    recent_budget: int
    conversation: Conversation
    recent_messages: int = 0
    closing: int = 0


def needs_summary(prompt: Prompt, *, share: float = SUMMARISE_AT) -> bool:
    """Tell whether the part after the summary has outgrown its share and its oldest part should be summarised."""
    return prompt.recent_tokens > share * prompt.recent_budget


def message_tokens(message: PromptMessage, counter: TokenCounter) -> int:
    calls = sum(counter.count(call.name) + counter.count(call.arguments) + _CALL_TOKENS for call in message.tool_calls)
    thinking = counter.count(message.thinking) if message.thinking else 0
    return counter.count(message.content) + calls + thinking + _MESSAGE_TOKENS


def tool_tokens(tools: Sequence[ToolDefinition], counter: TokenCounter) -> int:
    told = sum(
        counter.count(tool.name)
        + counter.count(tool.description)
        + counter.count(json.dumps(tool.parameters))
        + _TOOL_TOKENS
        for tool in tools
    )
    return told + _TOOLS_TOKENS if tools else 0


def build_prompt(given: ContextInput) -> Prompt:
    """Return the prompt: rules, room and summary, then the log in order. Takes some milliseconds per 100,000 tokens.

    Between two versions of the summary it only grows at its end. Over the budget the oldest go, in large steps, so
    that it stays the same for many turns; what the turn has to answer always stays, shortened if it must be.
    """
    counter = _CountedOnce(given.counter)
    given = replace(given, counter=counter)
    start = _start(given)
    fixed = sum(message_tokens(message, counter) for message in start) + tool_tokens(given.tools, counter)
    recent_budget = max(0, given.budget_tokens - fixed)

    transcript = Transcript(given.brief, given.ai, given.secret, counter, given.accounts, given.older)
    transcript.take_all(given.events)
    units = transcript.units
    recent_tokens = sum(_tokens_of(unit, counter) for unit in units)
    closing = _closing(given, transcript)
    fitted = _fit(given, transcript, (*units, *closing), recent_budget)
    asked = ask_plainly(given)
    # The closing line is a request, so it is never left out.
    messages = (*start, *fitted.notes, *(message for unit in fitted.units for message in unit.messages))
    manifest = _manifest(given, fitted, start, messages, counter)
    return Prompt(
        messages=messages,
        tools=given.tools,
        tokens=sum(message_tokens(message, counter) for message in messages) + tool_tokens(given.tools, counter),
        manifest=_of_conversation(given, manifest, asked, units) if given.is_plain else manifest,
        recent_tokens=recent_tokens,
        recent_budget=recent_budget,
        conversation=asked.conversation,
        recent_messages=sum(1 for event in given.events if isinstance(event, MessagePosted)),
        closing=len(closing),
    )


class _CountedOnce:
    """A counter for one prompt, each text of which is asked about several times while it is built."""

    def __init__(self, counter: TokenCounter) -> None:
        self.name = type(counter).__name__
        self._counter = counter
        self._known: dict[str, int] = {}

    def count(self, text: str) -> int:
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = self._counter.count(text)
        return known


def _start(given: ContextInput) -> tuple[PromptMessage, ...]:
    told = given.brief.told(given.facts, given.pinned)
    version = 0
    if given.summary is not None:
        version = given.summary.version
        room = max(200, given.budget_tokens * 3 // 10)
        told["summary"] = trim_middle(given.summary.text, given.counter, head=room * 3 // 4, tail=room // 4)
        if given.summary.taint:
            told["summary_from"] = [taint.value for taint in given.summary.taint]
    return (
        PromptMessage(role="system", content=given.rules),
        PromptMessage(role="user", content=encode_brief(f"{given.room_id}/brief/{version}", told, given.secret)),
    )


def ask_plainly(given: ContextInput) -> Asked:
    """Return what is asked in plain words: all that a provider is given which takes no prompt."""
    joined = [event.member for event in given.events if isinstance(event, MemberJoined)]
    ai_ids = {account_id for account_id, who in given.brief.members.items() if who.role == "ai"}
    handles = {given.ai.handle, *(member.handle for member in joined)}
    handles |= {who.handle for who in given.brief.members.values()}
    handles |= {account.handle for account in given.accounts.values()}
    return conversation_of(
        given.events,
        given.turn,
        handles=handles,
        ai_ids={*ai_ids, given.ai.account_id},
        summary=given.summary,
        facts=tuple(fact.text for fact in given.facts.values()),
        older=given.older,
        previous=given.previous_messages,
        # The same for all turns of the room, and tells a site nothing about it.
        thread=marker_of(given.secret, "thread"),
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
        if unit.envelope is not None and unit.message_id in asked and not given.turn.note:
            if unit.message_id == asked[0]:
                return ()
            continue  # said into the turn while it ran
        break
    line = transcript.request(
        f"{given.turn.turn_id}/request",
        rfc3339(given.turn.requested_at),
        given.turn.askers,
        asked,
        note=given.turn.note,
        is_by_webhook=Taint.WEBHOOK in given.turn.taint,
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


def _of_conversation(given: ContextInput, manifest: Manifest, asked: Asked, units: Sequence[Unit]) -> Manifest:
    return of_conversation(
        manifest,
        asked,
        given.turn,
        previous_at_most=given.previous_messages,
        revisions={message.id: message.revision for message in given.older} | _revisions(units),
        facts=given.facts,
    )


def _revisions(units: Sequence[Unit]) -> dict[MessageId, int]:
    revisions: dict[MessageId, int] = {}
    for unit in units:
        if unit.message_id is not None:
            revisions[unit.message_id] = max(unit.revision, revisions.get(unit.message_id, 1))
    return revisions


def _manifest(
    given: ContextInput,
    fitted: _Fitted,
    start: Sequence[PromptMessage],
    messages: Sequence[PromptMessage],
    counter: _CountedOnce,
) -> Manifest:
    summary = counter.count(given.summary.text) if given.summary else 0
    results = sum(_tokens_of(unit, counter) for unit in fitted.units if unit.results)
    share = Share(
        rules=message_tokens(start[0], counter),
        tools=tool_tokens(given.tools, counter),
        room=max(0, message_tokens(start[1], counter) - summary),
        summary=summary,
        messages=sum(message_tokens(message, counter) for message in messages[len(start) :]) - results,
        results=results,
    )
    taint = {
        *(given.summary.taint if given.summary else ()),
        *(one for fact in given.facts.values() for one in fact.taint),
        *(one for pinned in given.pinned.values() for one in pinned.taint),
        *(one for unit in fitted.units for one in unit.taint),
    }
    return Manifest(
        model=given.model_name,
        turn_id=given.turn.turn_id,
        ai_id=given.ai.account_id,
        handle=given.ai.handle,
        from_seq=given.events[0].seq if given.events else 0,
        up_to_seq=given.events[-1].seq if given.events else 0,
        hidden_before=given.hidden_before,
        sees_workspace=given.sees_workspace,
        as_of=given.as_of,
        summary_version=given.summary.version if given.summary else None,
        rules=part_sha256(start[0].content),
        brief=part_sha256(given.brief.dump()),
        tools_text=part_sha256(dump_tools(given.tools)),
        messages=tuple(
            UsedMessage(id=message_id, revision=revision) for message_id, revision in _revisions(fitted.units).items()
        ),
        older=tuple(message.id for message in given.older),
        tool_results=tuple(
            UsedResult(call_id=call_id, sha256=hashlib.sha256(text.encode()).hexdigest())
            for unit in fitted.units
            for call_id, text in unit.results
        ),
        tools=tuple(tool.name for tool in given.tools),
        facts=tuple(fact_id for fact_id in given.brief.facts if fact_id in given.facts),
        pins=tuple(given.pinned),
        former={account.id: (account.handle, account.display_name) for account in given.accounts.values()},
        taint=tuple(sorted(taint)),
        budget_tokens=given.budget_tokens,
        counter=counter.name,
        tokens=share.rules + share.tools + share.room + share.summary + share.messages + share.results,
        share=share,
        left_out=fitted.left_out,
        prompt_sha256=prompt_sha256(messages, given.tools),
    )
