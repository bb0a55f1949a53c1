"""Reads the replies of dialects B and C; and tells by its first object which dialect a reply is in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from multiplayer.models.nlweb_answer import NlwebAnswer
from multiplayer.models.nlweb_cards import Item, form_of, line_in, words_in
from multiplayer.models.port import Chunk, ModelBroke
from multiplayer.protocol.profiles import NlwebDialect

_MAX_TOKEN = 4_000
_ASKS_NOTHING = "The NLWeb site wants to know more, but asks nothing."
_EMPTY_PROMISE = "The NLWeb site promises an answer, but not how to get it."
_REFUSALS = frozenset({"INVALID_REQUEST", "MISSING_FIELD", "INVALID_ACTION"})


class SiteFailed(Exception):  # noqa: N818 - says what happened; becomes one of the port's failures
    """The site itself says that it failed. `said` are its own words, not yet safe to show."""

    def __init__(self, said: str, *, code: str = "", is_refusal: bool = False) -> None:
        super().__init__("the site reports an error")
        self.said = said
        self.code = code
        self.is_refusal = is_refusal


@dataclass(frozen=True, slots=True)
class SitePromise:
    """The answer is not ready; `token` is what to ask for it with, later."""

    token: str


class ReplyReader(Protocol):
    """Turns the objects of one reply into chunks."""

    is_over: bool
    """The site has said that nothing more comes."""
    promise: SitePromise | None

    def take(self, message: Item) -> Iterator[Chunk]:
        """Yield what `message` adds; raises `SiteFailed`, `ModelBroke`."""
        ...

    def release(self) -> Iterator[Chunk]:
        """Yield what was held back: the stream is over, or broken."""
        ...

    def finish(self) -> None:
        """Raise `SiteFailed` or `ModelBroke` if a stream that ends here, properly, is no answer."""
        ...


def shape_of(message: Item) -> NlwebDialect | None:
    """Return the dialect of a reply by its first object; `None`: it is no NLWeb at all."""
    meta = message.get("_meta")
    if isinstance(meta, dict):
        is_c = "response_type" in meta or str(meta.get("version", "")).startswith("0.54")
        return NlwebDialect.C_0_54 if is_c else NlwebDialect.B_0_5
    if "message_type" in message or "message-type" in message:
        return NlwebDialect.A_0_1
    if isinstance(message.get("content"), list):
        return NlwebDialect.B_0_5
    # Not streamed, dialect A (to 2025-08) merges all its messages into one object.
    if "query_id" in message or isinstance(message.get("results"), list):
        return NlwebDialect.A_0_1
    return None


class Reply05:
    """Dialect B: `_meta`, then any number of `content`."""

    def __init__(self, answer: NlwebAnswer) -> None:
        self._answer = answer
        self.is_over = False
        self.promise: SitePromise | None = None

    def take(self, message: Item) -> Iterator[Chunk]:
        """See `ReplyReader.take`."""
        meta = message.get("_meta")
        if isinstance(meta, dict) and (meta.get("nlweb/streaming_status") == "error" or meta.get("error")):
            raise SiteFailed(words_in(meta.get("error")))
        if message.get("error"):
            raise SiteFailed(words_in(message["error"]))
        yield from take_content(message.get("content"), self._answer)

    def release(self) -> Iterator[Chunk]:
        """See `ReplyReader.release`."""
        yield from ()

    def finish(self) -> None:
        """See `ReplyReader.finish`: any proper end is one."""


class Reply054:
    """Dialect C: `_meta` with the type of the response, then what that type holds; also all of it in one object."""

    def __init__(self, answer: NlwebAnswer) -> None:
        self._answer = answer
        self._type = ""
        self.is_over = False
        self.promise: SitePromise | None = None

    def take(self, message: Item) -> Iterator[Chunk]:
        """See `ReplyReader.take`."""
        meta = message.get("_meta")
        if isinstance(meta, dict):
            self._type = str(meta.get("response_type", "")) or self._type
            understood = line_in(meta.get("decontextualized_query"))
            if understood and self._type == "Answer":
                yield from self._answer.tell(f"Searching for: {understood}")
        if message.get("error") is not None:
            raise _failure_of(message["error"])
        results = message.get("results")
        if isinstance(results, list):
            yield from self._answer.add_results(results)
        yield from take_content(message.get("content"), self._answer)
        for key in ("structuredData", "structured_data"):
            data = message.get(key)
            if isinstance(data, list):
                yield from self._answer.add_results(data)
        elicitation = message.get("elicitation")
        if isinstance(elicitation, dict):
            self._answer.form = form_of(elicitation)
            if self._answer.form is None:
                raise ModelBroke(_ASKS_NOTHING)
            self.is_over = True
        promise = message.get("promise")
        if isinstance(promise, dict):
            token = promise.get("token")
            if not isinstance(token, str) or not 0 < len(token) <= _MAX_TOKEN:
                raise ModelBroke(_EMPTY_PROMISE)
            self.is_over = True
            self.promise = SitePromise(token)

    def release(self) -> Iterator[Chunk]:
        """See `ReplyReader.release`."""
        yield from ()

    def finish(self) -> None:
        """See `ReplyReader.finish`."""
        if self._type == "Failure":
            raise SiteFailed("")
        if self._type == "Elicitation" and self._answer.form is None:
            raise ModelBroke(_ASKS_NOTHING)
        if self._type == "Promise" and self.promise is None:
            raise ModelBroke(_EMPTY_PROMISE)


def _failure_of(error: JsonValue) -> SiteFailed:
    if not isinstance(error, dict):
        return SiteFailed(words_in(error))
    code = line_in(error.get("code"), 100)
    return SiteFailed(words_in(error.get("message")), code=code, is_refusal=code in _REFUSALS)


def take_content(content: JsonValue, answer: NlwebAnswer) -> Iterator[Chunk]:
    """Yield the chunks of a `content` list: texts and resources, keys in either spelling."""
    for part in content if isinstance(content, list) else []:
        if not isinstance(part, dict):
            continue
        text = part.get("text", part.get("Text"))
        if isinstance(text, str):
            yield from answer.say(text)
        resource = part.get("resource")
        data = resource.get("data") if isinstance(resource, dict) else None
        if isinstance(data, dict | list):
            yield from answer.add_results(data if isinstance(data, list) else [data])
