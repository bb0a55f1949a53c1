"""GET from the public net: a name is resolved once per call, its addresses judged, one of them connected to; all bounded.

No proxy, cookie, password or header of ours goes out. For clients that talk to one configured server with its own
headers, see `guarded_origin`.
"""

import asyncio
import fnmatch
import ipaddress
import re
import socket
import ssl
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import httpcore
import httpx
from typing_extensions import override

from multiplayer.tools.limits import MIB
from multiplayer.tools.net.guard import Address, NetRefused, OperatorHosts, Target, check_redirect, check_url, judged

DEADLINE_S: Final = 5.0
MAX_BYTES: Final = MIB
MAX_REDIRECTS: Final = 3
_ADDRESSES_TRIED: Final = 3
_CONNECT_S: Final = 2.0
"""For one address of several, so that one without an answer leaves time for the next."""
_RESOLVING_THREADS: Final = 8
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_KINDS: Final = (
    ("image/*", "an image"),
    ("audio/*", "sound"),
    ("video/*", "a video"),
    ("font/*", "a font"),
    ("application/pdf", "a PDF"),
    ("application/*zip*", "an archive"),
    ("application/*tar*", "an archive"),
)
"""What to call a media type in a refusal: its own words would be the site's."""

Stream = TypeVar("Stream")
Route = Callable[[str, int], tuple[str, int]]
"""Where a connection to a judged address and port is made. Anything but `directly` is for tests."""


class Resolver(Protocol):
    async def __call__(self, host: str, /) -> Sequence[str]:
        """Return all addresses of a name. Raises `OSError`."""


class SystemResolver:
    """Asks the system. On threads of its own: a slow name server must not hold up what else the process does."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVING_THREADS, thread_name_prefix="resolve")

    async def __call__(self, host: str) -> Sequence[str]:
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        )
        return [str(address[0]) for *_, address in found]


def directly(address: str, port: int) -> tuple[str, int]:
    return address, port


class Dialer:
    """Resolves, judges, connects: the one way out."""

    def __init__(
        self, resolver: Resolver | None = None, operator_hosts: OperatorHosts = frozenset(), route: Route = directly
    ) -> None:
        self._resolver = resolver or SystemResolver()
        self._route = route
        self.operator_hosts = operator_hosts

    async def addresses(self, host: str, port: int) -> tuple[Address, ...]:
        """Return where a host is. Raises `NetRefused`: nowhere, or somewhere that may not be reached."""
        try:
            found: Sequence[str] = (str(ipaddress.ip_address(host)),)
        except ValueError:
            try:
                found = await self._resolver(host)
            except (OSError, UnicodeError):
                raise NetRefused("there is no such host, or its name could not be looked up") from None
        return judged(found, may_be_private=(host, port) in self.operator_hosts)

    async def dial(
        self,
        addresses: Sequence[Address],
        port: int,
        connect: Callable[[str, int, float | None], Awaitable[Stream]],
        failures: tuple[type[Exception], ...],
        timeout_s: float | None,
    ) -> Stream:
        """Connect to the first of the judged addresses that lets us; raises what the last one did."""
        tried = addresses[:_ADDRESSES_TRIED]
        for address in tried[:-1]:
            try:
                return await connect(*self._route(str(address), port), min(timeout_s or _CONNECT_S, _CONNECT_S))
            except failures:
                continue
        return await connect(*self._route(str(tried[-1]), port), timeout_s)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address answered."""

    url_after_redirects: str
    status: int
    content_type: str
    """In lower case, without parameters."""
    charset: str
    """As the site says, or empty."""
    body: bytes
    """Unpacked."""
    is_cut: bool
    """The body was longer than allowed, or broke off."""
    redirects: tuple[str, ...]
    """The addresses that were gone through, the first one asked included, the last one not."""


class GuardedHttp:
    """Fetches public pages. It keeps no connection and holds nothing that must be closed.

    What `operator_hosts` names may be asked directly; no page of another host leads there, and from there none leads
    elsewhere.
    """

    def __init__(
        self,
        *,
        resolver: Resolver | None = None,
        operator_hosts: OperatorHosts = frozenset(),
        route: Route = directly,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._dialer = Dialer(resolver, operator_hosts, route)
        self._tls = tls or httpx.create_ssl_context(trust_env=False)

    async def get(
        self,
        url: str,
        *,
        accept: Sequence[str] = ("*/*",),
        most_bytes: int = MAX_BYTES,
        deadline_s: float = DEADLINE_S,
    ) -> Fetched:
        """Fetch an address, through at most three redirects. Raises `NetRefused`.

        `accept`: media types with `*`; the body of another type is not read. `most_bytes` count both as sent and as
        unpacked. `deadline_s` is for all of it.
        """
        target = check_url(url, self._dialer.operator_hosts)
        try:
            async with asyncio.timeout(deadline_s):
                return await self._follow(target, accept, most_bytes)
        except TimeoutError:
            raise NetRefused(f"the site did not answer within {deadline_s:g} seconds") from None

    async def _follow(self, target: Target, accept: Sequence[str], most_bytes: int) -> Fetched:
        backend = _PinnedBackend(self._dialer)
        asked: list[str] = []
        while True:
            async with self._ask(target, accept, backend) as response:
                location = _header(response, b"location")
                if response.status not in _REDIRECTS or not location:
                    return await _take(response, target, tuple(asked), accept, most_bytes)
                following = check_redirect(target, location, self._dialer.operator_hosts)
            asked.append(target.url)
            if following.url in asked:
                raise NetRefused("the page leads in a circle")
            if len(asked) > MAX_REDIRECTS:
                raise NetRefused(f"the page leads on more than {MAX_REDIRECTS} times")
            target = following

    @asynccontextmanager
    async def _ask(
        self, target: Target, accept: Sequence[str], backend: "_PinnedBackend"
    ) -> AsyncGenerator[httpcore.Response, None]:
        headers = [
            ("Host", target.authority),
            ("Accept", ", ".join(accept)),
            ("Accept-Encoding", "identity"),
            ("User-Agent", "multiplayer"),
            ("Connection", "close"),
        ]
        url = httpcore.URL(
            scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
        )
        with _in_words():
            async with (
                httpcore.AsyncConnectionPool(
                    ssl_context=self._tls, max_connections=1, max_keepalive_connections=0, network_backend=backend
                ) as pool,
                pool.stream("GET", url, headers=headers) as response,
            ):
                yield response


class _PinnedBackend(httpcore.AsyncNetworkBackend):
    """Connections of one call: a name that it has resolved stays where it was."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self._inner = httpcore.AnyIOBackend()
        self._pinned: dict[tuple[str, int], tuple[Address, ...]] = {}

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        pinned = self._pinned.get((host, port))
        if pinned is None:
            pinned = self._pinned[host, port] = await self._dialer.addresses(host, port)
        failures = (httpcore.ConnectError, httpcore.ConnectTimeout)
        return await self._dialer.dial(pinned, port, self._inner.connect_tcp, failures, timeout)


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except httpcore.ConnectError as error:
        # The library's pool takes the cause away, not the context.
        if isinstance(error.__context__, ssl.SSLError):
            raise NetRefused("the site has no valid certificate, or speaks no TLS that is safe") from None
        raise NetRefused("the site could not be reached") from None
    except httpcore.TimeoutException:
        raise NetRefused("the site did not answer in time") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError):
        # An OSError is what TLS says in the middle of an answer.
        raise NetRefused("the site broke off, or its answer is not proper HTTP") from None


def _header(response: httpcore.Response, name: bytes) -> str:
    for key, value in response.headers:
        if key.lower() == name:
            try:
                return value.decode()
            except UnicodeDecodeError:
                return value.decode("latin-1")
    return ""


async def _take(
    response: httpcore.Response, target: Target, asked: tuple[str, ...], accept: Sequence[str], most_bytes: int
) -> Fetched:
    given = _header(response, b"content-type")
    content_type = given.partition(";")[0].strip().lower()
    if "*/*" not in accept and not any(fnmatch.fnmatchcase(content_type, pattern) for pattern in accept):
        raise NetRefused(f"what is there cannot be read as text: it is {_kind(content_type)}{_size(response)}")
    charset = _CHARSET.search(given)
    body, is_cut = await _read(response, _unpacker(response), most_bytes)
    return Fetched(target.url, response.status, content_type, charset[1] if charset else "", body, is_cut, asked)


def _kind(content_type: str) -> str:
    if not content_type:
        return "of a type that the site does not name"
    for pattern, words in _KINDS:
        if fnmatch.fnmatchcase(content_type, pattern):
            return words
    return "of another type"


def _size(response: httpcore.Response) -> str:
    length = _header(response, b"content-length")
    return f", {int(length)} bytes" if length.isascii() and length.isdigit() and len(length) < 16 else ""


Unpack = Callable[[bytes, int], bytes]
"""Takes the next bytes and how many may come out at most; nothing is kept for later once there are more."""


def _unpacker(response: httpcore.Response) -> Unpack:
    coding = _header(response, b"content-encoding").strip().lower()
    if coding in {"", "identity"}:
        return lambda data, most: data[:most]
    # Not asked for, but some sites always pack.
    if coding in {"gzip", "x-gzip", "deflate"}:
        inflating = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)

        def unpack(data: bytes, most: int) -> bytes:
            try:
                return inflating.decompress(data, most)
            except zlib.error:
                raise NetRefused("what the site sent cannot be unpacked") from None

        return unpack
    raise NetRefused("what the site sent is packed in a way that was not asked for")


async def _read(response: httpcore.Response, unpack: Unpack, most_bytes: int) -> tuple[bytes, bool]:
    body = bytearray()
    sent = 0
    try:
        async for data in response.aiter_stream():
            sent += len(data)
            body += unpack(data, most_bytes + 1 - len(body))
            if len(body) > most_bytes or sent > most_bytes:
                return bytes(body[:most_bytes]), True
    except (httpcore.NetworkError, httpcore.ProtocolError):
        if not body:
            raise
        return bytes(body), True
    return bytes(body), False
