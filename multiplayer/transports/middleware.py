"""Around every HTTP answer: a request id, security headers, a count, and no error that shows more than a sentence."""

from collections.abc import Callable

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from multiplayer.telemetry.metrics import Metrics
from multiplayer.transports.problems import internal_problem

_log = structlog.get_logger(__name__)

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}
"""Set unless the answer has its own."""


class Edge:
    """Plain ASGI, so that a stream passes through it piece by piece. WebSockets pass untouched."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, new_id: Callable[[], str]) -> None:
        self._app = app
        self._metrics = metrics
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._new_id()
        has_started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                self._metrics.http.labels(str(message["status"])).inc()
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except (ClientDisconnect, ConnectionError):
            # It went away in the middle of its own request: nobody is there to be answered.
            return
        except Exception:
            # Never the query: it is the client's own words.
            _log.exception("request_broke", request=request_id, method=scope["method"], path=scope["path"][:200])
            if not has_started:
                await internal_problem()(scope, receive, send_with_headers)
            else:
                raise
