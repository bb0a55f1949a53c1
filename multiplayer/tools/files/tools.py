"""The file tools: read, write, edit, list, search, move and delete by descriptor inside the workspace, starting no process."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Final

from pydantic import Field, PrivateAttr

from multiplayer.protocol.tools import ToolClass
from multiplayer.tools.files.edits import edit_file
from multiplayer.tools.files.moves import delete_file, move_file
from multiplayer.tools.files.names import check_change_path, is_protected
from multiplayer.tools.files.paths import check_path
from multiplayer.tools.files.reads import MAX_READ_LINES, list_files, read_cached_file, read_file
from multiplayer.tools.files.search import MAX_QUERY_CHARACTERS, SEARCH_S, search_files
from multiplayer.tools.files.walk import Tally, tally
from multiplayer.tools.files.writes import write_file
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.registry import Arguments, Tool, ToolCallContext, ToolResult
from multiplayer.tools.workspace import Workspace

__all__ = ["file_tools", "is_protected"]

MAX_DEPTH: Final = 16
MOST_FILES_DELETED: Final = 20
"""More in one call are a sensitive write."""
_LOOKED_AT: Final = 200
"""Entries of a folder that are looked at to tell the class of a call."""
_PATH = Annotated[str, Field(description="relative to the workspace")]


class ReadFile(Arguments):
    path: _PATH
    offset: Annotated[int, Field(ge=1, description="first line, counted from 1")] = 1
    limit: Annotated[int, Field(ge=1, le=MAX_READ_LINES, description="how many lines")] = MAX_READ_LINES


class WriteFile(Arguments):
    path: _PATH
    content: Annotated[str, Field(description="the whole new text of the file")]


class EditFile(Arguments):
    path: _PATH
    old: Annotated[str, Field(min_length=1, description="the exact text to replace; must be in the file just once")]
    new: Annotated[str, Field(description="the text to put there")]
    replace_all: Annotated[bool, Field(description="replace every place where old is")] = False


class ListFiles(Arguments):
    path: _PATH = ""
    depth: Annotated[int, Field(ge=1, le=MAX_DEPTH, description="1 lists only the folder itself")] = 1


class SearchFiles(Arguments):
    query: Annotated[
        str, Field(min_length=1, max_length=MAX_QUERY_CHARACTERS, description="found as it is, case counts")
    ]
    path: Annotated[str, Field(description="a folder or file, relative to the workspace")] = ""
    is_regex: Annotated[bool, Field(description="query is an RE2 pattern; (?i) at its start ignores case")] = False


class MoveFile(Arguments):
    source: _PATH
    destination: Annotated[str, Field(description="the new path, its last name included; nothing may be there yet")]


class DeleteFile(Arguments):
    path: _PATH
    _class: ToolClass | None = PrivateAttr(default=None)
    """As what the call was allowed: its run must not come to more."""


FileTools = tuple[
    Tool[ReadFile],
    Tool[WriteFile],
    Tool[EditFile],
    Tool[ListFiles],
    Tool[SearchFiles],
    Tool[MoveFile],
    Tool[DeleteFile],
]


def file_tools(secret_values: Sequence[str] = ()) -> FileTools:
    """The file tools; `secret_values` and key-shaped words are taken out of what is shown."""
    secrets = tuple(secret_values)
    return (
        Tool(
            name="read_file",
            description="Read a text file of the workspace, whole or a range of its lines.",
            arguments=ReadFile,
            tool_class=ToolClass.READ,
            run=partial(_read, secrets),
        ),
        Tool(
            name="write_file",
            description="Write a text file in the workspace, replacing it if it exists; makes its folders.",
            arguments=WriteFile,
            tool_class=ToolClass.WRITE,
            run=_write,
            classify=lambda arguments, _: _class_of(arguments.path),
        ),
        Tool(
            name="edit_file",
            description="Replace an exact piece of a text file in the workspace. Returns the diff.",
            arguments=EditFile,
            tool_class=ToolClass.WRITE,
            run=partial(_edit, secrets),
            classify=lambda arguments, _: _class_of(arguments.path),
        ),
        Tool(
            name="list_files",
            description="List a folder of the workspace: folders end in /, files have their size in bytes.",
            arguments=ListFiles,
            tool_class=ToolClass.READ,
            run=partial(_list, secrets),
        ),
        Tool(
            name="search_files",
            description="Find lines in the text files of the workspace. Returns path:line: text.",
            arguments=SearchFiles,
            tool_class=ToolClass.READ,
            run=partial(_search, secrets),
        ),
        Tool(
            name="move_file",
            description="Move or rename a file or folder of the workspace, never over another; makes folders.",
            arguments=MoveFile,
            tool_class=ToolClass.WRITE,
            run=_move,
            classify=_class_of_move,
        ),
        Tool(
            name="delete_file",
            description="Delete a file of the workspace, or a folder with all that is in it.",
            arguments=DeleteFile,
            tool_class=ToolClass.WRITE,
            run=_delete,
            classify=_class_of_delete,
        ),
    )


async def _told(work: Callable[[], str]) -> ToolResult:
    return ToolResult(ok=True, text=await asyncio.to_thread(work))


async def _read(secrets: tuple[str, ...], arguments: ReadFile, context: ToolCallContext) -> ToolResult:
    read = (context.workspace.root, arguments.path, arguments.offset, arguments.limit, secrets)
    text = read_cached_file(*read)
    return ToolResult(ok=True, text=text) if text is not None else await _told(partial(read_file, *read))


async def _write(arguments: WriteFile, context: ToolCallContext) -> ToolResult:
    return await _told(partial(write_file, context.workspace, arguments.path, arguments.content, context.limits))


async def _edit(secrets: tuple[str, ...], arguments: EditFile, context: ToolCallContext) -> ToolResult:
    return await _told(
        partial(
            edit_file,
            context.workspace,
            arguments.path,
            arguments.old,
            arguments.new,
            context.limits,
            replace_all=arguments.replace_all,
            secret_values=secrets,
        )
    )


async def _list(secrets: tuple[str, ...], arguments: ListFiles, context: ToolCallContext) -> ToolResult:
    return await _told(partial(list_files, context.workspace.root, arguments.path, arguments.depth, secrets))


async def _search(secrets: tuple[str, ...], arguments: SearchFiles, context: ToolCallContext) -> ToolResult:
    return await _told(
        partial(
            search_files,
            context.workspace.root,
            arguments.query,
            arguments.path,
            is_regex=arguments.is_regex,
            within_s=min(SEARCH_S, context.limits.wall_s),
            secret_values=secrets,
        )
    )


async def _move(arguments: MoveFile, context: ToolCallContext) -> ToolResult:
    return await _told(partial(move_file, context.workspace, arguments.source, arguments.destination, context.limits))


async def _delete(arguments: DeleteFile, context: ToolCallContext) -> ToolResult:
    allowed = arguments._class  # noqa: SLF001 - its own tool's
    return await _told(partial(_delete_as, context.workspace, arguments.path, allowed or ToolClass.WRITE))


def _delete_as(workspace: Workspace, path: str, allowed: ToolClass) -> str:
    if allowed is ToolClass.SENSITIVE_WRITE:
        return delete_file(workspace, path)
    parts = check_change_path(path)
    if is_protected(path) or _is_sensitive(tally(workspace.root, parts, most=_LOOKED_AT)):
        # Allowed as an ordinary write: whatever came since needs a decision of its own.
        raise ToolRefused(ToolFault.RACE, f"{path!r} holds more than when the call was allowed; try again")
    return delete_file(workspace, path, MOST_FILES_DELETED)


def _class_of(*paths: str) -> ToolClass:
    return ToolClass.SENSITIVE_WRITE if any(map(is_protected, paths)) else ToolClass.WRITE


def _class_of_move(arguments: MoveFile, context: ToolCallContext) -> ToolClass:
    if _class_of(arguments.source, arguments.destination) is ToolClass.SENSITIVE_WRITE:
        return ToolClass.SENSITIVE_WRITE
    found = _found(context.workspace, arguments.source)
    return ToolClass.SENSITIVE_WRITE if found is not None and found.has_repository else ToolClass.WRITE


def _class_of_delete(arguments: DeleteFile, context: ToolCallContext) -> ToolClass:
    found = _found(context.workspace, arguments.path)
    is_sensitive = is_protected(arguments.path) or (found is not None and _is_sensitive(found))
    tool_class = ToolClass.SENSITIVE_WRITE if is_sensitive else ToolClass.WRITE
    arguments._class = tool_class  # noqa: SLF001 - its own tool's
    return tool_class


def _is_sensitive(found: Tally) -> bool:
    return found.has_repository or not found.is_whole or found.files > MOST_FILES_DELETED


def _found(workspace: Workspace, path: str) -> Tally | None:
    """What is there, looked at up to `_LOOKED_AT` entries; None if that is refused: the run will say why."""
    try:
        parts = check_path(path)
        return tally(workspace.root, parts, most=_LOOKED_AT) if parts else None
    except ToolRefused:
        return None
