"""What a command may touch in mode `landlock`: the rules, the further calls denied, and the trampoline's orders."""

import ctypes
import marshal
import platform
import resource
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from multiplayer.tools.limits import Limits
from multiplayer.tools.sandbox import trampoline
from multiplayer.tools.sandbox.binaries import SandboxMissing, is_reachable_by_all, runtime_folder, system_program
from multiplayer.tools.sandbox.endings import UidEnding
from multiplayer.tools.sandbox.launch import BOUND_PATHS, ENVIRONMENT, TOP_LEVEL, Command, Launch, memory_file
from multiplayer.tools.sandbox.seccomp import UNCOUNTED_MEMORY, filter_for

OLDEST_ABI: Final = 6
"""The first that keeps signals and abstract sockets inside."""
_CREATE_RULESET: Final = 444
_VERSION: Final = 1

_EXECUTE, _WRITE, _READ, _LIST = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_DEVICES_AND_SOCKETS: Final = 1 << 6 | 1 << 9 | 1 << 11  # MAKE_CHAR, MAKE_SOCK, MAKE_BLOCK
_IOCTL_ON_DEVICES: Final = 1 << 15
_ALL_FILE_ACCESS: Final = (1 << 16) - 1
_ALL_TCP: Final = 0b11
_ALL_SCOPES: Final = 0b11
_IN_WORKSPACE: Final = _ALL_FILE_ACCESS & ~_MAKE_DEVICES_AND_SOCKETS & ~_IOCTL_ON_DEVICES

_READABLE: Final = ("/etc/python3", "/etc/python3.*/sitecustomize.py", "/proc/cpuinfo", "/proc/meminfo")
"""Without the second Debian's Python complains at each start."""
_DEVICES: Final = ("null", "zero", "full", "random", "urandom")
FURTHER_DENIED: Final = (
    *("socket", "setsid", "shmget", "semget", "msgget", "mq_open", "mq_unlink", "mq_notify"),
    # What others have made is reached by its number as well.
    *("shmat", "shmctl", "shmdt", "semop", "semtimedop", "semctl", "msgsnd", "msgrcv", "msgctl"),
    *("inotify_init", "inotify_init1"),  # Landlock lets it watch what others do in a folder it may not list
)


@dataclass(frozen=True, slots=True)
class LandlockParts:
    python: Path
    bash: Path
    runtime: Path


def landlock_abi() -> int:
    """The version of Landlock that this kernel has and lets us use; 0 for none."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return max(0, int(libc.syscall(ctypes.c_long(_CREATE_RULESET), None, ctypes.c_size_t(0), _VERSION)))


def find_parts(runtime_dir: Path | None) -> LandlockParts:
    """Find what a launch needs; raises `SandboxMissing`. For root only. Blocks."""
    if not sys.executable:
        raise SandboxMissing("the interpreter's own path is unknown")
    return LandlockParts(Path(sys.executable), system_program("bash"), runtime_folder(runtime_dir))


def build_landlock_launch(
    parts: LandlockParts,
    command: Command,
    status_fd: int,
    *,
    lock_fd: int,
    joins: Sequence[Path] = (),
    also_denied: Sequence[str] = UNCOUNTED_MEMORY,
    probe: tuple[int, str] | None = None,
) -> Launch:
    """The trampoline for one command; it holds `lock_fd` until nothing of the uid lives. `also_denied` are calls by name.

    `probe` asks whether Landlock alone keeps it from a TCP port and an abstract socket. Raises `SandboxMissing`, `OSError`.
    """
    filter_bytes = filter_for(platform.machine(), sorted({*FURTHER_DENIED, *also_denied}))
    if filter_bytes is None:
        raise SandboxMissing(f"there is no reviewed system call filter for {platform.machine()}")
    workspace = command.workspace
    assert workspace.uid != 0, "nothing sandboxed ever has host uid 0"
    is_open = is_reachable_by_all(Path(f"/proc/self/fd/{workspace.fd}").readlink())
    with ExitStack() as held:
        mount_point = ""
        if not is_open:
            at = parts.runtime / "workspace"
            at.mkdir(mode=0o711, exist_ok=True)
            mount_point = str(at)
        orders = trampoline.Orders(
            uid=workspace.uid,
            bash=str(parts.bash),
            code=command.code,
            environment=environment(),
            folders=command.folders,
            workspace_fd=workspace.fd,
            status_fd=status_fd,
            other_fds=(lock_fd,),
            mount_point=mount_point,
            rules=tuple(_rules()),
            workspace_access=_IN_WORKSPACE,
            handled=(_ALL_FILE_ACCESS, _ALL_TCP, _ALL_SCOPES),
            filter=filter_bytes,
            limits=tuple(_limits(command.limits)),
            joins=tuple(str(file) for file in joins),
            probe=probe,
        )
        orders_fd = memory_file("orders", marshal.dumps(dict(orders)), held)
        argv = (str(parts.python), "-I", "-S", str(Path(trampoline.__file__)), str(orders_fd))
        fds = (orders_fd, workspace.fd, status_fd, lock_fd)
        return Launch(argv, fds, held.pop_all(), partial(UidEnding, workspace.uid))


def environment() -> dict[str, str]:
    """What a command has in its environment, but for what depends on the workspace's path."""
    return {name: value for name, value in ENVIRONMENT.items() if name not in {"HOME", "TMPDIR"}}


def _rules() -> list[tuple[str, int]]:
    read = _READ | _LIST
    rules = [(str(path), read | (_EXECUTE if path == Path("/usr") else 0)) for path in BOUND_PATHS]
    rules += [(f"/{name}", read | _EXECUTE) for name in TOP_LEVEL if not Path("/", name).is_symlink()]
    for pattern in _READABLE:
        rules += [(str(path), _READ) for path in Path("/").glob(pattern.removeprefix("/"))]
    rules += [(f"/dev/{name}", _READ | _WRITE) for name in _DEVICES]
    return rules


def _limits(limits: Limits) -> list[tuple[int, int, int]]:
    hard = {
        resource.RLIMIT_NPROC: limits.processes,
        resource.RLIMIT_DATA: limits.data_bytes,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 65536,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    return [
        *((number, most, most) for number, most in hard.items()),
        (resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 1),
    ]
