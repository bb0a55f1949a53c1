"""What each NLWeb dialect is sent: always a POST body of JSON, with known keys only."""

import json

from pydantic import JsonValue

from multiplayer.models.port import Conversation
from multiplayer.protocol.profiles import NlwebDialect, NlwebMode, NlwebOptions

Body = dict[str, JsonValue]

_DEFAULT_RETRIEVED = 50


def encode_question(dialect: NlwebDialect, conversation: Conversation, options: NlwebOptions) -> bytes:
    """Return the body of an `/ask`. Who asks is never in it: no user id, no name, no token."""
    last = options.previous_messages
    previous: list[JsonValue] = [*conversation.previous[-last:]] if last else []
    match dialect:
        case NlwebDialect.A_0_1:
            body = _flat_0_1(conversation, options, previous)
        case NlwebDialect.B_0_5:
            body = _flat_0_5(conversation, options, previous)
        case _:
            body = _nested_0_54(conversation, options, previous)
    return _encode(body)


def encode_await(token: str, action: str) -> bytes:
    """Return the body of an `/await`; `action` is *checkin* or *cancel*."""
    return _encode({"promise_token": token, "action": action})


def _encode(body: Body) -> bytes:
    # Escaped, so that a lone surrogate in somebody's question cannot break the encoding.
    return json.dumps(body, separators=(",", ":")).encode()


def _flat_0_1(conversation: Conversation, options: NlwebOptions, previous: list[JsonValue]) -> Body:
    body: Body = {"query": conversation.question, "site": options.site, "max_results": options.max_results}
    if previous:
        # Only a real list is safe: a text would be split at every comma.
        body["prev"] = previous
    if conversation.thread:
        body["conversation_id"] = conversation.thread
    # Its routing reads one of the two, its handler prefers the other.
    body["mode"] = body["generate_mode"] = options.mode.value
    return body


def _flat_0_5(conversation: Conversation, options: NlwebOptions, previous: list[JsonValue]) -> Body:
    body: Body = {"query": conversation.question, "site": options.site, "streaming": True}
    if previous:
        body["prev"] = previous
    return body


def _nested_0_54(conversation: Conversation, options: NlwebOptions, previous: list[JsonValue]) -> Body:
    query: Body = {"text": conversation.question, "site": options.site, "max_results": options.max_results}
    if options.max_results > _DEFAULT_RETRIEVED:
        query["num_results"] = options.max_results
    body: Body = {"query": query, "prefer": {"streaming": True, "mode": _mode_0_54(options.mode)}}
    context: Body = {}
    if previous:
        context["prev"] = previous
    if conversation.summary:
        context["text"] = conversation.summary
    if conversation.facts:
        context["memory"] = [*conversation.facts]
    if context:
        body["context"] = {"@type": "ConversationalContext", **context}
    if conversation.thread:
        body["meta"] = {"session_context": {"conversation_id": conversation.thread}}
    return body


def _mode_0_54(mode: NlwebMode) -> str:
    match mode:
        case NlwebMode.LIST:
            return "list"
        case NlwebMode.SUMMARIZE:
            return "summarize"
        case NlwebMode.GENERATE:
            return "list,summarize"
