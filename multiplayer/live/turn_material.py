"""What a turn is made of, sorted: what its asker may know, what its calls came to, what it has used."""

from collections.abc import Mapping, Sequence

from multiplayer.models.port import Usage
from multiplayer.protocol.events import (
    Event,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    SummaryUpdated,
    ToolFinished,
)
from multiplayer.protocol.ids import TurnId
from multiplayer.protocol.turns import TokenUsage
from multiplayer.tools.registry import ToolResult


def without_what_was_before(events: Sequence[Event]) -> list[Event]:
    """Take out what carries words from before the first of `events`: summaries, and edits of older messages."""
    here = {event.message.id for event in events if isinstance(event, MessagePosted)}
    return [
        event
        for event in events
        if not isinstance(event, SummaryUpdated)
        and not (isinstance(event, MessageEdited | MessageDeleted) and event.message_id not in here)
    ]


def with_summary(usage: TokenUsage, spent: Usage | None) -> TokenUsage:
    """Add what the summary before the answer has used."""
    if spent is None:
        return usage
    return usage.model_copy(
        update={
            "tokens_in": usage.tokens_in + spent.tokens_in,
            "tokens_cached": usage.tokens_cached + spent.tokens_cached,
            "tokens_out": usage.tokens_out + spent.tokens_out,
        }
    )


def results_of(turn_id: TurnId, events: Sequence[Event]) -> Mapping[str, ToolResult]:
    """Return what the calls of a turn came to under its earlier holders: none of them runs again."""
    return {
        event.call_id: ToolResult(ok=event.is_ok, text=event.text, code=event.code, exit_status=event.exit_status)
        for event in events
        if isinstance(event, ToolFinished) and event.turn_id == turn_id
    }
