"""What only the store in a folder of this machine has: its disk, its rights, its leftovers."""

import asyncio
import errno
import os
import resource
import stat
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from multiplayer.blobs.local import LocalBlobs
from multiplayer.blobs.port import BlobMissing, BlobsDenied, BlobsFull, BlobsUnavailable, blob_key

ALICES = blob_key("rooms/1/alice.bin")
BOBS = blob_key("rooms/1/bob.bin")
DATA = bytes(range(256)) * 40_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def blobs(root: Path) -> LocalBlobs:
    return LocalBlobs(root)


async def pieces_of(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 300_000):
        yield data[start : start + 300_000]


async def content(blobs: LocalBlobs, key: str) -> bytes:
    return b"".join([piece async for piece in blobs.read(blob_key(key))])


def half_written(root: Path) -> list[str]:
    return [path.name for path in (root / ".incoming").glob("*")]


def renamed(folder: Path, name: str) -> Path:
    return folder.rename(folder.with_name(name))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def open_below(root: Path) -> list[str]:
    """Which of our open descriptors are of the store."""
    found = []
    for one in Path("/proc/self/fd").iterdir():
        try:
            target = str(one.readlink())
        except FileNotFoundError:  # that of the listing itself
            continue
        if target.startswith(str(root)):
            found.append(target)
    return found


async def test_folders_and_files_are_their_owners_alone_whatever_the_umask(root: Path) -> None:
    before = os.umask(0)
    try:
        blobs = LocalBlobs(root / "deep")
        await blobs.put(ALICES, pieces_of(DATA))
        await blobs.copy(ALICES, BOBS)
    finally:
        os.umask(before)
    for path in (root / "deep", *(root / "deep").rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


async def test_a_key_is_a_path_in_the_folder(root: Path, blobs: LocalBlobs) -> None:
    await blobs.put(ALICES, pieces_of(DATA))
    assert (root / ALICES).read_bytes() == DATA
    assert half_written(root) == []


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_file_over_the_limit_of_the_process_is_full_and_leaves_nothing(root: Path, blobs: LocalBlobs) -> None:
    await blobs.put(ALICES, pieces_of(b"the former one"))
    with files_of_at_most(5_000_000), pytest.raises(BlobsFull):
        await blobs.put(ALICES, pieces_of(DATA))
    assert await content(blobs, ALICES) == b"the former one"
    assert half_written(root) == []
    await blobs.put(ALICES, pieces_of(DATA))
    assert await content(blobs, ALICES) == DATA


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    line = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)]
    if subprocess.run(line, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk cannot be mounted here")
    held = os.open(disk, os.O_RDONLY | os.O_DIRECTORY)
    # From here on it is reached by what we hold open alone: it goes with us, also if we are killed.
    subprocess.run(["umount", "--lazy", str(disk)], check=True)
    yield Path(f"/proc/self/fd/{held}")
    os.close(held)


async def test_a_full_disk_is_told_and_costs_nothing_that_was_there(small_disk: Path) -> None:
    blobs = LocalBlobs(small_disk / "files")
    await blobs.put(ALICES, pieces_of(DATA[:4_000_000]))
    for _ in range(3):
        with pytest.raises(BlobsFull):
            await blobs.put(BOBS, pieces_of(DATA))
    assert half_written(small_disk / "files") == []
    assert await content(blobs, ALICES) == DATA[:4_000_000]
    assert await blobs.head(BOBS) is None
    # And with room again it works again, unaided.
    await blobs.delete([ALICES])
    await blobs.put(BOBS, pieces_of(DATA[:6_000_000]))
    assert await content(blobs, BOBS) == DATA[:6_000_000]


async def test_no_symlink_is_followed(root: Path, blobs: LocalBlobs, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (root / "linked").symlink_to(outside)
    (root / "secret").symlink_to(outside / "secret")
    for key in (blob_key("linked/secret"), blob_key("secret")):
        with pytest.raises(BlobsDenied):
            await content(blobs, key)
        with pytest.raises(BlobsDenied):
            await blobs.head(key)
        with pytest.raises(BlobsDenied):
            await blobs.copy(key, BOBS)
    for key in (blob_key("linked/new"), blob_key("linked/secret")):
        with pytest.raises(BlobsDenied):
            await blobs.put(key, pieces_of(b"changed"))
    with pytest.raises(BlobsDenied):
        await blobs.delete([blob_key("linked/secret")])
    assert [one async for one in blobs.listing("")] == []
    assert [one async for one in blobs.listing("linked/")] == []
    # In place of the link itself an object may be put.
    await blobs.put(blob_key("secret"), pieces_of(b"alice's"))
    assert await content(blobs, "secret") == b"alice's"
    assert names_in(outside) == ["secret"]
    assert (outside / "secret").read_bytes() == b"secret"


async def test_a_pipe_in_the_folder_is_refused_and_not_waited_for(root: Path, blobs: LocalBlobs) -> None:
    os.mkfifo(root / "pipe")
    async with asyncio.timeout(10):
        with pytest.raises(BlobsDenied):
            await content(blobs, "pipe")
        with pytest.raises(BlobsDenied):
            await blobs.copy(blob_key("pipe"), BOBS)
    assert half_written(root) == []


async def test_what_is_no_object_of_ours_is_not_listed(root: Path, blobs: LocalBlobs) -> None:
    await blobs.put(ALICES, pieces_of(b"x"))
    for name in (".DS_Store", "Upper", "a b", "lost+found"):
        (root / name).write_bytes(b"x")
    (root / "empty").mkdir()
    assert [one.key async for one in blobs.listing("")] == [ALICES]


async def test_a_folder_that_cannot_be_made_is_denied(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BlobsDenied):
        LocalBlobs(tmp_path / "file" / "files")


async def test_a_folder_that_went_away_is_unavailable_and_nothing_is_taken_for_missing(
    root: Path, blobs: LocalBlobs
) -> None:
    await blobs.put(ALICES, pieces_of(DATA))
    away = renamed(root, "away")
    with pytest.raises(BlobsUnavailable):
        await blobs.head(ALICES)
    with pytest.raises(BlobsUnavailable):
        await content(blobs, ALICES)
    with pytest.raises(BlobsUnavailable):
        await blobs.put(ALICES, pieces_of(DATA))
    with pytest.raises(BlobsUnavailable):
        await blobs.delete([ALICES])
    with pytest.raises(BlobsUnavailable):
        await anext(blobs.listing(""))
    with pytest.raises(BlobsUnavailable):
        await blobs.check()
    renamed(away, root.name)
    assert await content(blobs, ALICES) == DATA


async def test_a_check_removes_what_was_left_half_written_a_day_ago_and_nothing_else(root: Path) -> None:
    now = 1_800_000_000.0
    blobs = LocalBlobs(root, clock=lambda: now)
    await blobs.put(ALICES, pieces_of(b"alice's"))
    os.utime(root / ALICES, (now - 10 * 86_400,) * 2)
    for name, age_s in (("old", 86_400 + 60), ("young", 86_400 - 60)):
        (root / ".incoming" / name).write_bytes(b"half")
        os.utime(root / ".incoming" / name, (now - age_s,) * 2)
    await blobs.check()
    assert half_written(root) == ["young"]
    assert await content(blobs, ALICES) == b"alice's"
    assert names_in(root) == [".incoming", "rooms"]


async def test_a_copy_costs_no_room_and_outlives_its_source(root: Path, blobs: LocalBlobs) -> None:
    await blobs.put(ALICES, pieces_of(DATA))
    os.utime(root / ALICES, (1_000_000_000,) * 2)
    await blobs.copy(ALICES, BOBS)
    assert (root / ALICES).samefile(root / BOBS)
    copied = await blobs.head(BOBS)
    assert copied is not None
    assert copied.changed_at > datetime.now(UTC) - timedelta(minutes=1), "a sweeper would take it for old"
    await blobs.copy(ALICES, ALICES)
    await blobs.put(ALICES, pieces_of(b"new"))
    assert await content(blobs, BOBS) == DATA
    assert half_written(root) == []


async def test_a_read_goes_on_with_what_it_began_when_that_is_replaced(blobs: LocalBlobs) -> None:
    await blobs.put(ALICES, pieces_of(DATA))
    async with aclosing(blobs.read(ALICES)) as pieces:
        first = await anext(pieces)
        await blobs.put(ALICES, pieces_of(b"new"))
        await blobs.delete([ALICES])
        assert first + b"".join([piece async for piece in pieces]) == DATA
    with pytest.raises(BlobMissing):
        await content(blobs, ALICES)


async def test_no_file_stays_open(root: Path, blobs: LocalBlobs) -> None:
    await blobs.put(ALICES, pieces_of(DATA))
    async with aclosing(blobs.read(ALICES)) as pieces:
        await anext(pieces)
        assert open_below(root) == [str(root / ALICES)]
    await content(blobs, ALICES)
    async with aclosing(blobs.listing("")) as listing:
        await anext(listing)
    with pytest.raises(BlobMissing):
        await blobs.copy(BOBS, ALICES)
    with files_of_at_most(5_000_000), pytest.raises(BlobsFull):
        await blobs.put(ALICES, pieces_of(DATA))
    await blobs.check()
    assert open_below(root) == []


async def test_a_process_killed_midway_leaves_nothing_visible(root: Path, blobs: LocalBlobs) -> None:
    waiting = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield DATA
        waiting.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        put = tasks.create_task(blobs.put(ALICES, pieces()))
        await waiting.wait()
        # What a kill would leave: the half file, and no object.
        [half] = half_written(root)
        assert (root / ".incoming" / half).stat().st_size == len(DATA)
        assert [one async for one in LocalBlobs(root).listing("")] == []
        assert not (root / ALICES).exists()
        put.cancel()
    assert half_written(root) == []


async def test_where_a_file_has_one_name_only_a_copy_is_made_of_its_bytes(
    root: Path, blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EMLINK, "Too many links")

    await blobs.put(ALICES, pieces_of(DATA))
    monkeypatch.setattr(os, "link", refused)
    await blobs.copy(ALICES, BOBS)
    assert await content(blobs, BOBS) == DATA
    assert not (root / ALICES).samefile(root / BOBS)
    assert half_written(root) == []
