"""Makes what is kept of a prompt with its turn, so that anyone may ask later what the AI knew: digests and pieces."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pydantic import JsonValue, TypeAdapter

from multiplayer.ai.conversation import Asked, conversation_sha256
from multiplayer.models.port import PromptMessage, ToolDefinition
from multiplayer.protocol.ids import MessageId
from multiplayer.protocol.reports_prompts import Manifest, Share, UsedConversation, UsedMessage
from multiplayer.protocol.rooms import TurnState

_TOOLS: Final = TypeAdapter(list[tuple[str, str, dict[str, JsonValue]]])


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
