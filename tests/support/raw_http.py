"""One request, written byte for byte: no client of ours tidies its path, adds headers or unpacks what comes."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

_ANSWER_S = 10.0


@dataclass(frozen=True)
class RawAnswer:
    """`headers` by lower-case name; `body` as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


async def raw_request(
    port: int, target: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
) -> RawAnswer:
    """Ask a server on this machine; the connection is closed after its answer."""
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    async with asyncio.timeout(_ANSWER_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write("\r\n".join([*lines, "", ""]).encode())
            answer = await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    pairs = [line.split(": ", 1) for line in rest]
    return RawAnswer(int(first.split(" ")[1]), {name.lower(): value for name, value in pairs}, body)
