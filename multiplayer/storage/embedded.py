"""Supervises the bundled Postgres: makes the cluster, starts it on a socket of its own, and ends it with us."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import asyncpg

from multiplayer.storage.runtime_dir import (
    PORT,
    Binaries,
    DataDirBusy,
    DataDirLock,
    PostgresAddress,
    PostgresFailed,
    PostgresKilled,
    check_name,
    dropped_uid,
    give_to,
    make_socket_dir,
    postgres_processes,
    ready_binaries,
)

__all__ = ["DataDirBusy", "DataDirLock", "EmbeddedPostgres", "PostgresAddress", "PostgresFailed", "PostgresKilled"]

_DATABASE = "multiplayer"
_USER = "postgres"
_UNFINISHED = "postgres.new-"
_MAX_LOG_BYTES = 10 * 1024 * 1024
# Crash recovery replays at most max_wal_size or so; a slow disk may need minutes for that, a hung start must still end.
_START_DEADLINE_S = 300.0
_STOP_DEADLINE_S = 20.0
_PREDECESSOR_DEADLINE_S = 10.0
_KILL_DEADLINE_S = 5.0
_END_NOTICED_S = 1.0

# Runs between us and Postgres, in an interpreter of its own: Popen's preexec_fn would run our code in a fork of a process
# with threads, which can deadlock. The death signal is set after the uid has changed, as that change clears it; modules
# are loaded before, as the interpreter may lie below a 0700 /root. Where there is no prctl the signal is done without.
_LAUNCHER = """
import os, signal, sys
parent, uid, *argv = sys.argv[1:]
prctl = None
if sys.platform == "linux":
    try:
        import ctypes
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (ImportError, OSError):
        pass
if uid:
    os.setgroups([])
    os.setresgid(int(uid), int(uid), int(uid))
    os.setresuid(int(uid), int(uid), int(uid))
if prctl:
    prctl(1, int(signal.SIGINT), 0, 0, 0)
if os.getppid() != int(parent):
    sys.exit("the server ended while PostgreSQL was being started")
os.umask(0o077)
os.execv(argv[0], argv)
"""
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}


class EmbeddedPostgres:
    """One Postgres on `data_dir/postgres`, run by us. Log: `data_dir/logs/postgres.log`.

    `durable=False` turns every promise about power cuts off; for folders that are thrown away.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True, max_connections: int = 50) -> None:
        self._data_dir = data_dir
        self._cluster = data_dir / "postgres"
        self._log_path = data_dir / "logs" / "postgres.log"
        self._durable = durable
        self._max_connections = max_connections
        self._process: subprocess.Popen[bytes] | None = None
        self._socket_dir: Path | None = None

    @property
    def pid(self) -> int:
        """Of the postmaster; only while it has been started and not stopped."""
        assert self._process is not None, "not started"
        return self._process.pid

    async def start(self, lock: DataDirLock) -> PostgresAddress:
        """Start, making the cluster and the database if absent; returns when it can be connected to.

        Also after the postmaster was killed, on this object or a new one: waits for what is left of the old one. Call it
        on a thread that lives as long as the server: Postgres shuts down when its parent thread ends. `lock` must be on
        our folder and stay held until `stop`. Raises `PostgresFailed`, and leaves nothing running then.
        """
        assert lock.is_held, "start without the lock"
        assert lock.data_dir == self._data_dir, f"a lock on {lock.data_dir}, not {self._data_dir}"
        assert self._process is None or self._process.poll() is not None, "already running"
        try:
            binaries = await asyncio.to_thread(ready_binaries)
            self._open_log()
            await self._end_predecessors()
            await self._ensure_cluster(binaries)
            self._socket_dir = await asyncio.to_thread(make_socket_dir, self._key)
            address = PostgresAddress(str(self._socket_dir), PORT, _USER, _DATABASE)
            since = self._log_path.stat().st_size
            argv = [str(binaries.directory / "postgres"), *self._settings(self._socket_dir)]
            self._process = self._spawn(argv, self._cluster)
            await self._until_connectable(self._process, address, since)
        except OSError as error:
            await self.stop()
            raise PostgresFailed(
                f"PostgreSQL could not be started in {self._data_dir}: {error}. Make the folder writable, free some disk "
                "space, or set DATABASE_URL to a server of your own."
            ) from error
        except BaseException:
            await self.stop()
            raise
        return address

    async def stop(self) -> None:
        """End Postgres, cutting its connections, and remove the socket folder; harmless when it has ended already."""
        if self._process is not None:
            for number, deadline_s in (
                (signal.SIGINT, _STOP_DEADLINE_S),
                (signal.SIGQUIT, _KILL_DEADLINE_S),
                (signal.SIGKILL, _KILL_DEADLINE_S),
            ):
                if self._process.poll() is not None:
                    break
                self._process.send_signal(number)
                try:
                    await asyncio.wait_for(_ended(self._process), deadline_s)
                except TimeoutError:
                    continue
            self._process = None
        if self._socket_dir is not None:
            shutil.rmtree(self._socket_dir, ignore_errors=True)
            self._socket_dir = None

    async def wait(self) -> int:
        """Return the postmaster's exit status (negative: the signal that killed it) once it has ended."""
        assert self._process is not None, "not started"
        return await _ended(self._process)

    @property
    def _key(self) -> str:
        found = self._data_dir.stat()
        return f"{found.st_dev:x}-{found.st_ino:x}"

    @property
    def _title(self) -> str:
        return f"multiplayer-{self._key}"

    def _settings(self, socket_dir: Path) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(socket_dir),
            "unix_socket_permissions": "0700",
            "port": str(PORT),
            # Stands in every process title: how a successor that may not look into other uids' processes knows them.
            "cluster_name": self._title,
            "max_connections": str(self._max_connections),
            "shared_buffers": "64MB",
            "max_wal_size": "1GB",
            "shared_preload_libraries": "",
            "jit": "off",
            "track_io_timing": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "logging_collector": "off",
            "log_destination": "stderr",
            "log_min_messages": "warning",
            "log_checkpoints": "off",
            # The details of an error quote rows, and rows hold what people wrote.
            "log_error_verbosity": "terse",
            "log_parameter_max_length_on_error": "0",
        }
        if not self._durable:
            settings |= dict.fromkeys(("fsync", "full_page_writes", "synchronous_commit"), "off")
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _open_log(self) -> None:
        self._log_path.parent.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(self._log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if os.fstat(handle).st_size > _MAX_LOG_BYTES:
                os.ftruncate(handle, 0)
        finally:
            os.close(handle)

    def _spawn(self, argv: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
        """Run one of the binaries on `folder`, with its output in the log, to be interrupted when we die."""
        uid = dropped_uid()
        program, *arguments = argv
        launch = [
            sys.executable,
            "-I",
            "-S",
            "-c",
            _LAUNCHER,
            str(os.getpid()),
            "" if uid is None else str(uid),
            program,
        ]
        # Passed as an open folder: the dropped uid need not be able to walk there, nor does the path's length matter.
        handle = os.open(folder, getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            place = f"/proc/self/fd/{handle}" if sys.platform == "linux" else str(folder)
            with self._log_path.open("ab") as log:
                return subprocess.Popen(
                    [*launch, "-D", place, *arguments],
                    cwd="/",
                    env=_ENVIRONMENT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(handle,),
                    start_new_session=True,
                )
        finally:
            os.close(handle)

    async def _ensure_cluster(self, binaries: Binaries) -> None:
        for leftover in self._data_dir.glob(f"{_UNFINISHED}*"):
            await asyncio.to_thread(shutil.rmtree, leftover, ignore_errors=True)
        version = self._cluster / "PG_VERSION"
        if not version.exists():
            if self._cluster.exists() and any(self._cluster.iterdir()):
                raise PostgresFailed(
                    f"{self._cluster} is not a PostgreSQL cluster: move it away, or choose another --data-dir"
                )
            await self._make_cluster(binaries)
        found = version.read_text(encoding="ascii").strip()
        if found != str(binaries.major):
            raise PostgresFailed(
                f"{self._cluster} was made by PostgreSQL {found} and this is {binaries.major}: open it with the release that "
                "made it, export the rooms there and import them into a new --data-dir"
            )
        uid = dropped_uid()
        if uid is not None:
            await asyncio.to_thread(give_to, uid, self._cluster)
        self._cluster.chmod(0o700)

    async def _make_cluster(self, binaries: Binaries) -> None:
        check_name(os.geteuid() if (uid := dropped_uid()) is None else uid)
        # Under a name of its own until it is whole: what an interrupted initdb left, or still writes, is never started.
        unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self._data_dir))
        if uid is not None:
            os.chown(unfinished, uid, uid)
        since = self._log_path.stat().st_size
        # pg_trgm asks the C library what a letter is, and macOS has no C.UTF-8.
        ctype = "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"
        argv = [str(binaries.directory / "initdb"), "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C"]
        argv += [f"--lc-ctype={ctype}", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if not self._durable:
            argv.append("--no-sync")
        process = self._spawn(argv, unfinished)
        try:
            status = await _ended(process)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        if status != 0:
            raise PostgresFailed(self._sentence(f"PostgreSQL's initdb ended with status {status}", since))
        self._put_in_place(unfinished)

    def _put_in_place(self, whole: Path) -> None:
        whole.rename(self._cluster)
        handle = os.open(self._data_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    async def _end_predecessors(self) -> None:
        """Wait for, then end, a killed predecessor's processes. We hold the lock, so nobody needs them any more."""
        if not self._cluster.exists() or sys.platform != "linux":
            return  # without /proc Postgres's own check of its pid file has to do
        for deadline_s, number in (
            (_PREDECESSOR_DEADLINE_S, signal.SIGQUIT),
            (_KILL_DEADLINE_S, signal.SIGKILL),
            (_KILL_DEADLINE_S, None),
        ):
            try:
                async with asyncio.timeout(deadline_s):
                    while postgres_processes(self._cluster, self._title):  # noqa: ASYNC110 - not our children: nothing tells us of their end
                        await asyncio.sleep(0.02)
                break
            except TimeoutError:
                left = postgres_processes(self._cluster, self._title)
                if number is None:
                    raise PostgresFailed(f"an old PostgreSQL on {self._cluster} does not end: {left}") from None
                for pid in left:
                    with suppress(ProcessLookupError):
                        os.kill(pid, number)
        # Postgres would believe a pid that has been given to someone else since.
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)

    async def _until_connectable(self, process: subprocess.Popen[bytes], address: PostgresAddress, since: int) -> None:
        try:
            async with asyncio.timeout(_START_DEADLINE_S):
                while (connection := await _try_connect(address)) is None:
                    if process.poll() is not None:
                        ended = PostgresKilled if process.returncode < 0 else PostgresFailed
                        raise ended(self._sentence(f"PostgreSQL ended with status {process.returncode}", since))
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise PostgresFailed(
                self._sentence(f"PostgreSQL is not ready after {_START_DEADLINE_S:.0f} s", since)
            ) from None
        try:
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", _DATABASE):
                await connection.execute(f"CREATE DATABASE {_DATABASE}")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            with suppress(TimeoutError):
                async with asyncio.timeout(_END_NOTICED_S):
                    await _ended(process)
            failed = PostgresKilled if (process.poll() or 0) < 0 else PostgresFailed
            raise failed(self._sentence(f"PostgreSQL could not make its database ({error})", since)) from error
        finally:
            await connection.close()

    def _sentence(self, what: str, since: int) -> str:
        with self._log_path.open("rb") as log:
            log.seek(max(since, self._log_path.stat().st_size - 4096))
            lines = log.read().decode(errors="replace").splitlines()[-15:]
        said = "\n".join(f"  {line}" for line in lines) or "  (it said nothing)"
        return (
            f"{what}. Its last words:\n{said}\nMend that (the whole log is {self._log_path}), or set DATABASE_URL to a "
            "PostgreSQL of your own."
        )


async def _try_connect(address: PostgresAddress) -> "asyncpg.Connection[asyncpg.Record] | None":
    try:
        return await asyncpg.connect(host=address.host, port=address.port, user=address.user, database="postgres")
    except (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError):
        return None


async def _ended(process: subprocess.Popen[bytes]) -> int:
    """Return the exit status once the process has ended, without a thread: a waiting one would outlive a cancelled task."""
    if process.poll() is None and hasattr(os, "pidfd_open"):
        handle = os.pidfd_open(process.pid)
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(handle, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(handle)
            os.close(handle)
    while (status := process.poll()) is None:  # noqa: ASYNC110 - where there is no pidfd
        await asyncio.sleep(0.05)
    return status
