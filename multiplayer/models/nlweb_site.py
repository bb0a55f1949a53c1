"""One NLWeb site over HTTP: posts JSON to it and reads the objects of its replies, within bounds and no further."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

import httpx
from pydantic import JsonValue

from multiplayer.models.nlweb_answer import TOO_BIG, NlwebLimits
from multiplayer.models.nlweb_cards import Item
from multiplayer.models.nlweb_requests import encode_await
from multiplayer.models.openai_compatible import check_address
from multiplayer.models.port import ModelBroke, ModelRejected, ModelUnavailable
from multiplayer.models.retry import parse_retry_after
from multiplayer.models.sse_reader import StreamTooBig, read_events

_MAX_ERROR_BODY = 64 * 1024
_REST_WAIT_S = 0.1
_CANCEL_WAIT_S = 1.0
_LOST = (httpx.TransportError, httpx.StreamError)
_NOT_NLWEB = "The NLWeb site sent something that is not NLWeb."
# What is asked in the wrong dialect is refused so: the body may say more.
_TELLING = frozenset({400, 404, 405, 422, 500})


class BrokenOff(Exception):  # noqa: N818 - says what happened to the reply
    """The connection broke, or fell silent, before the reply was whole. Nothing about the answer is known from it."""

    def __init__(self, *, is_silence: bool) -> None:
        super().__init__("the reply broke off")
        self.is_silence = is_silence


@dataclass(frozen=True, slots=True)
class SiteReply:
    """A reply whose status is 200 or one of those by which a site may mean *not in this dialect*.

    `objects` are its JSON objects as they come; reading them raises `BrokenOff` and `ModelBroke`.
    """

    status: int
    objects: AsyncGenerator[Item, None]
    raw: AsyncGenerator[bytes, None]

    async def read_rest(self) -> None:
        """Read what little may follow the end: only a body read to its end leaves a connection to use again."""
        await self.objects.aclose()
        with suppress(TimeoutError, *_LOST):
            async with asyncio.timeout(_REST_WAIT_S):
                async for _ in self.raw:
                    pass


class NlwebSite:
    """Holds the connections to one site. `now` is the wall clock, for a `Retry-After` that is a date."""

    def __init__(
        self,
        base_url: str,
        key: str | None,
        *,
        allows_plain_http: bool,
        limits: NlwebLimits,
        read_timeout_s: float,
        now: Callable[[], datetime],
    ) -> None:
        if not all("!" <= character <= "~" for character in key or ""):
            raise ValueError("the NLWeb site's key holds characters that no key has")
        address = check_address(base_url, allows_plain_http=allows_plain_http)
        path = address.path.removesuffix("/chat/completions").removesuffix("/ask")
        self._base = address.copy_with(path=path or "/")
        self._path = path
        self._limits = limits
        self._now = now
        self._headers = {
            "content-type": "application/json",
            "accept": "text/event-stream",
            "accept-encoding": "identity",
            **({"authorization": f"Bearer {key}"} if key else {}),
        }
        # trust_env would let variables outside our settings send the key through a proxy.
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            timeout=httpx.Timeout(connect=10.0, read=read_timeout_s, write=30.0, pool=10.0),
            limits=httpx.Limits(max_connections=256, max_keepalive_connections=32, keepalive_expiry=15.0),
        )

    @property
    def base_url(self) -> str:
        return str(self._base).rstrip("/")

    @property
    def host(self) -> str:
        return self._base.host

    async def aclose(self) -> None:
        await self._client.aclose()

    @asynccontextmanager
    async def post(
        self, route: str, body: bytes, *, may_resend: Callable[[], bool] = lambda: True
    ) -> AsyncIterator[SiteReply]:
        """Send `body` and give its reply; raises `ModelUnavailable`, `ModelRejected`, `ModelBroke`.

        `may_resend` is asked before it is sent a second time over a fresh connection.
        """
        async with AsyncExitStack() as stack:
            response = await self._send(route, body, may_resend)
            stack.push_async_callback(response.aclose)
            self._check_head(response)
            raw = await stack.enter_async_context(aclosing(_raw_bytes(response)))
            content_type = response.headers.get("content-type", "").lower()
            if response.status_code != 200:
                objects = _told_objects(raw)
            elif "text/html" in content_type:
                raise ModelBroke("The NLWeb site answered with a web page: is its address right?")
            elif "json" in content_type:
                objects = _whole_objects(raw, self._limits.whole_body)
            else:
                objects = _streamed_objects(raw, self._limits)
            yield SiteReply(response.status_code, await stack.enter_async_context(aclosing(objects)), raw)

    async def cancel(self, token: str) -> None:
        """Tell the site that nobody waits for a promise any more. Best effort: takes a second at most, never fails."""
        patience = asyncio.timeout(_CANCEL_WAIT_S)
        try:
            async with patience:
                response = await self._client.send(
                    self._build("/await", encode_await(token, "cancel"), httpx.Timeout(_CANCEL_WAIT_S)), stream=True
                )
                await response.aclose()
        except (httpx.HTTPError, TimeoutError):
            return
        except asyncio.CancelledError:
            # In a task that is being cancelled, Python before 3.11.3 reports the timeout so.
            if not patience.expired():
                raise

    async def _send(self, route: str, body: bytes, may_resend: Callable[[], bool]) -> httpx.Response:
        try:
            try:
                return await self._client.send(self._build(route, body), stream=True)
            except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as error:
                if isinstance(error, httpx.RemoteProtocolError) and "without sending a response" not in str(error):
                    raise
                if not may_resend():
                    raise
                # The site closed an idle connection just as we used it; no byte of an answer had come.
                return await self._client.send(self._build(route, body), stream=True)
        except httpx.RemoteProtocolError as error:
            if "without sending a response" in str(error):
                raise ModelUnavailable("The NLWeb site hung up without an answer.") from error
            raise ModelBroke("The NLWeb site's answer is not HTTP.") from error
        except httpx.TimeoutException as error:
            raise ModelUnavailable("The NLWeb site did not answer in time.") from error
        except httpx.TransportError as error:
            raise ModelUnavailable("The NLWeb site cannot be reached.") from error

    def _build(self, route: str, body: bytes, timeout: httpx.Timeout | None = None) -> httpx.Request:
        url = self._base.copy_with(path=self._path + route)
        if timeout is None:
            return self._client.build_request("POST", url, headers=self._headers, content=body)
        return self._client.build_request("POST", url, headers=self._headers, content=body, timeout=timeout)

    def _check_head(self, response: httpx.Response) -> None:
        status = response.status_code
        if status == 200 or status in _TELLING:
            if response.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
                raise ModelBroke("The NLWeb site sent a compressed answer though it was asked not to.")
            return
        if status in {408, 429} or status >= 500:
            busy = "The NLWeb site has too many requests at the moment."
            reason = busy if status == 429 else f"The NLWeb site has a problem of its own (status {status})."
            asked = response.headers.get("retry-after")
            if asked is None:
                raise ModelUnavailable(reason)
            wait_s = parse_retry_after(asked, self._now())
            raise ModelUnavailable(reason, wait_s, is_worth_retrying=wait_s is not None)
        if status < 300:
            raise ModelBroke(f"The NLWeb site answered with status {status} and no answer.")
        if status < 400:
            raise ModelRejected("The NLWeb site points to another address, and the question is not sent there.")
        if status in {401, 403}:
            raise ModelRejected("The NLWeb site did not let this server in; its operator must check the key.")
        raise ModelRejected(f"The NLWeb site refused the question (status {status}).")


async def _raw_bytes(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    # Never `aiter_bytes`: it would unpack a compressed body without bounds.
    async for chunk in response.aiter_raw():
        yield chunk


async def _streamed_objects(raw: AsyncGenerator[bytes, None], limits: NlwebLimits) -> AsyncGenerator[Item, None]:
    last = b"\n"

    async def noting_the_end() -> AsyncGenerator[bytes, None]:
        nonlocal last
        async for chunk in raw:
            last = chunk[-1:] or last
            yield chunk

    async with aclosing(noting_the_end()) as noted, aclosing(read_events(noted, limits.stream)) as events:
        try:
            async for event in events:
                if event.data.strip() != "[DONE]":
                    for item in _objects_in(event.data):
                        yield item
        except StreamTooBig as error:
            raise ModelBroke(TOO_BIG) from error
        except _LOST as error:
            raise BrokenOff(is_silence=isinstance(error, httpx.TimeoutException)) from error
    if last not in {b"\n", b"\r"}:
        # Closed in an orderly way, but in the middle of a line.
        raise BrokenOff(is_silence=False)


async def _whole_objects(raw: AsyncGenerator[bytes, None], limit: int) -> AsyncGenerator[Item, None]:
    body = await _read_up_to(raw, limit)
    if body is None:
        raise ModelBroke(TOO_BIG)
    for item in _objects_in(body.decode(errors="replace")):
        yield item


async def _told_objects(raw: AsyncGenerator[bytes, None]) -> AsyncGenerator[Item, None]:
    """Yield the objects in the body of an error, if there are any."""
    try:
        body = await _read_up_to(raw, _MAX_ERROR_BODY)
        items = _objects_in((body or b"").decode(errors="replace"))
    except (BrokenOff, ModelBroke):
        return
    for item in items:
        yield item


async def _read_up_to(raw: AsyncGenerator[bytes, None], limit: int) -> bytes | None:
    """Return the body, or `None` when it is longer than `limit` bytes; raises `BrokenOff`."""
    body = bytearray()
    try:
        async for chunk in raw:
            body += chunk
            if len(body) > limit:
                return None
    except _LOST as error:
        raise BrokenOff(is_silence=isinstance(error, httpx.TimeoutException)) from error
    return bytes(body)


def _objects_in(text: str) -> list[Item]:
    """Return the one object of a JSON text, or those of its array; raises `ModelBroke`."""
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        raise ModelBroke(_NOT_NLWEB) from None
    if isinstance(value, dict):
        return [value]
    if isinstance(value, list):
        return [item for item in value if isinstance(item, dict)]
    raise ModelBroke(_NOT_NLWEB)
