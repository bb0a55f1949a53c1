"""What a browser is shown: the web interface with a fresh nonce in each answer, or a page saying that it is not built."""

import secrets
from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from multiplayer.transports.callers import COOKIE_NAMES
from multiplayer.transports.config import WebPlace
from multiplayer.transports.pages import CSP
from multiplayer.transports.problems import problem
from multiplayer.transports.static import INDEX, StaticFile, read_files, weights, whole

NONCE: Final = "__CSP_NONCE__"
"""Stands in the built page where each answer has its own nonce."""
COOKIE: Final = "__SESSION_COOKIE__"
"""Stands where each answer says whether a session's cookie came (`sent` or `none`): without it, asking who one is is vain."""
_HTML: Final = "text/html; charset=utf-8"
_OWN_PAGES: Final = frozenset({"/", f"/{INDEX}", "/sign-in", "/join"})
"""Shown whatever the client says that it reads: people open these by hand."""
_NO_PAGES: Final = ("/api", "/ws", "/metrics", "/healthz", "/readyz", "/openapi.json", "/assets")
"""Below these an address that is not there is not there: never a page in the place of data."""

_NOT_BUILT: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Multiplayer</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/api/docs.css"></head>
<body><main><h1>Multiplayer</h1>
<p>The API is up. The web interface is not built: run <code>make web</code> in the checkout, then start the server again.</p>
<ul><li><a href="/api/docs">The API, operation by operation</a></li>
<li><a href="/openapi.json">The same as OpenAPI 3.1</a></li>
<li><a href="/api/v1/health">Health</a></li></ul></main></body></html>
"""
_LINK_NOT_BUILT: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Multiplayer: your link</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/api/docs.css"></head>
<body><main><h1>Your link is good</h1>
<p>The web interface is not built on this server: <code>make web</code> in its checkout and a new start bring it. Until then
use the link from a terminal; its secret is what stands behind the # in the address, and it was not sent to the server.</p>
<h2>To sign in (ml_…)</h2>
<pre>curl -X POST ORIGIN/api/v1/sessions -H 'content-type: application/json' -d '{"link":"ml_…"}'</pre>
<p>The answer holds a bearer token: <code>multiplayer chat ROOM --url ORIGIN --token TOKEN</code></p>
<h2>To join a room (mi_…)</h2>
<pre>curl -X POST ORIGIN/api/v1/invites/accept -H 'content-type: application/json' \\
  -d '{"code":"mi_…","handle":"your-name","password":"at least 8 characters"}'</pre>
<p>With an account, send its token as <code>Authorization: Bearer …</code> and leave out handle and password.
All of it: <a href="/api/docs">the API</a>.</p></main></body></html>
"""


class WebDoor:
    """Answers every address that is none of the API's. Reads the built files once, when it is made."""

    def __init__(self, place: WebPlace | None) -> None:
        self._place = place
        self._files: Mapping[str, StaticFile] = {} if place is None else read_files(place.folder)
        self._page = "" if place is None else (place.folder / INDEX).read_text(encoding="utf-8")

    def route(self) -> Route:
        """Return the route that takes what no other has taken."""
        route = Route("/{path:path}", self.answer)
        # Which methods an address knows depends on what stands there.
        route.methods = None
        return route

    async def answer(self, request: Request) -> Response:
        """Return a file, a page, or a problem."""
        path = request.scope["path"]
        file = self._files.get(path)
        is_page = file is None and (path in _OWN_PAGES or _wants_page(request, path))
        if file is None and not is_page:
            raise HTTPException(404)
        if request.method not in {"GET", "HEAD"}:
            return problem(
                405,
                "method_not_allowed",
                "this address does not know the method",
                headers={"Allow": "GET, HEAD"},
            )
        if file is not None:
            return file.answer(request)
        return self._not_built(request, path) if self._place is None else self._shown(request, self._place)

    def _shown(self, request: Request, place: WebPlace) -> Response:
        nonce = secrets.token_urlsafe(18)
        # No ETag: an answer from a cache would have the nonce of another.
        headers = {
            "Content-Type": _HTML,
            "Cache-Control": "no-cache",
            "Content-Security-Policy": policy(place, nonce),
        }
        cookie = "sent" if any(request.cookies.get(name) for name in COOKIE_NAMES) else "none"
        return whole(request, self._page.replace(NONCE, nonce).replace(COOKIE, cookie).encode(), headers)

    def _not_built(self, request: Request, path: str) -> Response:
        page = _LINK_NOT_BUILT if path in {"/sign-in", "/join"} else _NOT_BUILT
        return whole(request, page.encode(), {"Content-Type": _HTML, "Content-Security-Policy": CSP})


def policy(place: WebPlace, nonce: str) -> str:
    """Return what the page may load and reach: our own origin, and exactly those others that the server was set up with."""
    downloads = "".join(f" {origin}" for origin in place.download_origins)
    reached = dict.fromkeys((*place.download_origins, *place.upload_origins, *place.sign_in_origins))
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src 'self' 'nonce-{nonce}'",
            f"img-src 'self' data: blob:{downloads}",
            f"connect-src 'self'{''.join(f' {origin}' for origin in reached)}",
            "frame-ancestors 'none'",
            f"media-src 'self' blob:{downloads}",
            "font-src 'self'",
            "manifest-src 'self'",
            "worker-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
        )
    )


def _wants_page(request: Request, path: str) -> bool:
    """Say whether a browser goes there: views have addresses of their own, which only the page can read."""
    if request.method not in {"GET", "HEAD"}:
        return False
    if any(path == taken or path.startswith(f"{taken}/") for taken in _NO_PAGES):
        return False
    return weights(request, "accept").get("text/html", 0.0) > 0
