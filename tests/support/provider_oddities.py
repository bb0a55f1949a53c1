"""What providers, proxies and strangers were seen to answer, or could: the rarer behaviours of the stand-in.

Each is used as those of `tests.support.provider` are: `stand_in.enqueue(not_http(), ...)`.
"""

import asyncio
import json
import zlib
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from tests.support.provider_floods import flood
from tests.support.provider_server import Behaviour, Reply


def _chunk(text: str) -> bytes:
    """One event with words, as bytes."""
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': text}}]})}\n\n".encode()


def _whole(text: str) -> bytes:
    message: JsonValue = {"role": "assistant", "content": text}
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()


# Good answers in odd clothes


def done_without_finish(text: str) -> Behaviour:
    """Some words, [DONE], and no finish reason."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await reply.delta({"content": text})
        await reply.done()

    return Behaviour("done_without_finish", play)


def finish_without_done(text: str) -> Behaviour:
    """A finish reason and a clean end of the body, without [DONE]."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await reply.delta({"content": text}, "stop")
        await reply.end()

    return Behaviour("finish_without_done", play)


def nulls_everywhere(text: str) -> Behaviour:
    """Every field that may be null is, before and after the words."""

    async def play(reply: Reply) -> None:
        nothing: JsonValue = {"role": None, "content": None, "reasoning_content": None, "tool_calls": None}
        await reply.begin_stream()
        await reply.data({"choices": None, "usage": None, "error": None})
        await reply.chunk([], usage=None)
        await reply.chunk([{"index": 0, "delta": None, "finish_reason": None}])
        await reply.chunk([{"index": 0, "delta": nothing, "finish_reason": ""}], usage=None)
        await reply.delta({"content": text, "reasoning_content": None})
        await reply.chunk([{"index": 0, "delta": nothing, "finish_reason": "stop"}])
        await reply.chunk([], usage={"prompt_tokens": None, "completion_tokens": None, "prompt_tokens_details": None})
        await reply.done()

    return Behaviour("nulls_everywhere", play)


def usage_in_every_chunk(text: str) -> Behaviour:
    """A running count in each chunk, as vLLM's continuous usage; the last is the true one."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        for count, character in enumerate(text, 1):
            delta: JsonValue = {"content": character}
            usage: JsonValue = {"prompt_tokens": 5, "completion_tokens": count}
            await reply.chunk([{"index": 0, "delta": delta, "finish_reason": None}], usage=usage)
        await reply.delta({}, "stop")
        await reply.done()

    return Behaviour("usage_in_every_chunk", play)


def usage_with_cache_hits(text: str, *, hit: int, miss: int, tokens_out: int) -> Behaviour:
    """Usage in DeepSeek's words, on the chunk with the finish reason."""

    async def play(reply: Reply) -> None:
        usage: JsonValue = {
            "prompt_tokens": hit + miss,
            "completion_tokens": tokens_out,
            "prompt_cache_hit_tokens": hit,
            "prompt_cache_miss_tokens": miss,
        }
        await reply.begin_stream()
        await reply.delta({"content": text})
        await reply.chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}], usage=usage)
        await reply.done()

    return Behaviour("usage_with_cache_hits", play)


def odd_usage(text: str, usage: str) -> Behaviour:
    """A good answer; the chunk with its finish reason, and another word, holds `usage`, written as JSON or nearly."""

    async def play(reply: Reply) -> None:
        chunk = (
            '{"choices": [{"index": 0, "delta": {"content": "."}, "finish_reason": "stop"}], "usage": ' + usage + "}"
        )
        await reply.begin_stream()
        await reply.delta({"content": text})
        await reply.body(f"data: {chunk}\n\n".encode())
        await reply.done()

    return Behaviour("odd_usage", play)


def byte_by_byte(text: str) -> Behaviour:
    """A good answer whose every byte is a chunk of its own."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        for byte in _chunk(text):
            await reply.body(bytes([byte]))
            await asyncio.sleep(0)
        await reply.delta({}, "stop")
        await reply.done()

    return Behaviour("byte_by_byte", play)


def odd_line_ends(text: str) -> Behaviour:
    """A byte order mark, returns for line feeds, no blank after the colon, and data over several lines."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await reply.body(b"\xef\xbb\xbf" + _chunk(text).replace(b"data: ", b"data:").replace(b"\n", b"\r"))
        await reply.body(b'data: {"choices":\r\ndata: [{"delta": {},\r\ndata: "finish_reason": "stop"}]}\r\n\r\n')
        await reply.body(b"data:[DONE]\r\n\r\n")
        await reply.end()

    return Behaviour("odd_line_ends", play)


def words_after_finish(text: str, more: str) -> Behaviour:
    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await reply.delta({"content": text}, "stop")
        await reply.delta({"content": more})
        await reply.done()

    return Behaviour("words_after_finish", play)


def talks_after_done(text: str) -> Behaviour:
    """A good answer that does not stop: words for ever after [DONE]."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await reply.delta({"content": text}, "stop")
        await reply.body(b"data: [DONE]\n\n")
        await flood(reply, _chunk("and another thing " * 100))

    return Behaviour("talks_after_done", play)


def closes_after(text: str) -> Behaviour:
    """A good answer, after which the connection is closed though nothing had said so."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await reply.delta({"content": text}, "stop")
        await reply.done()
        reply.keeps_alive = False

    return Behaviour("closes_after", play)


def wrong_content_type(text: str, content_type: str) -> Behaviour:
    """A good stream that is called something else."""

    async def play(reply: Reply) -> None:
        await reply.head(content_type=content_type)
        await reply.delta({"content": text}, "stop")
        await reply.done()

    return Behaviour("wrong_content_type", play)


def json_as_event_stream(text: str) -> Behaviour:
    """A whole JSON answer that is called an event stream."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await reply.body(_whole(text))
        await reply.end()

    return Behaviour("json_as_event_stream", play)


def json_after_blanks(text: str) -> Behaviour:
    """A whole JSON answer behind the empty lines that keep a connection alive."""

    async def play(reply: Reply) -> None:
        await reply.head(content_type="application/json")
        for _ in range(5):
            await reply.body(b"\n")
        await reply.body(_whole(text))
        await reply.end()

    return Behaviour("json_after_blanks", play)


# Tool calls


def calls_numbered_alike(*wanted: tuple[str | None, str, str], index: int | None = 0) -> Behaviour:
    """Whole calls, one after another, all with the same index, or with none."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        for call_id, name, arguments in wanted:
            call: dict[str, JsonValue] = {"id": call_id, "function": {"name": name, "arguments": arguments}}
            if index is not None:
                call["index"] = index
            await reply.delta({"tool_calls": [call]})
        await reply.delta({}, "tool_calls")
        await reply.done()

    return Behaviour("calls_numbered_alike", play)


def arguments_as_objects(call_id: str, name: str, arguments: Mapping[str, JsonValue]) -> Behaviour:
    """A whole call whose arguments are an object where the format wants JSON text."""

    async def play(reply: Reply) -> None:
        call: JsonValue = {"index": 0, "id": call_id, "function": {"name": name, "arguments": dict(arguments)}}
        await reply.begin_stream()
        await reply.delta({"tool_calls": [call]})
        await reply.delta({}, "tool_calls")
        await reply.done()

    return Behaviour("arguments_as_objects", play)


# Failures


def error_object(message: str | None) -> Behaviour:
    """Status 200 and an error object instead of an answer."""

    async def play(reply: Reply) -> None:
        body = json.dumps({"error": {"message": message, "code": 500}}).encode()
        await reply.head(length=len(body), content_type="application/json")
        await reply.body(body)

    return Behaviour("error_object", play)


def error_page(code: int) -> Behaviour:
    """An error status with a proxy's web page."""

    async def play(reply: Reply) -> None:
        body = b"<html><h1>Bad gateway</h1></html>"
        await reply.head(code, length=len(body), content_type="text/html")
        await reply.body(body)

    return Behaviour("error_page", play)


def packed_error(code: int) -> Behaviour:
    """An error whose words are compressed, though identity was asked for."""

    async def play(reply: Reply) -> None:
        body = zlib.compress(b'{"error": {"message": "' + b"x" * 1_000_000 + b'"}}')
        await reply.head(code, length=len(body), content_type="application/json", content_encoding="deflate")
        await reply.body(body)

    return Behaviour("packed_error", play)


# Cuts


def cut_in_head() -> Behaviour:
    """The connection is closed in the middle of the answer's head."""

    async def play(reply: Reply) -> None:
        await reply.raw(b"HTTP/1.1 200 OK\r\ncontent-ty")
        reply.keeps_alive = False

    return Behaviour("cut_in_head", play)


def broken_chunk_size(text: str) -> Behaviour:
    """Some words, then a chunk whose size is no number."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        if text:
            await reply.delta({"content": text})
        await reply.raw(b"ZZZ\r\n")
        reply.keeps_alive = False

    return Behaviour("broken_chunk_size", play)


def shorter_than_said(text: str) -> Behaviour:
    """A JSON answer cut off before the length that its head had said."""

    async def play(reply: Reply) -> None:
        body = _whole(text)
        await reply.head(length=len(body), content_type="application/json")
        await reply.body(body[:-10])
        reply.keeps_alive = False

    return Behaviour("shorter_than_said", play)


# Garbage, and more than anybody could hold


def not_http() -> Behaviour:
    async def play(reply: Reply) -> None:
        await reply.raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
        reply.keeps_alive = False

    return Behaviour("not_http", play)


def invalid_utf8(before: str, after: str) -> Behaviour:
    """Words with bytes between them that are no UTF-8."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        await reply.body(_chunk(f"{before}\1{after}").replace(b"\\u0001", b"\xff\xfe\xc3"))
        await reply.delta({}, "stop")
        await reply.done()

    return Behaviour("invalid_utf8", play)


def lone_surrogates(texts: Sequence[str]) -> Behaviour:
    """Words in which half a character, or a NUL, stands alone."""

    async def play(reply: Reply) -> None:
        await reply.begin_stream()
        for text in texts:
            await reply.delta({"content": text})
        await reply.delta({}, "stop")
        await reply.done()

    return Behaviour("lone_surrogates", play)
