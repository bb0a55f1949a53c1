"""Looking at the processes of a running sandbox from outside: which they are, and how much memory they hold."""

import os
import signal
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_LOOKS = 2000
"""Some tens of milliseconds: a process stops when it next leaves the kernel."""


_PASSES = 400
_PASS_S = 0.01


def tree_of(pid: int) -> list[int]:
    """`pid` and all that descend from it now. Blocks for about 20 µs a process of the machine."""
    children: dict[int, list[int]] = defaultdict(list)
    for name in os.listdir(_PROC):  # noqa: PTH208 - names only, four times a second
        if name.isdecimal():
            try:
                stat = (_PROC / name / "stat").read_bytes()
            except OSError:
                continue  # it ended
            # The name in parentheses may hold anything; the parent is the second field after it.
            children[int(stat.rpartition(b")")[2].split()[1])].append(int(name))
    found = [pid]
    for at in found:
        found.extend(children[at])
    return found


def freeze(pid: int) -> list[int]:
    """Stop `pid` so that it can start no more, and return a pidfd for each process that descends from it."""
    os.kill(pid, signal.SIGSTOP)
    for _ in range(_LOOKS):
        try:
            state = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[0]
        except OSError:
            break  # it ended
        if state in {b"T", b"t", b"Z", b"X"}:
            break
    found = []
    for child in tree_of(pid)[1:]:
        with suppress(ProcessLookupError):
            found.append(os.pidfd_open(child))
    return found


def of_uid(uid: int) -> list[int]:
    """Every process that has `uid` as any of its uids and is not a zombie. Blocks for some 30 µs a process."""
    names = os.listdir(_PROC)  # noqa: PTH208 - names only
    return [int(name) for name in names if name.isdecimal() and lives_as(int(name), uid)]


def lives_as(pid: int, uid: int) -> bool:
    """Whether `pid` has `uid` as any of its uids, and is not a zombie."""
    # The owner of /proc/PID would not tell: for a process that cannot be dumped that is root.
    try:
        lines = (_PROC / str(pid) / "status").read_text(errors="replace").splitlines()
    except OSError:
        return False  # it ended
    fields = {key: value.split() for key, _, value in (line.partition(":") for line in lines)}
    return str(uid) in fields.get("Uid", ()) and fields.get("State", ["?"])[0] not in {"Z", "X"}


def kill_all_of(uid: int) -> bool:
    """Kill whatever has `uid`, until a pass finds nothing. False if something does not end. Blocks."""
    assert uid != 0, "root's processes are nobody's to kill"
    for _ in range(_PASSES):
        found = of_uid(uid)
        if not found:
            return True
        for pid in found:
            with suppress(ProcessLookupError):
                fd = os.pidfd_open(pid)
                try:
                    if lives_as(pid, uid):  # the descriptor is of the process that was found, not of a later one
                        signal.pidfd_send_signal(fd, signal.SIGKILL)
                finally:
                    os.close(fd)
        time.sleep(_PASS_S)
    return not of_uid(uid)


def resident_bytes(pids: list[int], *, over: int) -> int:
    """Memory of these processes together. Pages that several share count once, where that decides if it is over."""
    page = os.sysconf("SC_PAGE_SIZE")
    total = sum(_number(pid, "statm", 1) for pid in pids) * page
    if total <= over:
        return total
    shares = 0
    for pid in pids:
        try:
            for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    shares += int(line.split()[1]) * 1024
        except ProcessLookupError:
            continue
        except FileNotFoundError:
            if (_PROC / str(pid)).exists():
                return total  # a kernel without it
        except OSError:
            return total
    return shares


def _number(pid: int, file: str, column: int) -> int:
    try:
        return int((_PROC / str(pid) / file).read_bytes().split()[column])
    except (OSError, IndexError):
        return 0  # it ended


def is_first_of_a_namespace(pid: int) -> bool:
    """Whether the process is number 1 of a pid namespace below ours."""
    try:
        for line in (_PROC / str(pid) / "status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return len(line.split()) > 2 and line.split()[-1] == "1"
    except OSError:
        return False
    return False
