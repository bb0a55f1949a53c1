"""An HTTP client for one configured server and no other: what its headers hold never goes elsewhere.

Needs the extra `mcp`, whose client takes the clients made here.
"""

import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Final

import httpcore2
import httpx2
from typing_extensions import override

from multiplayer.tools.limits import MIB
from multiplayer.tools.net.guard import NetRefused, OperatorHosts, Target, check_url
from multiplayer.tools.net.guarded_http import Dialer, Resolver, Route, directly

MAX_ANSWER_BYTES: Final = 8 * MIB
TIMEOUT: Final = httpx2.Timeout(30.0, connect=10.0, read=300.0)
"""A server may keep a stream of events open and silent for minutes."""


def guarded_client(
    url: str,
    operator_hosts: OperatorHosts,
    headers: Mapping[str, str] | None = None,
    *,
    timeout: httpx2.Timeout = TIMEOUT,
    most_bytes: int = MAX_ANSWER_BYTES,
    resolver: Resolver | None = None,
    route: Route = directly,
    tls: ssl.SSLContext | None = None,
) -> httpx2.AsyncClient:
    """Make a client that reaches the origin of `url` alone, to be used as a context manager. Raises `NetRefused`.

    An origin that is not among `operator_hosts` must be public, and https if there are `headers`: they may hold a key.
    Names are resolved and judged anew for each connection, which goes to what was judged. An answer is at most
    `most_bytes` long; a stream of events has no end of its own, its reader bounds each event. Redirects, cookies and
    proxies are not followed, kept or used. What goes wrong is an `httpx2.TransportError`.
    """
    origin = check_url(url, operator_hosts)
    if headers and origin.scheme != "https" and origin.place not in operator_hosts:
        raise NetRefused("a server that gets headers of its own must be https")
    dialer = Dialer(resolver, operator_hosts & {origin.place}, route)
    return httpx2.AsyncClient(
        transport=_OriginTransport(origin, dialer, tls or httpx2.create_ssl_context(trust_env=False), most_bytes),
        headers={**(headers or {}), "Accept-Encoding": "identity"},
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
    )


class _OriginTransport(httpx2.AsyncHTTPTransport):
    def __init__(self, origin: Target, dialer: Dialer, tls: ssl.SSLContext, most_bytes: int) -> None:
        # Instead of the pool that the parent would make: it takes no backend. Were the name to change, nothing connects.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=16,
            max_keepalive_connections=4,
            keepalive_expiry=15.0,
            network_backend=_JudgingBackend(dialer),
        )
        self._origin = origin
        self._operator_hosts = dialer.operator_hosts
        self._most_bytes = most_bytes

    @override
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            asked = check_url(str(request.url), self._operator_hosts)
        except NetRefused as refused:
            raise httpx2.ConnectError(refused.text, request=request) from None
        if asked.origin != self._origin.origin:
            raise httpx2.ConnectError("this client talks to its own server only", request=request)
        request.headers["Host"] = self._origin.authority
        try:
            response = await super().handle_async_request(request)
        except NetRefused as refused:
            raise httpx2.ConnectError(refused.text, request=request) from None
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            await response.stream.aclose()
            raise httpx2.RemoteProtocolError("the answer is packed, which was not asked for", request=request)
        response.headers.pop("set-cookie", None)
        if not response.headers.get("content-type", "").lower().startswith("text/event-stream"):
            response.stream = _Bounded(response.stream, self._most_bytes)
        return response


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, most_bytes: int) -> None:
        self._inner = inner
        self._left = most_bytes

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._inner:
            self._left -= len(data)
            if self._left < 0:
                raise httpx2.RemoteProtocolError("the answer is too long")
            yield data

    @override
    async def aclose(self) -> None:
        await self._inner.aclose()


class _JudgingBackend(httpcore2.AsyncNetworkBackend):
    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self._inner = httpcore2.AnyIOBackend()

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        judged = await self._dialer.addresses(host, port)
        failures = (httpcore2.ConnectError, httpcore2.ConnectTimeout)
        return await self._dialer.dial(judged, port, self._inner.connect_tcp, failures, timeout)
