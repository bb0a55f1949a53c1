"""The pieces of a prompt that stand or fall together, and the words they are made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from multiplayer.ai.prompts import NEVER_STARTED, RESULT_GONE, UNKNOWN_OUTCOME, Envelope, call_message, tool_message
from multiplayer.ai.tokens import TokenCounter
from multiplayer.models.port import PromptMessage, ToolCall
from multiplayer.protocol.cards import Card, Form, Taint
from multiplayer.protocol.ids import CallId, MessageId, TurnId
from multiplayer.protocol.turn_events import ToolFinished


@dataclass(frozen=True, slots=True)
class Unit:
    """What stands or falls together in a prompt: a message, a server's line, or tool calls with all their results."""

    messages: tuple[PromptMessage, ...]
    message_id: MessageId | None = None
    revision: int = 1
    envelope: Envelope | None = None
    turn_id: TurnId | None = None
    results: tuple[tuple[CallId, str], ...] = ()
    """Each call with the text it came to."""
    taint: tuple[Taint, ...] = ()

    @property
    def is_request(self) -> bool:
        return self.envelope is not None and self.envelope.kind == "request"


@dataclass(slots=True)
class OpenCall:
    """A call of a turn, with its result once it has one."""

    call: ToolCall
    is_started: bool = False
    finished: ToolFinished | None = None


def calls_unit(turn_id: TurnId, calls: Iterable[OpenCall], secret: bytes, counter: TokenCounter) -> Unit:
    """Return calls and their results in one place: no provider takes a call without its result right after it."""
    calls = tuple(calls)
    messages = [call_message(tuple(call.call for call in calls))]
    results: list[tuple[CallId, str]] = []
    taint: dict[Taint, None] = {}
    for call in calls:
        done = call.finished
        text = UNKNOWN_OUTCOME if call.is_started else NEVER_STARTED
        if done is not None:
            text = RESULT_GONE if done.is_redacted else done.text
        results.append((CallId(call.call.id), text))
        if done is not None and done.taint is not None:
            taint[done.taint] = None
        messages.append(
            tool_message(
                call.call.id,
                turn_id=turn_id,
                text=text,
                is_ok=done.is_ok if done else False,
                code=done.code if done else "unknown" if call.is_started else "not_run",
                exit_status=done.exit_status if done else None,
                secret=secret,
                counter=counter,
                taint=done.taint.value if done and done.taint else None,
            )
        )
    return Unit(tuple(messages), turn_id=turn_id, results=tuple(results), taint=tuple(taint))


def with_cards(text: str, cards: Sequence[Card], form: Form | None) -> str:
    """Return an answer as a model reads it: its words, then its cards and questions, a line each."""
    lines = [text] if text else []
    for card in cards:
        where = f" ({card.url})" if card.url else ""
        lines.append(f"- {card.title}{where}{': ' if card.text else ''}{card.text}")
    if form is not None:
        lines += [part for part in (form.text, *(f"? {question.text}" for question in form.questions)) if part]
    return "\n".join(lines)
