"""A room's workspace over HTTP for folders that follow it: its tree, contents by checksum, and changes of many paths."""

import re
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from multiplayer.live.aside import aside
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.workspace_sync import (
    AskContents,
    ChangePaths,
    ContentTaken,
    MissingContents,
    PathsChanged,
    WorkspaceTree,
)
from multiplayer.rooms.permissions import Right
from multiplayer.transports.problems import RefusedWithStatus
from multiplayer.transports.routes import Access, Call, Nothing, Operation, Route

CHECKSUM: Final = "^[0-9a-f]{64}$"
"""How a content is named in a path."""
MAX_ASKED_BYTES: Final = 256 * 1024
MAX_CHANGES_BYTES: Final = 3 * 1024 * 1024
"""Of a thousand paths as long as they may be. The HTTP server reads no body beyond 4 MiB that is refused already."""
_BYTES: Final = "application/octet-stream"
_ETAG: Final = re.compile(r'(?:W/)?"([0-9a-f]{64})"')
_FROM: Final = re.compile(r"bytes=(\d{1,18})-")


async def _tree(call: Call[Nothing, Nothing]) -> Response:
    call.check_heavy_reads()
    known = _ETAG.fullmatch(call.request.headers.get("if-none-match", "").strip())
    told = known[1] if known is not None else None
    tree = await call.pod.workspace.sync.tree(call.room_id, call.account_id, told)
    headers = {"ETag": f'"{tree.tree if tree is not None else told}"', "Cache-Control": "private, no-cache"}
    if tree is None:
        return Response(status_code=304, headers=headers)
    # Of ten thousand files: too much for the event loop.
    body = await aside(partial(tree.model_dump_json, exclude_none=True))
    return Response(body, headers=headers, media_type="application/json")


async def _content(call: Call[Nothing, Nothing]) -> Response:
    call.check_contents()
    sha256 = _checksum(call)
    etag = f'"{sha256}"'
    start = _start_of(call.request, etag)
    try:
        size, pieces = await call.pod.workspace.sync.content(call.room_id, call.account_id, sha256, start)
    except Refused as refused:
        if refused.code is RefusalCode.MALFORMED:
            raise RefusedWithStatus(refused, 416) from None
        raise
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Content-Length": str(size - start),
        # Always a download: the words of strangers never become a page of ours.
        "Content-Disposition": f'attachment; filename="{sha256}"',
        "Content-Type": _BYTES,
        "X-Content-Type-Options": "nosniff",
        # The bytes of a checksum never change; who may see them may.
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    if start:
        headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
    status = 206 if start else 200
    if call.request.headers.get("if-none-match") == etag:
        del headers["Content-Length"]
        return Response(status_code=304, headers=headers)
    if call.request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return StreamingResponse(pieces, status_code=status, headers=headers)


async def _missing(call: Call[AskContents, Nothing]) -> MissingContents:
    call.check_reads()
    return await call.pod.workspace.sync.missing(call.room_id, call.account_id, call.body.sha256s)


async def _take(call: Call[Nothing, Nothing]) -> ContentTaken:
    call.check_contents()
    sha256 = _checksum(call)
    size = _length_of(call.request)
    return await call.pod.workspace.sync.take(call.room_id, call.account_id, sha256, size, call.request.stream())


async def _change(call: Call[ChangePaths, Nothing]) -> PathsChanged:
    # A command, and one for which all folders are looked at.
    call.check_commands()
    call.check_heavy_reads()
    return await call.pod.workspace.sync.change(call.room_id, call.account_id, call.body)


def _checksum(call: Call[Nothing, Nothing]) -> str:
    text: str = call.request.path_params["checksum"]
    if re.fullmatch(CHECKSUM, text) is None or len(text) != 64:
        raise Refused(RefusalCode.NOT_FOUND, "there is no such thing")
    return text


def _start_of(request: Request, etag: str) -> int:
    """Return from where on is asked for. A range that has an end, or is of another version, counts as all of it."""
    asked = _FROM.fullmatch(request.headers.get("range", "").strip())
    changed = request.headers.get("if-range")
    return int(asked[1]) if asked is not None and changed in {None, etag} else 0


def _length_of(request: Request) -> int:
    given = request.headers.get("content-length", "")
    if not given.isascii() or not given.isdigit() or len(given) > len(str(2**53)):
        raise RefusedWithStatus(Refused(RefusalCode.MALFORMED, "say how long the file is: send a Content-Length"), 411)
    return int(given)


_WORKSPACE: Final = "/api/v1/rooms/{room_id}/workspace"
_MEMBER: Final = Access.MEMBER
WORKSPACE_SYNC_API: tuple[Operation, ...] = (
    Route(
        "GET",
        f"{_WORKSPACE}/tree",
        _MEMBER,
        "All files of the workspace with their checksums; with the ETag of the last time in If-None-Match, 304 while "
        "nothing is different",
        _tree,
        Nothing,
        Nothing,
        WorkspaceTree,
        right=Right.SEE_WORKSPACE,
    ),
    # Before the one whose last part is any checksum.
    Route(
        "POST",
        f"{_WORKSPACE}/contents/missing",
        _MEMBER,
        "Which of these contents have to be sent before a change can name them",
        _missing,
        AskContents,
        Nothing,
        MissingContents,
        right=Right.CHANGE_WORKSPACE,
        body_bytes=MAX_ASKED_BYTES,
    ),
    Route(
        "GET",
        f"{_WORKSPACE}/contents/{{checksum}}",
        _MEMBER,
        "A file of the tree by its checksum, as a download; with Range: bytes=N- from there on",
        _content,
        Nothing,
        Nothing,
        right=Right.SEE_WORKSPACE,
        answers_with=_BYTES,
    ),
    Route(
        "PUT",
        f"{_WORKSPACE}/contents/{{checksum}}",
        _MEMBER,
        "Send a content: for a day a change may name it",
        _take,
        Nothing,
        Nothing,
        ContentTaken,
        right=Right.CHANGE_WORKSPACE,
        raw_body=(_BYTES,),
    ),
    Route(
        "POST",
        f"{_WORKSPACE}/changes",
        _MEMBER,
        "Write and remove many files as one change: each if what stands there is what was expected",
        _change,
        ChangePaths,
        Nothing,
        PathsChanged,
        right=Right.CHANGE_WORKSPACE,
        body_bytes=MAX_CHANGES_BYTES,
    ),
)
