"""Writing files of a workspace: whole or not at all, within its quota, and only over what was looked at before."""

import errno
import fcntl
import hashlib
import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from multiplayer.tools.checkpoints.folders import FILE
from multiplayer.tools.files.names import check_change_path, shown_name
from multiplayer.tools.files.paths import Root, check_regular, refusal_of
from multiplayer.tools.files.reads import read_all
from multiplayer.tools.files.renames import rename_no_replace
from multiplayer.tools.limits import MIB, Limits
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.workspace import Workspace

MAX_WRITE_BYTES = 2 * MIB
NEW_FILE: Final = ""
"""As `expected_sha256`: there is no such file yet."""
_LOCK_TRIES: Final = 16
_LOCK_WAITS: Final = 100
_LOCK_WAIT_S: Final = 0.001


class Over(Enum):
    """What a new version of a file may replace, if not one known version."""

    ANYTHING = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Written:
    """A file as it was written."""

    size: int
    sha256: str
    is_new: bool


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write_file(workspace: Workspace, path: str, content: str, limits: Limits) -> str:
    """Replace the file by a text, as a model does; raises `ToolRefused`, `OSError`. Blocks."""
    try:
        data = content.encode()
    except UnicodeEncodeError as error:
        raise ToolRefused(ToolFault.BAD_ARGUMENTS, "the content is not valid Unicode") from error
    parts = check_change_path(path)
    check_size(len(data), min(MAX_WRITE_BYTES, limits.file_bytes))
    write_bytes(workspace, path, data, limits)
    return f"wrote {len(data)} bytes to {shown_name('/'.join(parts))}"


def write_bytes(
    workspace: Workspace, path: str, data: bytes, limits: Limits, expected_sha256: str | None = None
) -> Written:
    """Replace the file in one step, never in place; makes its folders. Raises `ToolRefused`, `OSError`. Blocks.

    With `expected_sha256` only over that content (else RACE), with `NEW_FILE` only if there is none yet (else EXISTS).
    """
    parts = check_change_path(path)
    check_size(len(data), limits.file_bytes)
    over: os.stat_result | Over = Over.ANYTHING
    if expected_sha256 == NEW_FILE:
        over = Over.NOTHING
    elif expected_sha256 is not None:
        seen, over = read_for_change(workspace, parts, limits.file_bytes)
        if sha256_of(seen) != expected_sha256:
            raise ToolRefused(ToolFault.RACE, f"{path!r} has changed since it was read; read it again")
    old = _replaced(workspace, parts)
    check_quota(
        workspace,
        limits,
        more_bytes=len(data) - (old.st_blocks * 512 if old else 0),
        more_inodes=0 if old else len(parts),
    )
    parent = open_parent(workspace, parts[:-1])
    try:
        put(parent, parts[-1], data, uid=workspace.uid, over=over, shown=path)
    finally:
        os.close(parent)
    return Written(len(data), sha256_of(data), is_new=old is None)


def read_for_change(workspace: Workspace, parts: tuple[str, ...], most_bytes: int) -> tuple[bytes, os.stat_result]:
    """A file's content, and as which it may be replaced by `put`; over no link. Raises `ToolRefused`, `OSError`."""
    fd, status = workspace.root.open_file_for_change(parts)
    with os.fdopen(fd, "rb", buffering=0) as file:
        return read_all(file, "/".join(parts), status.st_size, most_bytes), status


def check_size(size: int, most: int) -> None:
    if size > most:
        raise ToolRefused(ToolFault.TOO_BIG, f"the content has {size} bytes; at most {most} are written at once")


def check_quota(workspace: Workspace, limits: Limits, *, more_bytes: int, more_inodes: int) -> None:
    """Raises `ToolRefused` (QUOTA) if the workspace is full, or would be with so much more. Blocks."""
    usage = workspace.usage(most_inodes=limits.workspace_inodes)
    if usage.is_over(limits.workspace_bytes - max(0, more_bytes), limits.workspace_inodes - max(0, more_inodes)):
        raise ToolRefused(
            ToolFault.QUOTA,
            f"the workspace is full ({usage.used_bytes} of {limits.workspace_bytes} bytes, "
            f"{usage.inodes} of {limits.workspace_inodes} files); remove files first",
        )


def _replaced(workspace: Workspace, parts: tuple[str, ...]) -> os.stat_result | None:
    try:
        parent = workspace.root.open_folder_for_change(parts[:-1])
    except ToolRefused as refused:
        if refused.code is not ToolFault.NOT_FOUND:
            raise
        return None
    try:
        return _replaceable(parent, parts[-1], "/".join(parts))
    finally:
        os.close(parent)


def _replaceable(parent: int, name: str, shown: str) -> os.stat_result | None:
    try:
        old = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise refusal_of(error, shown) from error
    if stat.S_ISLNK(old.st_mode):
        raise refusal_of(OSError(errno.ELOOP, os.strerror(errno.ELOOP)), shown)
    # A further hard link would be left behind, not written through: say so rather than surprise.
    return check_regular(old, shown)


def open_parent(workspace: Workspace, folders: tuple[str, ...]) -> int:
    """Open a folder, made with those above it where they are not there; over no link. Raises `ToolRefused`."""
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


def put(parent: int, name: str, data: bytes, *, uid: int, over: os.stat_result | Over, shown: str) -> None:
    """As `put_pieces`; a replaced file's mode is kept."""
    put_pieces(parent, name, (data,), uid=uid, over=over, shown=shown)


def put_pieces(
    parent: int,
    name: str,
    pieces: Iterable[bytes],
    *,
    uid: int,
    over: os.stat_result | Over,
    shown: str,
    is_executable: bool | None = None,
) -> None:
    """Make what comes what stands under `name` in the open folder. What `pieces` raises comes out, with nothing changed.

    `over` is what may be replaced; raises `ToolRefused`: RACE if another version than the given one stands there.
    `is_executable`: None keeps the mode of a replaced file.
    """
    old = _replaceable(parent, name, shown)
    if over is Over.NOTHING and old is not None:
        raise refusal_of(OSError(errno.EEXIST, os.strerror(errno.EEXIST)), shown)
    temporary = f".{secrets.token_hex(8)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(temporary, flags, 0o600, dir_fd=parent)
        try:
            with os.fdopen(fd, "wb") as file:
                for piece in pieces:
                    file.write(piece)
                file.flush()
                if os.geteuid() == 0:
                    os.fchown(fd, uid, uid)
                mode = 0o644 if old is None else old.st_mode & 0o777
                os.fchmod(fd, mode if is_executable is None else executable_mode(mode, is_executable=is_executable))
            if over is Over.NOTHING:
                rename_no_replace(parent, temporary, parent, name)
            else:
                with _locked(parent, name) as is_locked:
                    if isinstance(over, os.stat_result):
                        _check_still(parent, name, over if is_locked else None, shown)
                    os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
        except BaseException:
            with suppress(FileNotFoundError):  # a command in the workspace took it away
                os.unlink(temporary, dir_fd=parent)
            raise
    except FileNotFoundError as error:
        raise _raced(shown) from error  # the folder or the temporary was taken away under us
    except OSError as error:
        raise refusal_of(error, shown) from error


def take_away(parent: int, name: str, known: os.stat_result, shown: str) -> None:
    """Remove the file under `name` if it is still the `known` version. Raises `ToolRefused` (RACE if it is not)."""
    try:
        with _locked(parent, name) as is_locked:
            _check_still(parent, name, known if is_locked else None, shown)
            os.unlink(name, dir_fd=parent)
    except FileNotFoundError as error:
        raise _raced(shown) from error
    except OSError as error:
        raise refusal_of(error, shown) from error


def executable_mode(mode: int, *, is_executable: bool) -> int:
    """Return the permission bits with which whoever may read a file may run it as well, or nobody may."""
    return mode | (mode & 0o444) >> 2 if is_executable else mode & ~0o111


def _check_still(parent: int, name: str, known: os.stat_result | None, shown: str) -> None:
    if known is None or not _is_same(os.stat(name, dir_fd=parent, follow_symlinks=False), known):
        raise _raced(shown)


@contextmanager
def _locked(parent: int, name: str) -> Iterator[bool]:
    """Hold a lock on the version under `name`, if there is one: whoever else replaces it by `put` does so, too.

    So no two of them are between their last look and their rename at once. A command may keep the lock for ever: then,
    after a while, it is not held.
    """
    for _ in range(_LOCK_TRIES):
        try:
            fd = os.open(name, FILE, dir_fd=parent)
        except OSError:
            break
        try:
            if not _has_lock(fd):
                break
            now = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if (now.st_dev, now.st_ino) == (os.fstat(fd).st_dev, os.fstat(fd).st_ino):
                yield True
                return
        finally:
            os.close(fd)
    yield False


def _has_lock(fd: int) -> bool:
    for _ in range(_LOCK_WAITS):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_WAIT_S)
        except OSError:
            return False  # not a kind of thing that can be locked
        else:
            return True
    return False


def _raced(shown: str) -> ToolRefused:
    return ToolRefused(ToolFault.RACE, f"{shown!r} was changed by somebody else meanwhile; read it again")


def _is_same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns) == (
        other.st_dev,
        other.st_ino,
        other.st_size,
        other.st_mtime_ns,
    )
