"""What is started for one sandboxed command: the whole argument list, and the descriptors it may have."""

import os
import platform
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Self

from multiplayer.tools.limits import MIB, Limits
from multiplayer.tools.sandbox.binaries import Binaries, SandboxMissing, is_reachable_by_all
from multiplayer.tools.sandbox.endings import Ending, NamespaceEnding
from multiplayer.tools.sandbox.seccomp import UNCOUNTED_MEMORY, filter_for
from multiplayer.tools.sandbox.spawn import Spawned
from multiplayer.tools.workspace import Workspace

HOME: Final = "/workspace"
ENVIRONMENT: Final = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": HOME,
    "USER": "room",
    "LANG": "C.UTF-8",
    "TMPDIR": "/tmp",  # noqa: S108 - a tmpfs of the sandbox's own
    "TERM": "dumb",
    "NO_COLOR": "1",
    "GIT_CONFIG_NOSYSTEM": "1",
    # Stale bytecode would outlive an edit within the same second, and clutter every diff.
    "PYTHONDONTWRITEBYTECODE": "1",
}
TOP_LEVEL: Final = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC_BOUND: Final = ("alternatives", "ld.so.cache", "ssl/certs", "ssl/openssl.cnf", "localtime")
BOUND_PATHS: Final = (Path("/usr"), *(Path("/etc") / name for name in _ETC_BOUND))
"""Everything of the host, beside the workspace, that a command can read."""
_ETC_FILES: Final = {
    "passwd": "room:x:1000:1000:room:/workspace:/bin/bash\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
    "group": "room:x:1000:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost room\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
# A cgroup that cannot be joined is no reason not to run: the limits are looked after from outside as well.
# mount resolves the descriptor to a path, as root; -ef makes sure that it got the same folder.
_FIRST: Final = (
    'while [ "$1" != -- ]; do case $1 in'
    ' join) echo $$ 2>/dev/null >"$2"; shift 2;;'
    ' bind) fd=$3; "$2" --bind "/proc/self/fd/$fd" "$4" && [ "/proc/self/fd/$fd" -ef "$4" ] && exec {fd}<&- || exit 1;'
    ' shift 4;; esac; done; shift; exec -c "$@"'
)


@dataclass(frozen=True, slots=True)
class Command:
    """What is to run: `code` for bash in `folders` below the workspace."""

    workspace: Workspace
    code: str
    limits: Limits
    folders: tuple[str, ...] = ()
    read_only: tuple[Path, ...] = ()
    """Further folders of the host, at their own paths; checked already."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A command ready to start. As a context it closes our copies of the descriptors, once it has started."""

    argv: tuple[str, ...]
    pass_fds: tuple[int, ...]
    held: ExitStack
    ending: Callable[[Spawned], Ending]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.held.close()


def build_launch(
    binaries: Binaries,
    command: Command,
    status_fd: int,
    *,
    joins: Sequence[Path] = (),
    also_denied: Sequence[str] = UNCOUNTED_MEMORY,
) -> Launch:
    """The strict line for one command, in the cgroups whose `cgroup.procs` files are `joins`.

    `also_denied` are system calls by name: what memory they take, somebody must count.
    Raises `SandboxMissing` on a machine without a reviewed seccomp filter, and `OSError`.
    """
    filter_bytes = filter_for(platform.machine(), also_denied)
    if filter_bytes is None:
        raise SandboxMissing(f"there is no reviewed system call filter for {platform.machine()}")
    workspace = command.workspace
    assert workspace.uid != 0, "nothing sandboxed ever has host uid 0"
    with ExitStack() as held:
        seccomp_fd = memory_file("seccomp", filter_bytes, held)
        etc_fds = {name: memory_file(name, text.encode(), held) for name, text in _ETC_FILES.items()}
        prefix, binds, opened = _place(binaries, command, joins, held)
        argv = [
            *prefix,
            *_bwrap_line(binaries, binds, etc_fds, seccomp_fd, status_fd),
            *("--chdir", "/".join((HOME, *command.folders)), "--"),
            *_prlimit_line(binaries, command.limits),
            *(str(binaries.bash), "-c", command.code),
        ]
        fds = (seccomp_fd, *etc_fds.values(), status_fd, workspace.fd, *opened)
        return Launch(tuple(argv), fds, held.pop_all(), NamespaceEnding)


def memory_file(name: str, data: bytes, held: ExitStack) -> int:
    """A descriptor to read `data` from, open as long as `held`."""
    fd = os.memfd_create(name)
    held.callback(partial(os.close, fd))
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _place(
    binaries: Binaries, command: Command, joins: Sequence[Path], held: ExitStack
) -> tuple[list[str], list[str], list[int]]:
    """What stands before bwrap, how bwrap gets the folders, and the descriptors opened for that."""
    workspace = command.workspace
    first = [word for file in joins for word in ("join", str(file))]
    binds = ["--bind-fd", str(workspace.fd), HOME]
    read_only = [("--ro-bind", str(path), str(path)) for path in command.read_only]
    drop: list[str] = []
    opened: list[int] = []
    unshare: list[str] = []
    if os.geteuid() == 0:
        assert binaries.setpriv is not None
        assert binaries.unshare is not None
        drop = [
            *(str(binaries.setpriv), f"--reuid={workspace.uid}", f"--regid={workspace.uid}"),
            *("--clear-groups", "--no-new-privs", "--"),
        ]
        # bwrap resolves paths as the room's uid, for --bind-fd too: under a closed parent only root can, before the drop.
        if not is_reachable_by_all(Path(f"/proc/self/fd/{workspace.fd}").readlink()):
            at = binaries.mount_point("workspace")
            first += ["bind", str(binaries.mount), str(workspace.fd), str(at)]
            binds = ["--bind", str(at), HOME]
        for number, path in enumerate(command.read_only):
            if not is_reachable_by_all(path.resolve()):
                fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
                held.callback(os.close, fd)
                opened.append(fd)
                at = binaries.mount_point(f"read-only-{number}")
                first += ["bind", str(binaries.mount), str(fd), str(at)]
                read_only[number] = ("--ro-bind", str(at), str(path))
        if "bind" in first:
            unshare = [str(binaries.unshare), "--mount", "--propagation", "private", "--"]
    if first:
        first = [*unshare, str(binaries.bash), "-p", "-c", _FIRST, "first", *first, "--"]
    return [*first, *drop], [*binds, *(word for words in read_only for word in words)], opened


def _bwrap_line(
    binaries: Binaries, binds: Sequence[str], etc_fds: dict[str, int], seccomp_fd: int, status_fd: int
) -> list[str]:
    line = [str(binaries.bwrap)]
    line += [f"--unshare-{kind}" for kind in ("user", "pid", "net", "ipc", "uts", "cgroup")]
    line += ["--uid", "1000", "--gid", "1000", "--hostname", "room"]
    line += ["--cap-drop", "ALL", "--die-with-parent", "--new-session", "--clearenv"]
    for name, value in ENVIRONMENT.items():
        line += ["--setenv", name, value]
    line += ["--ro-bind", "/usr", "/usr"]
    for name in TOP_LEVEL:
        top = Path("/", name)
        if top.is_symlink():
            line += ["--symlink", str(top.readlink()), str(top)]
        elif top.is_dir():
            line += ["--ro-bind", str(top), str(top)]
    for name in _ETC_BOUND:
        line += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for name, fd in etc_fds.items():
        line += ["--perms", "0444", "--ro-bind-data", str(fd), f"/etc/{name}"]
    line += ["--dev", "/dev", "--size", str(16 * MIB), "--perms", "1777", "--tmpfs", "/dev/shm"]  # noqa: S108 - its own
    line += ["--proc", "/proc", "--size", str(64 * MIB), "--perms", "1777", "--tmpfs", "/tmp"]  # noqa: S108 - its own
    line += [*binds, "--remount-ro", "/dev", "--remount-ro", "/", "--disable-userns"]
    return [*line, "--add-seccomp-fd", str(seccomp_fd), "--json-status-fd", str(status_fd)]


def _prlimit_line(binaries: Binaries, limits: Limits) -> list[str]:
    # Inside, where NPROC counts per user namespace.
    return [
        *(str(binaries.prlimit), f"--nproc={limits.processes}", f"--data={limits.data_bytes}"),
        *(f"--fsize={limits.file_bytes}", f"--nofile={limits.open_files}", "--core=0", "--memlock=65536"),
        *("--msgqueue=0", f"--cpu={limits.cpu_s}:{limits.cpu_s + 1}", "--"),
    ]
