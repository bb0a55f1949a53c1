"""A room's files over HTTP: looked at, handed out as downloads, changed by hand, and who changed what."""

import re
from typing import Annotated, Final
from urllib.parse import quote

from pydantic import StringConstraints
from starlette.responses import Response

from multiplayer.live.workspace_door import ANY_VERSION, MAX_UPLOAD_BYTES
from multiplayer.protocol.codec import Malformed
from multiplayer.protocol.reports_workspace import TurnChanges, WorkspaceChange, WorkspaceDiff, WorkspaceListing
from multiplayer.protocol.tools import Sha256
from multiplayer.protocol.values import Frozen
from multiplayer.rooms.permissions import Right
from multiplayer.transports.routes import Access, Call, Nothing, Operation, Reply, Route, read_body

_BYTES: Final = "application/octet-stream"
_TEXT: Final = "text/plain"
_ETAG: Final = re.compile(r'"([0-9a-f]{64})"|([0-9a-f]{64})|(\*)')
_Path = Annotated[str, StringConstraints(max_length=4_096)]
_Name = Annotated[str, StringConstraints(min_length=1, max_length=4_096)]


class FolderQuery(Frozen):
    path: _Path = ""
    """Empty: the workspace itself."""


class FileQuery(Frozen):
    path: _Name


class DeleteQuery(Frozen):
    path: _Name
    recursive: bool = False
    """A folder, with all that is in it."""


class DiffQuery(Frozen):
    """`before` and `after` of a `files_changed` event, or of two; `path` as it names it, else all that differs."""

    before: Sha256
    after: Sha256
    path: _Name | None = None


class MoveBody(Frozen):
    source: _Name
    destination: _Name


async def _list(call: Call[Nothing, FolderQuery]) -> WorkspaceListing:
    call.check_heavy_reads()
    return await call.pod.workspace.reports.listing(call.room_id, call.account_id, call.query.path)


async def _read(call: Call[Nothing, FileQuery]) -> Response:
    call.check_heavy_reads()
    file = await call.pod.workspace.reports.read(call.room_id, call.account_id, call.query.path)
    # Always a download: the words of strangers never become a page of ours.
    headers = {
        "ETag": f'"{file.sha256}"',
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(file.data, headers=headers, media_type=_TEXT if file.is_text else _BYTES)


async def _write(call: Call[Nothing, FileQuery]) -> Reply:
    _check_changes(call)
    expected = _expected(call)
    data = await read_body(call.request, MAX_UPLOAD_BYTES)
    made = await call.pod.workspace.door.write(call.room_id, call.account_id, call.query.path, data, expected)
    return Reply(made, {"ETag": f'"{made.sha256}"'})


async def _move(call: Call[MoveBody, Nothing]) -> WorkspaceChange:
    _check_changes(call)
    body = call.body
    return await call.pod.workspace.door.move(call.room_id, call.account_id, body.source, body.destination)


async def _delete(call: Call[Nothing, DeleteQuery]) -> WorkspaceChange:
    _check_changes(call)
    query = call.query
    return await call.pod.workspace.door.delete(
        call.room_id, call.account_id, query.path, expected=_expected(call), is_recursive=query.recursive
    )


async def _diff(call: Call[Nothing, DiffQuery]) -> WorkspaceDiff:
    call.check_heavy_reads()
    query = call.query
    return await call.pod.workspace.reports.diff(call.room_id, call.account_id, query.before, query.after, query.path)


async def _turn_changes(call: Call[Nothing, Nothing]) -> TurnChanges:
    call.check_reads()
    return await call.pod.workspace.reports.of_turn(call.room_id, call.account_id, call.turn_id)


def _check_changes(call: Call[object, object]) -> None:
    """Count a change: it is a command, and one for which all folders are looked at."""
    call.check_commands()
    call.check_heavy_reads()


def _expected(call: Call[object, object]) -> str | None:
    """Return which version `If-Match` names: a SHA-256, `ANY_VERSION`, or None where the header is not sent."""
    given = call.request.headers.getlist("if-match")
    if not given:
        return None
    found = _ETAG.fullmatch(given[0].strip()) if len(given) == 1 else None
    if found is None:
        raise Malformed('If-Match is one ETag of this file ("…", 64 hexadecimal digits), or *')
    return ANY_VERSION if found[3] else found[1] or found[2]


_ROOM = "/api/v1/rooms/{room_id}"
_WORKSPACE = f"{_ROOM}/workspace"
_MEMBER = Access.MEMBER
WORKSPACE_API: tuple[Operation, ...] = (
    Route(
        "GET",
        _WORKSPACE,
        _MEMBER,
        "What a folder of the workspace holds, and how full the workspace is",
        _list,
        Nothing,
        FolderQuery,
        WorkspaceListing,
        right=Right.SEE_WORKSPACE,
    ),
    Route(
        "GET",
        f"{_WORKSPACE}/file",
        _MEMBER,
        "A file of at most 8 MiB as a download; its ETag is its SHA-256",
        _read,
        Nothing,
        FileQuery,
        right=Right.SEE_WORKSPACE,
        answers_with=f"{_BYTES}, {_TEXT}",
    ),
    Route(
        "PUT",
        f"{_WORKSPACE}/file",
        _MEMBER,
        "Write a file of at most 3 MiB: without If-Match only a new one; with the ETag of the version that it replaces "
        "only over that; with * over any. The same content again is no change and no error",
        _write,
        Nothing,
        FileQuery,
        WorkspaceChange,
        right=Right.CHANGE_WORKSPACE,
        raw_body=(_BYTES,),
    ),
    Route(
        "DELETE",
        f"{_WORKSPACE}/file",
        _MEMBER,
        "Remove a file, with If-Match only that version of it; a folder that holds something only with recursive=true",
        _delete,
        Nothing,
        DeleteQuery,
        WorkspaceChange,
        right=Right.CHANGE_WORKSPACE,
    ),
    Route(
        "POST",
        f"{_WORKSPACE}/move",
        _MEMBER,
        "Move a file or folder to a name that is free",
        _move,
        MoveBody,
        Nothing,
        WorkspaceChange,
        right=Right.CHANGE_WORKSPACE,
    ),
    Route(
        "GET",
        f"{_WORKSPACE}/diff",
        _MEMBER,
        "What differs between two states of the workspace, as a unified diff",
        _diff,
        Nothing,
        DiffQuery,
        WorkspaceDiff,
        right=Right.SEE_WORKSPACE,
    ),
    Route(
        "GET",
        f"{_ROOM}/turns/{{turn_id}}/changes",
        _MEMBER,
        "What a turn changed in the workspace, for whom and with whose approval, and whether it can be undone",
        _turn_changes,
        Nothing,
        Nothing,
        TurnChanges,
        right=Right.SEE_WORKSPACE,
    ),
)
