"""NLWeb sites of ours on a loopback port, in all three dialects, that answer as each test scripts; and how to ask them.

async with nlweb_site(events(*c_answer(RICE))) as (model, site):
    chunks = await ask(model, "rice")
    assert site.requests[0].body["query"] == …
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Final

from pydantic import JsonValue

from multiplayer.models.nlweb import NLWeb
from multiplayer.models.nlweb_answer import NlwebLimits
from multiplayer.models.nlweb_dialects import DialectMemory
from multiplayer.models.port import (
    CardsFound,
    ChatModel,
    ChatRequest,
    Chunk,
    Conversation,
    FormAsked,
    StatusSaid,
    TextDelta,
    Usage,
)
from multiplayer.protocol.cards import Card, Form
from multiplayer.protocol.profiles import NlwebDialect, NlwebMode, NlwebOptions
from tests.support.provider_server import Behaviour, Connection, Provider, Reply

IN_TIME_S = 20.0
Message = Mapping[str, JsonValue]
Told = str | ChatRequest | Conversation

RICE: dict[str, JsonValue] = {
    "@type": "Recipe",
    "url": "https://recipes.example/rice",
    "name": "Rice",
    "site": "recipes.example",
    "score": 77,
    "description": "Boil it.",
    "@id": "rice-1",
    "grounding": {"source_urls": ["https://recipes.example/rice#made-from"]},
}
RICE_CARD = Card(
    title="Rice",
    url="https://recipes.example/rice#made-from",
    site="recipes.example",
    text="Boil it.",
    score=77.0,
)


def result(name: str) -> dict[str, JsonValue]:
    return {"@type": "Item", "name": name, "url": f"https://recipes.example/{name}"}


# What the dialects say


def c_meta(response_type: str, **more: JsonValue) -> Message:
    return {"_meta": {"version": "0.54", "response_type": response_type, **more}}


def c_answer(*results: JsonValue) -> tuple[Message, ...]:
    return c_meta("Answer", request_id="r-1"), {"results": list(results)}


def c_failure(code: str, message: str = "no such thing") -> tuple[Message, ...]:
    return c_meta("Failure"), {"error": {"code": code, "message": message}}


def c_promise(token: str = "token-1") -> dict[str, JsonValue]:
    return {**c_meta("Promise"), "promise": {"token": token, "estimated_time": 60}}


def b_answer(*results: JsonValue, text: str = "") -> tuple[Message, ...]:
    parts: list[JsonValue] = [{"type": "text", "text": text}] if text else []
    parts += [{"type": "resource", "resource": {"data": each}} for each in results]
    return {"_meta": {"version": "0.5"}}, {"content": parts}


def a(kind: str, **fields: JsonValue) -> Message:
    return {"message_type": kind, "message_id": "m-1", "timestamp": 1_760_000_000_000, **fields}


def a_answer(*results: JsonValue) -> tuple[Message, ...]:
    begin, end = a("begin-nlweb-response", query="rice"), a("end-nlweb-response")
    return begin, a("result", content=list(results)), end


# How a site behaves


def events(*messages: JsonValue | Message, raw: bytes = b"") -> Behaviour:
    """A stream that ends as it should; `raw` is sent before the messages."""
    return _stream(messages, raw, Reply.end)


def cut_after(*messages: JsonValue | Message) -> Behaviour:
    """A stream whose connection is closed in the middle of its chunked body."""

    async def cut(reply: Reply) -> None:
        reply.keeps_alive = False

    return _stream(messages, b"", cut)


def broken_after(*messages: JsonValue | Message) -> Behaviour:
    """A stream with a second head in the middle of its chunked body: so 0.7.0 crashes."""

    async def crash(reply: Reply) -> None:
        reply.keeps_alive = False
        await reply.raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")

    return _stream(messages, b"", crash)


def silent_after(*messages: JsonValue | Message) -> Behaviour:
    return _stream(messages, b"", Reply.until_closed)


def _stream(
    messages: Sequence[JsonValue | Message], raw: bytes, ending: Callable[[Reply], Awaitable[None]]
) -> Behaviour:
    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        if raw:
            await reply.body(raw)
        for message in messages:
            await reply.body(f"data: {json.dumps(message)}\n\n".encode())
        await ending(reply)

    return Behaviour("stream", play)


def whole(value: JsonValue | Message | Sequence[Message], status: int = 200) -> Behaviour:
    """One JSON body: what is sent where nothing is streamed."""
    return told(status, json.dumps(value), content_type="application/json; charset=utf-8")


def told(status: int, body: str = "Server got itself in trouble", **headers: str) -> Behaviour:
    async def play(reply: Reply) -> None:
        data = body.encode()
        await reply.head(status, length=len(data), **({"content_type": "text/plain"} | headers))
        await reply.body(data)

    return Behaviour(f"status {status}", play)


def by_route(*, ask: Behaviour, later: Sequence[Behaviour] = (), cancel: Behaviour | None = None) -> Behaviour:
    """A site that keeps promises: `ask` answers the question, `later` each checkin, the last of them for ever."""
    left = list(later)

    async def play(reply: Reply) -> None:
        if reply.request.path == "/ask":
            await ask.play(reply)
        elif reply.request.body.get("action") == "cancel" and cancel is not None:
            await cancel.play(reply)
        else:
            await (left.pop(0) if len(left) > 1 else left[0]).play(reply)

    return Behaviour("by route", play)


INVALID_IN_C = events(*c_failure("INVALID_REQUEST", "query: Input should be a valid dictionary"))


def site_of(answer: Behaviour, *, takes_nested: bool, else_: Behaviour) -> Behaviour:
    """A site that answers bodies of its own form, and meets the other form with `else_`."""

    async def play(reply: Reply) -> None:
        is_nested = isinstance(reply.request.body.get("query"), dict)
        await (answer if is_nested is takes_nested else else_).play(reply)

    return Behaviour("one dialect", play)


@asynccontextmanager
async def nlweb_site(
    *behaviours: Behaviour,
    dialect: NlwebDialect = NlwebDialect.C_0_54,
    mode: NlwebMode = NlwebMode.LIST,
    options: NlwebOptions | None = None,
    key: str | None = None,
    composer: ChatModel | None = None,
    dialects: DialectMemory | None = None,
    limits: NlwebLimits | None = None,
    clock: Callable[[], float] = lambda: 0.0,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    read_timeout_s: float = 10.0,
) -> AsyncIterator[tuple[NLWeb, Provider]]:
    """Run a site that plays `behaviours`, one a request, the last of them for ever; with a model to ask it."""
    connections: set[Connection] = set()
    site = Provider("", behaviours[-1])
    site.enqueue(*behaviours[:-1])
    server = await asyncio.get_running_loop().create_server(lambda: Connection(site, connections), "127.0.0.1", 0)
    site.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    model = NLWeb(
        site.base_url,
        options or NlwebOptions(dialect=dialect, mode=mode),
        key=key,
        composer=composer,
        dialects=dialects,
        limits=limits,
        clock=clock,
        sleep=sleep,
        make_marker=lambda: "MARKER",
        read_timeout_s=read_timeout_s,
    )
    try:
        yield model, site
    finally:
        await model.aclose()
        server.close()
        for connection in list(connections):
            await connection.cut()


# Asking, and what came of it


def request_of(told_: Told) -> ChatRequest:
    if isinstance(told_, ChatRequest):
        return told_
    return ChatRequest((), conversation=Conversation(told_) if isinstance(told_, str) else told_)


NO_TOKENS: Final = Usage(0, 0, 0)


async def ask(model: ChatModel, told_: Told = "rice", heard: list[Chunk] | None = None) -> list[Chunk]:
    """Return all chunks of the answer. `heard` gets them as they come, also those before a failure.

    Each answer of a site says that it counts no tokens; that is left out.
    """
    heard = [] if heard is None else heard
    async with asyncio.timeout(IN_TIME_S), aclosing(model.stream(request_of(told_))) as chunks:
        async for chunk in chunks:
            if chunk != NO_TOKENS:
                heard.append(chunk)
    return heard


def text_of(chunks: Sequence[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks if isinstance(chunk, TextDelta))


def cards_of(chunks: Sequence[Chunk]) -> list[Card]:
    return [card for chunk in chunks if isinstance(chunk, CardsFound) for card in chunk.cards]


def titles_of(chunks: Sequence[Chunk]) -> list[str]:
    return [card.title for card in cards_of(chunks)]


def forms_of(chunks: Sequence[Chunk]) -> list[Form]:
    return [chunk.form for chunk in chunks if isinstance(chunk, FormAsked)]


def statuses_of(chunks: Sequence[Chunk]) -> list[str]:
    return [chunk.text for chunk in chunks if isinstance(chunk, StatusSaid)]
