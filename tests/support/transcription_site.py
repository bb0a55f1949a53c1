"""A speech-to-text service on a loopback port, as OpenAI's is, that answers or misbehaves as each test asks.

async with transcription_site() as site:
    site.enqueue(answers(429, headers={"retry-after": "7"}))      # one per request, in order; then `default`
    ...                                                           # point the adapter at site.base_url
    assert site.uploads[0].fields["model"] == "whisper-1"
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import TypeAlias

from pydantic import JsonValue

HEARD: JsonValue = {
    "task": "transcribe",
    "language": "english",
    "duration": 2.5,
    "text": " Hello Bob. See you on Friday.",
    "segments": [
        {"id": 0, "start": 0.0, "end": 1.0, "text": " Hello Bob.", "tokens": [1, 2], "avg_logprob": -0.2},
        {"id": 1, "start": 1.0, "end": 2.5, "text": " See you on Friday.", "tokens": [3], "avg_logprob": -0.3},
    ],
}


@dataclass(frozen=True)
class Upload:
    """One request as it came. `is_cut` is set when the client has gone away, or has its answer."""

    path: str
    headers: Mapping[str, str]
    fields: Mapping[str, str]
    file_name: str
    file_type: str
    file: bytes
    is_cut: asyncio.Event = field(compare=False)


Play: TypeAlias = Callable[[Upload, asyncio.StreamWriter], Awaitable[None]]


def answers(status: int = 200, body: JsonValue | bytes = HEARD, *, headers: Mapping[str, str] | None = None) -> Play:
    """Answer with this body, as JSON unless it is bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"content-type": "application/json", "content-length": str(len(data)), **(headers or {})}

    async def play(_: Upload, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} Stand-In", *(f"{name}: {value}" for name, value in given.items())]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        await writer.drain()

    return play


def complains(status: int, message: str) -> Play:
    return answers(status, {"error": {"message": message, "type": "invalid_request_error", "code": None}})


async def hangs(upload: Upload, _: asyncio.StreamWriter) -> None:
    """Keep silent until the client goes away."""
    await upload.is_cut.wait()


async def hangs_up(_: Upload, writer: asyncio.StreamWriter) -> None:
    """Go away in the middle of an answer."""
    writer.write(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{"text": "Hel')
    await writer.drain()


@dataclass
class TranscriptionSite:
    """A running stand-in; `base_url` is what an operator would configure."""

    base_url: str = ""
    default: Play = field(default_factory=answers)
    uploads: list[Upload] = field(default_factory=list)
    queue: deque[Play] = field(default_factory=deque)

    def enqueue(self, *plays: Play) -> None:
        self.queue.extend(plays)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            upload = await _read(reader)
            self.uploads.append(upload)
            play = self.queue.popleft() if self.queue else self.default
            async with asyncio.TaskGroup() as tasks:
                watch = tasks.create_task(_watch(reader, upload.is_cut))
                await play(upload, writer)
                watch.cancel()
            upload.is_cut.set()
        writer.close()


@asynccontextmanager
async def transcription_site() -> AsyncIterator[TranscriptionSite]:
    """Run a stand-in on 127.0.0.1 until the block ends."""
    site = TranscriptionSite()
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0, limit=64 * 1024 * 1024)
    site.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield site
    finally:
        server.close()
        await server.wait_closed()


async def _watch(reader: asyncio.StreamReader, is_cut: asyncio.Event) -> None:
    with suppress(ConnectionError):
        await reader.read()
    is_cut.set()


async def _read(reader: asyncio.StreamReader) -> Upload:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers["content-length"]))
    # The standard library's own reader of MIME, so that the form is not checked by what wrote it.
    form = BytesParser(policy=HTTP).parsebytes(
        b"content-type: " + headers["content-type"].encode() + b"\r\n\r\n" + body
    )
    assert not form.defects, form.defects
    fields: dict[str, str] = {}
    file_name, file_type, file = "", "", b""
    for part in form.iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes), "a part of a form is no form"
        if part.get_filename():
            file_name, file_type, file = str(part.get_filename()), part.get_content_type(), content
        else:
            fields[str(part.get_param("name", header="content-disposition"))] = content.decode()
    return Upload(first.split(" ")[1], headers, fields, file_name, file_type, file, asyncio.Event())
