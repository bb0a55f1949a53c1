"""The process's front: a bound socket, uvicorn with our deadlines, and an end that lets everyone go in order."""

import asyncio
import errno
import logging
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

from multiplayer.live.pod import Pod
from multiplayer.protocol.codec import MAX_FRAME_BYTES
from multiplayer.transports.deadlines import DeadlineHttp, Deadlines, LastingWebSocket

SHUTDOWN_S = 5
LAST_WORDS_S = 3.0
BACKLOG = 4_096


class CannotListen(Exception):  # noqa: N818 - the world's state
    """The address cannot be listened on; the sentence says why and what to do."""


class Server:
    """Listens from `async with` on; `stop` and leaving end it. Installs no signal handlers.

    `port` is the real one, also when 0 was asked for. The order of the end: no new connections, turns end with their
    words so far, sessions are told 1012, what is left is cut.
    """

    def __init__(
        self,
        app: ASGIApp,
        pod: Pod,
        *,
        host: str,
        port: int,
        listener: socket.socket | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        """Binds at once, unless it is given a `listener` that `bound` made before; raises `CannotListen`."""
        self.pod = pod
        self.host = host
        self._socket = listener or bound(host, port)
        self.port: int = self._socket.getsockname()[1]
        self.started = asyncio.Event()
        self._stopping = asyncio.Event()
        deadlines = deadlines or Deadlines()
        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                app,
                loop="none",
                http=_http_with(deadlines),
                ws=_ws_with(deadlines),
                ws_per_message_deflate=False,
                ws_max_size=MAX_FRAME_BYTES,
                ws_ping_interval=deadlines.ping_s,
                ws_ping_timeout=deadlines.pong_s,
                lifespan="off",
                log_config=None,
                log_level=logging.WARNING,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=SHUTDOWN_S,
            ),
            self.started,
        )
        self._tasks = asyncio.TaskGroup()

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def __aenter__(self) -> Self:
        raise_file_limit()
        await self._tasks.__aenter__()
        self._tasks.create_task(self._run(), name="server")
        await self.started.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        await self._tasks.__aexit__(None, None, None)

    def stop(self) -> None:
        """Begin the end; leaving `async with` waits for it."""
        self._stopping.set()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(self._uvicorn.serve(sockets=[self._socket]), name="uvicorn")
            stopping = tasks.create_task(self._stopping.wait())
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            self._stopping.set()
            self._uvicorn.stop_listening()
            self.pod.drain()
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS_S):
                    # Nobody else waits for this, so nobody announces it.
                    while len(self.pod.turns):  # noqa: ASYNC110 - as said
                        await asyncio.sleep(0.02)
            self.pod.close_sessions()
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS_S):
                    while len(self.pod.sessions):  # noqa: ASYNC110 - as above
                        await asyncio.sleep(0.02)
            self._uvicorn.should_exit = True
            await serving
        self._uvicorn.cut()


async def serve(
    app: ASGIApp, pod: Pod, *, host: str, port: int, stop: asyncio.Event, deadlines: Deadlines | None = None
) -> None:
    """Serve until `stop` is set. Raises `CannotListen`."""
    async with Server(app, pod, host=host, port=port, deadlines=deadlines):
        await stop.wait()


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one; return it. Each connection is a file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        # Where the hard limit means "no limit", the kernel may still refuse to raise the soft one to it.
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, has_started: asyncio.Event) -> None:
        super().__init__(config)
        self._has_started = has_started

    @contextmanager
    @override
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs the process."""
        yield

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._has_started.set()

    def stop_listening(self) -> None:
        for server in self.servers:
            server.close()

    def cut(self) -> None:
        """End whatever did not end by itself."""
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()


def _http_with(given: Deadlines) -> type[DeadlineHttp]:
    class Http(DeadlineHttp):
        deadlines = given

    return Http


def _ws_with(given: Deadlines) -> type[LastingWebSocket]:
    class WebSocket(LastingWebSocket):
        deadlines = given

    return WebSocket


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens on the address; who connects waits until a server takes it. Raises `CannotListen`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotListen(f"cannot listen on {host}: {error.strerror or error}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Now, so that a second server on the same port fails here and not later.
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotListen(
                f"port {port} on {host} is in use: stop what uses it, or choose another with --port (make run PORT=…)"
            ) from None
        raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror}") from None
    return listener
