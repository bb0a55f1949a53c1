"""Workspaces that nobody has used for long: which they are, and packing one into a single file.

At each moment either the room's folder or its archive is whole, and it is always known which one counts: the folder, as
long as it has its name. `Workspaces.open` unpacks the archive again.
"""

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from multiplayer.protocol.ids import RoomId
from multiplayer.tools.checkpoints.archive import NotWhole, pack
from multiplayer.tools.checkpoints.folders import FOLDER, locked, remove_tree
from multiplayer.tools.checkpoints.packs import sync_folder
from multiplayer.tools.limits import Limits
from multiplayer.tools.workspace import ARCHIVE, NAMING, STAMPS, Workspaces

ULID_CHARACTERS: Final = 26
_OVERSHOOT = 2
"""A workspace may be somewhat over its limits and is archived all the same."""


def idle_rooms(workspaces: Workspaces, idle_s: float, now: float) -> list[RoomId]:
    """Return the rooms with a folder that was last opened more than `idle_s` before `now` (seconds since 1970).

    Opening sets the time of an empty file outside the workspace, which no command can reach; a folder from before there
    were such files counts by its own time. One that is still open may be among them: `archive` leaves it alone.
    """
    if not workspaces.root.is_dir():
        return []
    found = []
    for folder in sorted(workspaces.root.iterdir()):
        if not (folder.name.isalnum() and folder.is_dir() and not folder.is_symlink()):
            continue
        stamp = workspaces.root / STAMPS / folder.name
        with suppress(FileNotFoundError):
            seen = stamp.stat() if stamp.exists() else folder.stat()
            if seen.st_mtime < now - idle_s:
                found.append(RoomId(folder.name))
    return found


def archive(workspaces: Workspaces, room_id: RoomId, limits: Limits | None = None) -> bool:
    """Pack a room's workspace into one file and remove its folder.

    False, and nothing is changed, if there is no folder, if anybody has it open, or if something in it cannot be packed
    (closed to us, too deep, too big, a device). Whoever opens it meanwhile waits. Raises `OSError`. Blocks.
    """
    name = str(room_id)
    assert name.isalnum(), f"not a room id: {name!r}"
    limits = limits or Limits()
    if not workspaces.root.is_dir():
        return False
    above = os.open(workspaces.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with locked(above, ".archiving"):  # one room at a time: it costs a core
            return _archive_named(workspaces, above, name, limits)
    finally:
        os.close(above)


def _archive_named(workspaces: Workspaces, above: int, name: str, limits: Limits) -> bool:
    try:
        folder = os.open(name, FOLDER, dir_fd=above)
    except FileNotFoundError:
        return False
    try:
        return _archive(workspaces, above, folder, name, limits)
    finally:
        os.close(folder)


def _archive(workspaces: Workspaces, above: int, folder: int, name: str, limits: Limits) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False  # in use
    packing = f".packing-{name}"
    # What a crash left of the last time. Nobody is using any of it: the room is ours.
    for left in (".removing", ".opening", ".undo"):
        remove_tree(above, f"{left}-{name}")
    with suppress(FileNotFoundError):
        os.unlink(packing, dir_fd=above)
    out = os.open(packing, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=above)
    try:
        try:
            pack(
                folder,
                out,
                most_bytes=limits.workspace_bytes * _OVERSHOOT,
                most_inodes=limits.workspace_inodes * _OVERSHOOT,
            )
        except BaseException as error:
            os.unlink(packing, dir_fd=above)
            if isinstance(error, NotWhole):
                return False
            raise
        os.fsync(out)
    finally:
        os.close(out)
    with locked(above, NAMING):
        os.rename(packing, name + ARCHIVE, src_dir_fd=above, dst_dir_fd=above)
        sync_folder(workspaces.root)
        # From here on the archive counts: who opened the folder before finds that it has lost its name.
        os.rename(name, f".removing-{name}", src_dir_fd=above, dst_dir_fd=above)
    remove_tree(above, f".removing-{name}")
    return True


def remove_workspace(workspaces: Workspaces, room_id: RoomId) -> None:
    """Remove a room's folder, its archive and the stamp of its last use. Raises `OSError`. Blocks."""
    name = str(room_id)
    assert name.isalnum(), f"not a room id: {name!r}"
    if not workspaces.root.is_dir():
        return
    above = os.open(workspaces.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with locked(above, ".archiving"):
            # Follows no link, and works by descriptors: what lies in it was written by strangers.
            with suppress(FileNotFoundError):
                shutil.rmtree(name, dir_fd=above)
            for left in (f"{name}{ARCHIVE}", f"{STAMPS}/{name}"):
                with suppress(FileNotFoundError):
                    os.unlink(left, dir_fd=above)
    finally:
        os.close(above)


def rooms_with_files(workspaces: Workspaces, checkpoints: Path) -> list[RoomId]:
    """Return the rooms that have a folder, an archive or checkpoints here. Blocks."""
    found: set[str] = set()
    for root in (workspaces.root, checkpoints):
        if root.is_dir():
            found |= {entry.name.removesuffix(ARCHIVE) for entry in root.iterdir()}
    return sorted(RoomId(name) for name in found if name.isalnum() and len(name) == ULID_CHARACTERS)
