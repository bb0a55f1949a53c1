"""What an answer was built from: kept with its turn, so that anyone may ask later what the AI knew."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pydantic import Field, JsonValue, TypeAdapter

from multiplayer.ai.conversation import Asked, conversation_sha256
from multiplayer.models.port import PromptMessage, ToolDefinition
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.ids import AccountId, CallId, MessageId, TurnId
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.values import Frozen, UtcTime

_TOOLS: Final = TypeAdapter(list[tuple[str, str, dict[str, JsonValue]]])


class UsedMessage(Frozen):
    id: MessageId
    revision: int


class UsedResult(Frozen):
    call_id: CallId
    sha256: str


class Share(Frozen):
    """How many tokens one part of the prompt takes."""

    rules: int = 0
    tools: int = 0
    room: int = 0
    summary: int = 0
    messages: int = 0
    results: int = 0


class UsedConversation(Frozen):
    """What a provider that takes a plain question was given in place of a prompt.

    `question`: the messages that asked; none where a note did (`has_note`). Summary and facts are given to every such
    provider; an old dialect has no place for them and sends the rest alone.
    """

    question: tuple[MessageId, ...] = ()
    has_note: bool = False
    previous: tuple[MessageId, ...] = ()
    previous_at_most: int = 0
    summary_points: int = 0
    """How many points of the summary went along; 0: no summary."""
    facts: int = 0
    """How many facts did."""


class Manifest(Frozen):
    """What an answer was built from: enough to build the same prompt again. `left_out` counts units that did not fit.

    `rules`, `brief` and `tools_text` name kept pieces of the prompt by their SHA-256. `former` are the handles and
    names of those who spoke and were members no more. With a `conversation`, that was sent and no prompt:
    `prompt_sha256` is its digest, `messages` are those it holds, and there are no tokens to count.
    """

    form: int = 2
    model: str
    turn_id: TurnId
    ai_id: AccountId
    handle: str = ""
    from_seq: int
    up_to_seq: int
    hidden_before: int = 0
    as_of: UtcTime | None = None
    summary_version: int | None
    rules: str = ""
    brief: str = ""
    tools_text: str = ""
    messages: tuple[UsedMessage, ...]
    older: tuple[MessageId, ...] = ()
    tool_results: tuple[UsedResult, ...]
    tools: tuple[str, ...]
    facts: tuple[str, ...] = ()
    pins: tuple[MessageId, ...] = ()
    former: dict[AccountId, tuple[str, str]] = Field(default_factory=dict)
    taint: tuple[Taint, ...] = ()
    budget_tokens: int
    counter: str = ""
    tokens: int
    share: Share = Share()
    left_out: int
    conversation: UsedConversation | None = None
    prompt_sha256: str


def of_conversation(
    manifest: Manifest,
    asked: Asked,
    turn: TurnState,
    *,
    previous_at_most: int,
    revisions: Mapping[MessageId, int],
    facts: Iterable[str],
) -> Manifest:
    """Return the manifest of a turn whose provider is given `asked`, from the one of the prompt that it would be.

    The taint stays that of the whole prompt: a model that stands in is given it.
    """
    conversation = asked.conversation
    return manifest.model_copy(
        update={
            "summary_version": manifest.summary_version if conversation.summary else None,
            "rules": "",
            "tools_text": "",
            "messages": tuple(
                UsedMessage(id=message_id, revision=revisions.get(message_id, 1))
                for message_id in (*asked.previous, *asked.question)
            ),
            "tool_results": (),
            "tools": (),
            "pins": (),
            "facts": tuple(facts),
            "budget_tokens": 0,
            "tokens": 0,
            "share": Share(),
            "left_out": 0,
            "conversation": UsedConversation(
                question=asked.question,
                has_note=bool(turn.note),
                previous=asked.previous,
                previous_at_most=previous_at_most,
                summary_points=asked.summary_points,
                facts=len(conversation.facts),
            ),
            "prompt_sha256": conversation_sha256(conversation),
        }
    )


def part_sha256(text: str) -> str:
    """Return the name under which a piece of a prompt is kept."""
    return hashlib.sha256(text.encode()).hexdigest()


def dump_tools(tools: Sequence[ToolDefinition]) -> str:
    """Return tools as a text that `load_tools` reads back."""
    return json.dumps([[tool.name, tool.description, tool.parameters] for tool in tools], sort_keys=True, default=dict)


def load_tools(text: str) -> tuple[ToolDefinition, ...]:
    return tuple(ToolDefinition(*tool) for tool in _TOOLS.validate_json(text))


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
