"""Files of a workspace that have lost their names but are held open: they take space that no walk through folders finds."""

import ctypes
import os
import platform
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from multiplayer.tools.sandbox.processes import is_first_of_a_namespace
from multiplayer.tools.workspace import Usage

MOST_DESCRIPTORS: Final = 20_000
"""Of all processes of a command together, looked at in one go: with more of them it counts as over its quota."""
_KCMP: Final = {"x86_64": 312, "aarch64": 272}
_KCMP_FILES: Final = 2
_MAY_LOOK_AT_ALL: Final = 1 << 19  # CAP_SYS_PTRACE

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class HeldFiles:
    """Looks again and again at what the processes of one command hold open of its workspace's file system."""

    def __init__(self, workspace_fd: int, uid: int) -> None:
        self._device = os.fstat(workspace_fd).st_dev
        self._uid = uid
        is_root = os.geteuid() == 0
        self._is_to_look_as_room = is_root and not _effective_capabilities() & _MAY_LOOK_AT_ALL
        self._hidden: frozenset[int] = frozenset()
        """Processes whose descriptors could not be read the last time."""

    def usage(self, pids: Iterable[int]) -> Usage:
        """Count what has no name any more, each file once. Blocks for some microseconds a descriptor."""
        if not self._is_to_look_as_room:
            return self._looked(pids)
        # Only a room's uid, or a capability that containers rarely have, opens the descriptors of its processes.
        with _files_as(self._uid):
            return self._looked(pids)

    def _looked(self, pids: Iterable[int]) -> Usage:
        blocks: dict[int, int] = {}
        hidden = set()
        left = MOST_DESCRIPTORS
        for pid in pids:
            try:
                for folder in _tables(pid):
                    names = os.listdir(folder)  # noqa: PTH208 - numbers only, some thousands of them
                    left -= len(names)
                    if left < 0:
                        return Usage(sum(blocks.values()) * 512, len(blocks), is_whole=False)
                    for name in names:
                        seen = _status(f"{folder}/{name}")
                        if seen is not None and seen.st_nlink == 0 and seen.st_dev == self._device:
                            blocks[seen.st_ino] = seen.st_blocks
            except PermissionError:
                hidden.add(pid)
            except OSError:
                continue  # it ended
        # A process can close itself to us, if we have no capability, by running a program that it may not read.
        still = {pid for pid in hidden & self._hidden if not self._is_to_look_as_room and _is_of_the_command(pid)}
        self._hidden = frozenset(hidden)
        return Usage(sum(blocks.values()) * 512, len(blocks), is_whole=not still)


def _tables(pid: int) -> Iterator[str]:
    """The folders that show the descriptors of a process; more than one if its threads do not share them."""
    for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - as above
        if int(thread) == pid or not _share_descriptors(pid, int(thread)):
            yield f"/proc/{pid}/task/{thread}/fd"


def _share_descriptors(pid: int, thread: int) -> bool:
    number = _KCMP.get(platform.machine())
    if number is None:
        return False
    words = [ctypes.c_long(word) for word in (number, pid, thread, _KCMP_FILES, 0, 0)]
    return int(_libc.syscall(*words)) == 0  # a kernel without it says -1: then each is looked at


def _status(path: str) -> os.stat_result | None:
    """Return None if it is closed by now, or no regular file."""
    try:
        seen = os.stat(path)  # noqa: PTH116 - a path object for each takes longer than the call
    except PermissionError:
        raise
    except OSError:
        return None
    return seen if stat.S_ISREG(seen.st_mode) else None


def _is_of_the_command(pid: int) -> bool:
    """Whether it lives behind the filter: what is still being set up, or sets up others, is the launcher's own."""
    try:
        lines = Path("/proc", str(pid), "status").read_text(errors="replace").splitlines()
    except OSError:
        return False
    fields = {key: value.split() for key, _, value in (line.partition(":") for line in lines)}
    is_alive = fields.get("State", ["?"])[0] not in {"Z", "X"}
    return is_alive and fields.get("Seccomp") == ["2"] and not is_first_of_a_namespace(pid)


def _effective_capabilities() -> int:
    for line in Path("/proc/thread-self/status").read_text(errors="replace").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


@contextmanager
def _files_as(uid: int) -> Iterator[None]:
    """Open files as `uid`, and with its group, in this thread alone; the process stays what it is. For root."""
    _libc.setfsgid(uid)
    _libc.setfsuid(uid)
    try:
        yield
    finally:
        _libc.setfsuid(0)
        _libc.setfsgid(0)
