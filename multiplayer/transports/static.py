"""The files of the built web interface: read once at the start, then handed out as they were read."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

INDEX: Final = "index.html"
_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".gif": "image/gif",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_CODINGS: Final[Mapping[str, str]] = {"br": ".br", "gzip": ".gz"}
"""What a file may lie beside itself as, the smallest first."""
_HASHED: Final = re.compile(r"/assets/.+-[A-Za-z0-9_-]{8}\.[a-z0-9]+")
"""A name that vite made of the content: other bytes get another name."""


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file with all its codings; `identity` is always among them."""

    content_type: str
    is_hashed: bool
    etag: str
    bodies: Mapping[str, bytes]

    def answer(self, request: Request) -> Response:
        """Return the smallest that the client reads; 304 if it has it."""
        coding = self._coding(request)
        body = self.bodies[coding]
        etag = f'"{self.etag}-{coding}"'
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable" if self.is_hashed else "no-cache",
            "ETag": etag,
        }
        if len(self.bodies) > 1:
            headers["Vary"] = "Accept-Encoding"
        if _has(request, etag):
            return Response(status_code=304, headers=headers)
        headers["Content-Type"] = self.content_type
        if coding != "identity":
            headers["Content-Encoding"] = coding
        return whole(request, body, headers)

    def _coding(self, request: Request) -> str:
        wanted = weights(request, "accept-encoding")
        others = wanted.get("*", 0.0)
        return next(
            (coding for coding in _CODINGS if coding in self.bodies and wanted.get(coding, others) > 0), "identity"
        )


def read_files(folder: Path) -> Mapping[str, StaticFile]:
    """Return the files of `folder` by the path of their address, but for the index page.

    A request is looked up here and never becomes a path on the disk: nothing outside can be named. Links and hidden
    files are left out.
    """
    found = dict(_read(folder))
    packed = {f"{path}{ending}": coding for path in found for coding, ending in _CODINGS.items()}
    files: dict[str, StaticFile] = {}
    for path, body in found.items():
        if path == f"/{INDEX}" or path in packed:
            continue
        beside = {coding: found[f"{path}{ending}"] for coding, ending in _CODINGS.items() if f"{path}{ending}" in found}
        files[path] = StaticFile(
            content_type=_TYPES.get(os.path.splitext(path)[1], "application/octet-stream"),  # noqa: PTH122 - of an address
            is_hashed=_HASHED.fullmatch(path) is not None,
            etag=hashlib.sha256(body).hexdigest()[:32],
            bodies={"identity": body, **beside},
        )
    return files


def _read(folder: Path) -> Iterator[tuple[str, bytes]]:
    for place, folders, names in os.walk(folder, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            file = Path(place) / name
            if not name.startswith(".") and file.is_file() and not file.is_symlink():
                yield f"/{file.relative_to(folder).as_posix()}", file.read_bytes()


def whole(request: Request, body: bytes, headers: Mapping[str, str]) -> Response:
    """Return the answer to GET, or to HEAD: the same headers, and no body."""
    if request.method == "HEAD":
        return Response(headers={**headers, "Content-Length": str(len(body))})
    return Response(body, headers=dict(headers))


def weights(request: Request, header: str) -> Mapping[str, float]:
    """Read a list like `br;q=0.8, gzip` (RFC 9110, 12.4.2). A weight that is none counts as 0."""
    found: dict[str, float] = {}
    for part in ",".join(request.headers.getlist(header)).split(","):
        name, *parameters = [piece.strip().lower() for piece in part.split(";")]
        weight = next((text.removeprefix("q=") for text in parameters if text.startswith("q=")), "1")
        found[name] = float(weight) if re.fullmatch(r"[01](\.\d{0,3})?", weight) else 0.0
    return found


def _has(request: Request, etag: str) -> bool:
    given = [one.strip().removeprefix("W/") for one in ",".join(request.headers.getlist("if-none-match")).split(",")]
    return etag in given or "*" in given
