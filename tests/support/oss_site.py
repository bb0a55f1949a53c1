"""An OSS stand-in on loopback: verifies every signature, keeps buckets in memory, and breaks as it is told to."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from urllib.parse import unquote

import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from tests.support.oss_answers import Answer, act, name_of, refused
from tests.support.oss_objects import Bucket
from tests.support.oss_signatures import Asked, Key, Refusal, verify

REGION: Final = "cn-hangzhou"
BUCKET: Final = "multiplayer-files"
KEY_ID: Final = "LTAI5tStandInOfAlice"
SECRET: Final = "stand-in-secret-of-alice"


class Breaks(StrEnum):
    """How an answer can go wrong."""

    REFUSE = "answers with a status and a code, and does nothing"
    REFUSE_AFTER = "does it, and answers with a status and a code nevertheless"
    HANG = "does nothing and says nothing, until the client is gone"
    CUT = "announces a body and closes the connection in the middle of it"
    WRONG_CRC = "tells another checksum"
    FLIP = "gives or stores a byte that is another"
    DROP = "closes the connection without a word"
    GARBAGE = "answers what is no XML of OSS"


@dataclass
class Fault:
    how: Breaks
    times: int
    status: int
    code: str


@dataclass
class OssSite:
    """A running stand-in. `url` is its endpoint; its buckets are served in paths, as hosts, and under `cnames`."""

    url: str
    keys: dict[str, Key] = field(default_factory=lambda: {KEY_ID: Key(SECRET)})
    buckets: dict[str, Bucket] = field(default_factory=lambda: {BUCKET: Bucket()})
    cnames: dict[str, str] = field(default_factory=dict)
    """Domains bound to buckets."""
    region: str = REGION
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    done: list[str] = field(default_factory=list)
    """The names of the operations that were asked for, in order."""
    refusals: list[str] = field(default_factory=list)
    """Error codes answered, in order."""
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a request begins to hang."""
    _faults: dict[str, Fault] = field(default_factory=dict)

    @property
    def bucket(self) -> Bucket:
        return self.buckets[BUCKET]

    def breaks(
        self, operation: str, how: Breaks, *, times: int = 1, status: int = 503, code: str = "ServiceUnavailable"
    ) -> None:
        """Let the next requests of an operation (`PutObject`, `GetObject`, ..., or `*`) go wrong."""
        self._faults[operation] = Fault(how, times, status, code)

    def mend(self) -> None:
        """Let nothing go wrong any more."""
        self._faults.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except ClientDisconnect:
            return
        if answer is None:
            # uvicorn closes a connection whose application ends without an answer; this one says why in its own log.
            raise ConnectionError("dropped on purpose")
        await self._send(answer, send, is_head=request.method == "HEAD")

    async def _answer(self, request: Request) -> Answer | None:
        at = self.now()
        try:
            return await self._acted(request, at)
        except Refusal as refusal:
            self.refusals.append(refusal.code)
            return refused(refusal, at)

    async def _acted(self, request: Request, at: datetime) -> Answer | None:
        bucket_name, asked = self._asked(request)
        key = asked.resource.removeprefix(f"/{bucket_name}/")
        operation = name_of(asked, is_object=bool(key))
        self.done.append(operation)
        fault = self._fault(operation)
        match fault:
            case Fault(how=Breaks.HANG):
                self.hanging.set()
                while (await request.receive())["type"] != "http.disconnect":
                    pass
                return None
            case Fault(how=Breaks.DROP):
                return None
            case Fault(how=Breaks.REFUSE):
                await request.body()
                raise Refusal(fault.status, fault.code)
        verify(asked, self.keys, self.region, at)
        data = await request.body()
        if bucket_name not in self.buckets:
            raise Refusal(404, "NoSuchBucket", "The specified bucket does not exist.")
        if fault is not None and fault.how is Breaks.FLIP and data:
            data = bytes([data[0] ^ 1]) + data[1:]
        answer = act(self.buckets, bucket_name, key, operation, asked, data, at)
        return answer if fault is None else _broken(answer, fault)

    def _asked(self, request: Request) -> tuple[str, Asked]:
        raw = bytes(request.scope["raw_path"]).decode("ascii")
        path = unquote(raw)
        headers = {name.lower(): value for name, value in request.headers.items()}
        host = headers.get("host", "").partition(":")[0]
        if host in self.cnames:
            bucket = self.cnames[host]
            resource = f"/{bucket}{path}"
        elif host.endswith(f".oss-{self.region}.aliyuncs.com"):
            bucket = host.partition(".")[0]
            resource = f"/{bucket}{path}"
        else:
            bucket = path.split("/")[1]
            resource = path if "/" in path[1:] else f"{path}/"
        return bucket, Asked(request.method, resource, _params(request.scope["query_string"].decode("ascii")), headers)

    def _fault(self, operation: str) -> Fault | None:
        fault = self._faults.get(operation) or self._faults.get("*")
        if fault is None or fault.times == 0:
            return None
        fault.times -= 1
        return fault

    async def _send(self, answer: Answer, send: Send, *, is_head: bool) -> None:
        headers = {"server": "AliyunOSS", "x-oss-request-id": "0" * 24, **answer.headers}
        headers.setdefault("content-length", str(len(answer.body)))
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        body = b"" if is_head else answer.body
        if answer.is_cut:
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            raise ConnectionError("cut on purpose")
        await send({"type": "http.response.body", "body": body})


def _broken(answer: Answer, fault: Fault) -> Answer:
    match fault.how:
        case Breaks.REFUSE_AFTER:
            raise Refusal(fault.status, fault.code)
        case Breaks.CUT:
            answer.is_cut = True
        case Breaks.WRONG_CRC:
            answer.headers["x-oss-hash-crc64ecma"] = str(int(answer.headers.get("x-oss-hash-crc64ecma", "0")) ^ 1)
        case Breaks.FLIP:
            answer.body = bytes([answer.body[0] ^ 1]) + answer.body[1:] if answer.body else b""
        case Breaks.GARBAGE:
            answer.body = b"<html>It works!"
            answer.headers["content-length"] = str(len(answer.body))
        case _:
            raise AssertionError(fault.how)
    return answer


def _params(query: str) -> Sequence[tuple[str, str]]:
    pairs = [one.partition("=") for one in query.split("&") if one]
    return [(unquote(name.replace("+", " ")), unquote(value.replace("+", " "))) for name, _, value in pairs]


@asynccontextmanager
async def oss_site(keys: Mapping[str, Key] | None = None) -> AsyncIterator[OssSite]:
    """Serve one empty bucket on a free port of loopback, in this loop, until the block ends."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        site = OssSite(f"http://127.0.0.1:{listener.getsockname()[1]}")
        site.keys.update(keys or {})
        config = uvicorn.Config(
            site,
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="none",
            date_header=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(server.serve(sockets=[listener]))
            while not server.started:
                assert not serving.done(), "the server did not start"
                await asyncio.sleep(0.01)
            try:
                yield site
            finally:
                server.should_exit = True
