"""The file tools: read, list and write by descriptor inside the room's workspace, never starting a process."""

import asyncio
import errno
import os
import secrets
import stat
import sys
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Annotated

from pydantic import Field

from multiplayer.tools.limits import KIB, MIB, Limits
from multiplayer.tools.output import clean_text
from multiplayer.tools.paths import Root, check_path, check_regular, refusal_of
from multiplayer.tools.policy import ToolClass
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.registry import Arguments, Tool, ToolCallContext, ToolResult
from multiplayer.tools.workspace import Workspace

MAX_READ_FILE_BYTES = 32 * MIB
MAX_READ_TEXT_BYTES = 64 * KIB
MAX_READ_LINES = 2000
MAX_WRITE_BYTES = 2 * MIB
MAX_LISTED = 1000
MAX_DEPTH = 16
_PROTECTED = ((".git", "hooks"), (".git", "config"))
_PATH = Annotated[str, Field(description="relative to the workspace")]


class ReadFile(Arguments):
    path: _PATH
    offset: Annotated[int, Field(ge=1, description="first line, counted from 1")] = 1
    limit: Annotated[int, Field(ge=1, le=MAX_READ_LINES, description="how many lines")] = MAX_READ_LINES


class ListFiles(Arguments):
    path: _PATH = ""
    depth: Annotated[int, Field(ge=1, le=MAX_DEPTH, description="1 lists only the folder itself")] = 1


class WriteFile(Arguments):
    path: _PATH
    content: Annotated[str, Field(description="the whole new text of the file")]


def file_tools(secret_values: Sequence[str] = ()) -> tuple[Tool[ReadFile], Tool[ListFiles], Tool[WriteFile]]:
    """The three file tools; `secret_values` and key-shaped words are taken out of what is read."""
    return (
        Tool(
            name="read_file",
            description="Read a text file of the workspace, whole or a range of its lines.",
            arguments=ReadFile,
            tool_class=ToolClass.READ,
            run=partial(_run_read, tuple(secret_values)),
        ),
        Tool(
            name="list_files",
            description="List a folder of the workspace: folders end in /, files have their size in bytes.",
            arguments=ListFiles,
            tool_class=ToolClass.READ,
            run=_run_list,
        ),
        Tool(
            name="write_file",
            description="Write a text file in the workspace, replacing it if it exists; makes its folders.",
            arguments=WriteFile,
            tool_class=ToolClass.WRITE,
            run=_run_write,
            classify=lambda arguments, _: (
                ToolClass.SENSITIVE_WRITE if is_protected(arguments.path) else ToolClass.WRITE
            ),
        ),
    )


async def _run_read(secret_values: tuple[str, ...], arguments: ReadFile, context: ToolCallContext) -> ToolResult:
    text = await asyncio.to_thread(
        read_file, context.workspace.root, arguments.path, arguments.offset, arguments.limit, secret_values
    )
    return ToolResult(ok=True, text=text)


async def _run_list(arguments: ListFiles, context: ToolCallContext) -> ToolResult:
    text = await asyncio.to_thread(list_files, context.workspace.root, arguments.path, arguments.depth)
    return ToolResult(ok=True, text=text)


async def _run_write(arguments: WriteFile, context: ToolCallContext) -> ToolResult:
    text = await asyncio.to_thread(write_file, context.workspace, arguments.path, arguments.content, context.limits)
    return ToolResult(ok=True, text=text)


def is_protected(path: str) -> bool:
    """Whether `path` names something git runs or obeys, or a part above it. A courtesy: a command can write it too."""
    parts = tuple(unicodedata.normalize("NFKC", part).casefold() for part in path.split("/") if part not in {"", "."})
    return any(
        parts[start : start + 2] == protected or (start == len(parts) - 1 and parts[start] == protected[0])
        for start in range(len(parts))
        for protected in _PROTECTED
    )


def read_file(root: Root, path: str, offset: int, limit: int, secret_values: Sequence[str] = ()) -> str:
    """The lines as text for the model, cleaned as command output is; raises `ToolRefused`, `OSError`. Blocks."""
    fd, seen = root.open_file(check_path(path))
    with os.fdopen(fd, "rb") as file:
        if seen.st_size > MAX_READ_FILE_BYTES:
            raise ToolRefused(
                ToolFault.TOO_BIG, f"{path!r} has {seen.st_size} bytes; files over {MAX_READ_FILE_BYTES} are not read"
            )
        data = file.read(MAX_READ_FILE_BYTES)
    if b"\0" in data[: 64 * KIB]:
        raise ToolRefused(ToolFault.NOT_TEXT, f"{path!r} is not a text file ({len(data)} bytes)")
    lines = data.splitlines(keepends=True)
    if not lines:
        return "[the file is empty]"
    if offset > len(lines):
        raise ToolRefused(ToolFault.BAD_ARGUMENTS, f"{path!r} has {len(lines)} lines; line {offset} is past its end")
    taken: list[bytes] = []
    room = MAX_READ_TEXT_BYTES
    for line in lines[offset - 1 : offset - 1 + limit]:
        if len(line) > room:
            if not taken:
                taken.append(line[:room])
            break
        taken.append(line)
        room -= len(line)
    end = offset - 1 + len(taken)
    text = clean_text(b"".join(taken), secret_values)
    if offset > 1 or end < len(lines):
        text = f"{text}{'' if text.endswith(chr(10)) else chr(10)}[lines {offset}-{end} of {len(lines)}]"
    return text


def list_files(root: Root, path: str, depth: int) -> str:
    """One entry a line, sorted, at most `MAX_LISTED`; follows no link below `path`; raises `ToolRefused`. Blocks."""
    top = check_path(path)
    found: list[str] = []
    waiting: list[tuple[str, ...]] = [()]
    while waiting and len(found) <= MAX_LISTED:
        below = waiting.pop()
        try:
            folder = root.open_folder_for_change((*top, *below)) if below else root.open_folder(top)
        except ToolRefused:
            if not below:
                raise
            continue  # it went away, or became a link, while we listed
        try:
            with os.scandir(folder) as entries:
                folders = []
                for entry in entries:
                    if len(found) > MAX_LISTED:
                        break
                    found.append(_described(entry, below))
                    if entry.is_dir(follow_symlinks=False) and len(below) + 1 < depth:
                        folders.append((*below, entry.name))
                waiting.extend(sorted(folders, reverse=True))
        finally:
            os.close(folder)
    if not found:
        return "[the folder is empty]"
    left_off = len(found) > MAX_LISTED
    lines = sorted(found[:MAX_LISTED])
    return "\n".join([*lines, f"[more than {MAX_LISTED} entries; list a folder of it]"] if left_off else lines)


def _described(entry: os.DirEntry[str], below: tuple[str, ...]) -> str:
    # A name may hold line ends, escapes or bytes that are not UTF-8: what is odd is shown escaped.
    raw = "/".join((*below, entry.name))
    name = raw if raw.isprintable() else ascii(raw)
    try:
        mode = entry.stat(follow_symlinks=False)
    except OSError:
        return f"{name}  [gone]"
    if stat.S_ISDIR(mode.st_mode):
        return f"{name}/"
    if stat.S_ISREG(mode.st_mode):
        return f"{name}  {mode.st_size}"
    return f"{name}  [{'link' if stat.S_ISLNK(mode.st_mode) else 'special'}]"


def write_file(workspace: Workspace, path: str, content: str, limits: Limits) -> str:
    """Replace the file in one step, never in place; raises `ToolRefused`, `OSError`. Blocks."""
    parts = check_path(path)
    if not parts:
        raise ToolRefused(ToolFault.BAD_PATH, "the path names no file")
    try:
        data = content.encode()
    except UnicodeEncodeError as error:
        raise ToolRefused(ToolFault.BAD_ARGUMENTS, "the content is not valid Unicode") from error
    most = min(MAX_WRITE_BYTES, limits.file_bytes)
    if len(data) > most:
        raise ToolRefused(ToolFault.TOO_BIG, f"the content has {len(data)} bytes; at most {most} are written at once")
    usage = workspace.usage(most_inodes=limits.workspace_inodes)
    if usage.is_over(limits.workspace_bytes - len(data), limits.workspace_inodes - len(parts)):
        raise ToolRefused(
            ToolFault.QUOTA,
            f"the workspace is full ({usage.used_bytes} of {limits.workspace_bytes} bytes, "
            f"{usage.inodes} of {limits.workspace_inodes} files); remove files first",
        )
    parent = _open_parent(workspace, parts[:-1])
    try:
        _replace(parent, parts[-1], data, workspace.uid, path)
    finally:
        os.close(parent)
    return f"wrote {len(data)} bytes to {'/'.join(parts)}"


def _open_parent(workspace: Workspace, folders: tuple[str, ...]) -> int:
    at = workspace.root.open_folder_for_change(())
    for depth, name in enumerate(folders):
        above = Root(at, workspace.kernel_resolves)
        try:
            try:
                at_next = above.open_folder_for_change((name,))
            except ToolRefused as refused:
                if refused.code is not ToolFault.NOT_FOUND:
                    raise
                with suppress(FileExistsError):  # made by a command in between: opened, or refused for what it is
                    os.mkdir(name, 0o755, dir_fd=at)
                at_next = above.open_folder_for_change((name,))
                if os.geteuid() == 0 and os.fstat(at_next).st_uid == 0:
                    os.fchown(at_next, workspace.uid, workspace.uid)
        except ToolRefused as refused:
            raise ToolRefused(refused.code, f"{'/'.join(folders[: depth + 1])!r}: {refused.text}") from refused
        except OSError as error:
            raise refusal_of(error, "/".join(folders[: depth + 1])) from error
        finally:
            os.close(at)
        at = at_next
    return at


def _replace(parent: int, name: str, data: bytes, uid: int, shown: str) -> None:
    mode = 0o644
    try:
        old = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        pass  # a new file
    else:
        if stat.S_ISLNK(old.st_mode):
            raise refusal_of(OSError(errno.ELOOP, os.strerror(errno.ELOOP)), shown)
        # A further hard link would be left behind, not written through: say so rather than surprise.
        mode = check_regular(old, shown).st_mode & 0o777
    temporary = f".{secrets.token_hex(8)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(temporary, flags, 0o600, dir_fd=parent)
    except OSError as error:
        raise refusal_of(error, shown) from error
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            if os.geteuid() == 0:
                os.fchown(fd, uid, uid)
            os.fchmod(fd, mode)
        os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
    except BaseException as error:
        with suppress(FileNotFoundError):  # a command in the workspace took it away
            os.unlink(temporary, dir_fd=parent)
        if isinstance(error, OSError):
            raise refusal_of(error, shown) from error
        raise


if __name__ == "__main__":
    from multiplayer.tools.lines import main

    sys.exit(main(sys.argv[1:]))
