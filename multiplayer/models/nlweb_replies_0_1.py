"""Reads the replies of dialect A, "0.1": a stream of messages, each with its `message_type`."""

from collections.abc import Iterator

from pydantic import JsonValue

from multiplayer.models.nlweb_answer import NlwebAnswer
from multiplayer.models.nlweb_cards import Item, line_in, question_form, words_in
from multiplayer.models.nlweb_replies import SiteFailed, SitePromise
from multiplayer.models.port import Chunk

# What says something about the service, not about the question.
_METADATA = frozenset(
    {
        "begin-nlweb-response",
        "api_version",
        "header",
        "license",
        "data_retention",
        "ui_component",
        "user",
        "user_message",
        "query",
        "query_id",
        "site",
        "generate_mode",
        "conversation_id",
        "message_id",
        "timestamp",
        "sender_type",
        "sender_info",
        "senderInfo",
    }
)
_PROGRESS = frozenset(
    {
        "decontextualized_query",
        "query_rewrite",
        "tool_selection",
        "tool_routing",
        "retrieval_count",
        "asking_sites",
        "intermediate_message",
        "results_map",
    }
)
_TOOLS = frozenset(
    {
        "remember",
        "site_is_irrelevant_to_query",
        "no_results",
        "item_details",
        "compare_items",
        "ensemble_result",
        "substitution_suggestions",
        "statistics_result",
        "chart_result",
        "site_querying",
        "site_complete",
        "site_error",
        "site_querying_complete",
        "site_querying_error",
        "multi_site_complete",
        "multi_site_error",
    }
)
_TEXT_KEYS = ("message", "content", "text", "answer", "item_to_remember")


class Reply01:
    """Dialect A. A generated answer comes twice: the later one stands, so it is held until that is known."""

    def __init__(self, answer: NlwebAnswer) -> None:
        self._answer = answer
        self._generated = ""
        self._has_generated = False
        self.is_over = False
        self.promise: SitePromise | None = None

    def take(self, message: Item) -> Iterator[Chunk]:
        """See `ReplyReader.take`."""
        if "message_type" in message or "message-type" in message:
            yield from self._take_one(str(message.get("message_type", message.get("message-type"))), message)
        else:
            for kind, value in message.items():
                yield from self._take_merged(kind, value)

    def release(self) -> Iterator[Chunk]:
        """See `ReplyReader.release`."""
        generated, self._generated = self._generated, ""
        yield from self._answer.say(generated)

    def finish(self) -> None:
        """See `ReplyReader.finish`: any proper end is one."""

    def _take_merged(self, kind: str, value: JsonValue) -> Iterator[Chunk]:
        """Yield what one key of a whole reply holds: a reply of 2025-08 that is not streamed is one object."""
        if kind == "results":
            yield from self._take_one("result_batch", {"results": value})
        elif kind == "error" and isinstance(value, str):
            yield from self._take_one("error", {"error": value})
        elif kind in _METADATA:
            return
        else:
            for each in value if isinstance(value, list) else [value]:
                yield from self._take_one(kind, each if isinstance(each, dict) else {"content": each})

    def _take_one(self, kind: str, message: Item) -> Iterator[Chunk]:
        match kind:
            case "api_key":
                return  # a secret of the site's: dropped unread
            case "result_batch" | "result":
                yield from self._take_results(message)
            case "summary":
                yield from self._answer.say(words_in(message.get("message")) or _text_of(message))
            case "nlws":
                yield from self._take_generated(message)
            case "ask_user":
                self.is_over = True
                self._answer.form = question_form(_text_of(message) or "What more can you say?")
            case "error":
                self._fail(_status_of(message), words_in(message.get("error")) or _text_of(message))
            case "end-nlweb-response" | "complete":
                if message.get("error"):
                    self._fail(None, _text_of(message))
                self.is_over = True
            case _ if kind in _PROGRESS:
                yield from self._answer.tell(_progress_of(kind, message))
            case _ if kind in _TOOLS:
                yield from self._answer.say(_text_of(message))
            case _ if kind not in _METADATA:
                self._answer.unknown += 1

    def _take_results(self, message: Item) -> Iterator[Chunk]:
        if message.get("@type") == "Summary":
            yield from self._answer.say(_text_of(message))
            return
        for key in ("results", "content"):
            value = message.get(key)
            if isinstance(value, str):
                yield from self._answer.say(value)
            elif isinstance(value, dict | list):
                yield from self._answer.add_results(value if isinstance(value, list) else [value])

    def _take_generated(self, message: Item) -> Iterator[Chunk]:
        if not self._has_generated:
            yield from self._answer.tell("The answer is written; its sources are on their way.")
        self._has_generated = True
        self._generated = words_in(message.get("answer")) or self._generated
        items = message.get("items")
        if isinstance(items, list):
            yield from self._answer.add_results(items)

    def _fail(self, status: int | None, said: str) -> None:
        """Raise `SiteFailed`; but a server of 2025-11 ends every generated answer so, and that answer is whole."""
        if self._has_generated:
            self.is_over = True
            return
        raise SiteFailed(said, is_refusal=status is not None and 400 <= status < 500 and status not in {408, 429})


def _text_of(message: Item) -> str:
    return next((words for key in _TEXT_KEYS if (words := words_in(message.get(key)))), "")


def _status_of(message: Item) -> int | None:
    status = message.get("status")
    return status if isinstance(status, int) else None


def _progress_of(kind: str, message: Item) -> str:
    if kind == "decontextualized_query":
        understood = line_in(message.get("decontextualized_query"))
        return f"Searching for: {understood}" if understood else ""
    if kind == "retrieval_count":
        count = message.get("count", message.get("content"))
        return f"Looking through {count} results" if isinstance(count, int) else _text_of(message)
    return _text_of(message)
