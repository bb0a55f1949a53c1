"""An OpenAI-compatible provider on a loopback port that behaves, or misbehaves, as each test asks.

    async with provider() as stand_in:
        stand_in.enqueue(cut_after("Hel"), answers("Hello"))     # one behaviour per request, in order
        ...                                                      # point the client at stand_in.base_url
        assert stand_in.requests[0].authorization == "Bearer …"

When the queue is empty the `default` behaviour plays. Behaviours that hang end when the client closes its
connection; `stand_in.requests[n].closed` is set then. What is big is sent in pieces, so that the memory a test
measures is the client's. Rarer behaviours are in `provider_oddities`.
"""

import asyncio
import json
import zlib
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from pydantic import JsonValue

from tests.support.provider_server import Behaviour, Connection, Delta, Provider, RecordedRequest, Reply

__all__ = ["Behaviour", "Provider", "RecordedRequest", "Reply", "provider"]


@asynccontextmanager
async def provider(default: Behaviour | None = None) -> AsyncIterator[Provider]:
    """Run a stand-in on 127.0.0.1 until the block ends; then every connection is cut."""
    connections: set[Connection] = set()
    stand_in = Provider("", default or answers("Hello from the stand-in."))
    server = await asyncio.get_running_loop().create_server(lambda: Connection(stand_in, connections), "127.0.0.1", 0)
    stand_in.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield stand_in
    finally:
        server.close()
        for connection in list(connections):
            await connection.cut()


def _usage(tokens_in: int, tokens_cached: int, tokens_out: int) -> JsonValue:
    return {
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
        "prompt_tokens_details": {"cached_tokens": tokens_cached},
    }


def _in_pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def call(
    name: str, arguments: Mapping[str, JsonValue] | str, call_id: str | None = "call_1"
) -> tuple[str | None, str, str]:
    """Return a tool call for `calls`: arguments as a mapping, or as text to send them broken."""
    return call_id, name, arguments if isinstance(arguments, str) else json.dumps(arguments)


# Healthy answers


def answers(
    text: str,
    *,
    thinking: str = "",
    piece: int = 5,
    usage: tuple[int, int, int] | None = (12, 4, 7),
    finish_reason: str = "stop",
) -> Behaviour:
    """A normal stream: role chunk with null content, thinking, words, finish, usage with `choices: []`, [DONE]."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await reply.delta({"role": "assistant", "content": None})
        for words in _in_pieces(thinking, piece):
            await reply.delta({"content": None, "reasoning_content": words})
        for words in _in_pieces(text, piece):
            await reply.delta({"content": words})
        await reply.delta({}, finish_reason)
        if usage is not None:
            await reply.chunk([], usage=_usage(*usage))
        await reply.done()

    return Behaviour("answers", play)


def calls(
    *wanted: tuple[str | None, str, str],
    text: str = "",
    piece: int = 4,
    finish_reason: str | None = "tool_calls",
    thinking: str = "",
) -> Behaviour:
    """Tool calls in fragments, interleaved: one piece of each call in turn. Use `call` to write them."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await reply.delta({"role": "assistant", "content": text or None})
        if thinking:
            await reply.delta({"reasoning_content": thinking})
        for index, (call_id, name, _) in enumerate(wanted):
            start: dict[str, JsonValue] = {"index": index, "type": "function", "function": {"name": name}}
            if call_id is not None:
                start["id"] = call_id
            await reply.delta({"tool_calls": [start]})
        queues = [deque(_in_pieces(arguments, piece)) for _, _, arguments in wanted]
        while any(queues):
            for index, queue in enumerate(queues):
                if queue:
                    await reply.delta({"tool_calls": [{"index": index, "function": {"arguments": queue.popleft()}}]})
        if finish_reason is not None:
            await reply.delta({}, finish_reason)
            await reply.chunk([], usage=_usage(30, 0, 15))
            await reply.body(b"data: [DONE]\n\n")
        await reply.end()

    return Behaviour("calls", play)


def streams(deltas: Sequence[Delta], finish_reason: str | None = "stop") -> Behaviour:
    """Exactly these deltas."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        for delta in deltas:
            await reply.delta(delta)
        if finish_reason is not None:
            await reply.delta({}, finish_reason)
        await reply.done()

    return Behaviour("streams", play)


def whole_json(text: str, *wanted: tuple[str | None, str, str]) -> Behaviour:
    """An answer that is not streamed, though a stream was asked for."""

    async def play(reply: Reply) -> None:
        message: dict[str, JsonValue] = {"role": "assistant", "content": text}
        if wanted:
            message["tool_calls"] = [
                {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
                for call_id, name, arguments in wanted
            ]
        choice: JsonValue = {
            "index": 0,
            "message": message,
            "finish_reason": "tool_calls" if wanted else "stop",
        }
        body = json.dumps({"choices": [choice], "usage": _usage(9, 0, 3)}).encode()
        await reply.head(length=len(body), content_type="application/json")
        await reply.body(body)

    return Behaviour("whole_json", play)


def answers_then_hangs_up(text: str) -> Behaviour:
    """A good answer on a connection that stays open, and is closed without a word when the next request comes on it."""

    async def play(reply: Reply) -> None:
        await answers(text).play(reply)
        reply.hangs_up_on_next = True

    return Behaviour("answers_then_hangs_up", play)


def stays_open_after(text: str) -> Behaviour:
    """A complete answer with its finish reason, but the connection is left open without usage or [DONE]."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await reply.delta({"content": text}, "stop")
        await reply.until_closed()

    return Behaviour("stays_open_after", play)


# Silence


def silent_before_headers() -> Behaviour:
    return Behaviour("silent_before_headers", lambda reply: reply.until_closed())


def silent_before_first_token() -> Behaviour:
    """Headers, the empty role chunk, then nothing for ever."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await reply.delta({"role": "assistant", "content": ""})
        await reply.until_closed()

    return Behaviour("silent_before_first_token", play)


def stalls_after(text: str) -> Behaviour:
    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await reply.delta({"content": text})
        await reply.until_closed()

    return Behaviour("stalls_after", play)


def comments_forever(text: str = "", *, every_s: float = 0.02) -> Behaviour:
    """After `text`: keep-alive comments and empty deltas, for ever."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        if text:
            await reply.delta({"content": text})
        while not reply.request.closed.is_set():
            await reply.body(b": keep-alive\n\n")
            await reply.delta({"content": ""})
            with suppress(TimeoutError):
                await asyncio.wait_for(reply.request.closed.wait(), every_s)

    return Behaviour("comments_forever", play)


# Cuts


def cut_after(text: str) -> Behaviour:
    """Some words, then the connection is reset in the middle of an event."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        if text:
            await reply.delta({"content": text})
        await reply.raw(b'20\r\ndata: {"choices":[{"del')
        reply.reset()

    return Behaviour("cut_after", play)


def ends_without_finish(text: str) -> Behaviour:
    """Some words, then a clean end of the body with neither finish reason nor [DONE]."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await reply.delta({"content": text})
        await reply.end()

    return Behaviour("ends_without_finish", play)


def hangs_up_before_answering() -> Behaviour:
    async def play(reply: Reply) -> None:
        reply.keeps_alive = False

    return Behaviour("hangs_up_before_answering", play)


def cut_tool_call(name: str = "write_file") -> Behaviour:
    """Arguments cut in the middle, yet reported as complete `tool_calls`."""
    return calls(("call_1", name, '{"path": "notes.md", "content": "half of'), finish_reason="tool_calls")


# Refusals and failures


def status(code: int, *, retry_after: str | None = None, message: str = "stand-in says no") -> Behaviour:
    """An error status with an OpenAI-style error body; `retry_after` may be anything, junk too."""

    async def play(reply: Reply) -> None:
        body = json.dumps({"error": {"message": message, "type": "stand_in", "code": code}}).encode()
        headers = {} if retry_after is None else {"retry_after": retry_after}
        await reply.head(code, length=len(body), content_type="application/json", **headers)
        await reply.body(body)

    return Behaviour(f"status_{code}", play)


def redirects_to(url: str, code: int = 307) -> Behaviour:
    async def play(reply: Reply) -> None:
        await reply.head(code, length=0, location=url)

    return Behaviour("redirects_to", play)


def error_in_stream(text: str, message: str) -> Behaviour:
    """Status 200, some words, then an error object in place of a chunk."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        if text:
            await reply.delta({"content": text})
        await reply.data({"error": {"message": message}})
        await reply.done()

    return Behaviour("error_in_stream", play)


# Garbage


def garbage_lines(text: str) -> Behaviour:
    """A good answer with lines between that mean nothing in SSE."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await reply.body(b"lorem ipsum\n\xff\xfe\x00binary\nid: 7\nretry: soon\nevent\n\n")
        await reply.delta({"content": text})
        await reply.body(b"\n\n\n: comment\nfoo: bar\n")
        await reply.delta({}, "stop")
        await reply.done()

    return Behaviour("garbage_lines", play)


def invalid_json(text: str = "") -> Behaviour:
    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        if text:
            await reply.delta({"content": text})
        await reply.body(b'data: {"choices": [{"delta": oops\n\n')
        await reply.until_closed()

    return Behaviour("invalid_json", play)


def web_page() -> Behaviour:
    async def play(reply: Reply) -> None:
        body = b"<html><body>Welcome to the captive portal</body></html>"
        await reply.head(length=len(body), content_type="text/html; charset=utf-8")
        await reply.body(body)

    return Behaviour("web_page", play)


def huge_delta(size: int = 10_000_000) -> Behaviour:
    """One delta of 10 MB."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await reply.body(b'data: {"choices":[{"index":0,"delta":{"content":"')
        for _ in range(size // 65536 + 1):
            await reply.body(b"x" * 65536)
        await reply.body(b'"},"finish_reason":"stop"}]}\n\n')
        await reply.done()

    return Behaviour("huge_delta", play)


def endless_line() -> Behaviour:
    """A data line that never ends."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await reply.body(b"data: ")
        while not reply.request.closed.is_set():
            await reply.body(b"x" * 65536)

    return Behaviour("endless_line", play)


def gzip_bomb(size: int = 64_000_000) -> Behaviour:
    """A compressed stream that unpacks to `size` bytes, though identity was asked for."""

    async def play(reply: Reply) -> None:
        gzip = zlib.compressobj(level=1, wbits=31)
        await reply.head(content_type="text/event-stream", content_encoding="gzip")
        for piece in [b"data: ", *[b"x" * 65536] * (size // 65536)]:
            packed = gzip.compress(piece)
            if packed:
                await reply.body(packed)
        await reply.body(gzip.flush())
        await reply.end()

    return Behaviour("gzip_bomb", play)
