"""Folders of two people that follow a room's workspace on a real server, while an AI and hands change it, and kills happen."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from multiplayer.client import Client, Room
from multiplayer.client.sync.names import OWN_FOLDER
from multiplayer.protocol.codec import JsonValue
from multiplayer.protocol.commands import SetRoomSettings
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.turn_events import FilesChanged, TurnEnded
from multiplayer.protocol.turns import TurnOutcome
from tests.journeys.house import House, Ran, multiplayer
from tests.support.followed_folder import files_in
from tests.support.server import Known

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PATIENCE_S = 60.0
KIB = 1024


@dataclass(frozen=True)
class Follower:
    """Somebody with a folder of their own."""

    house: House
    known: Known
    room_id: RoomId
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**self.house.environment, "MULTIPLAYER_URL": self.house.url, "MULTIPLAYER_TOKEN": self.known.token}

    async def sync(self, *options: str) -> Ran:
        return await multiplayer("sync", self.room_id, str(self.folder), *options, environment=self.environment)

    async def synced(self) -> dict[str, JsonValue]:
        ran = await self.sync("--json")
        assert (ran.code, ran.err) == (0, ""), ran
        return cast("dict[str, JsonValue]", json.loads(ran.out))

    async def start(self, *options: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "multiplayer", "sync", self.room_id, str(self.folder), *options),
            env=self.environment,
            cwd=self.environment["HOME"],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    def write(self, name: str, data: bytes) -> None:
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    @property
    def files(self) -> dict[str, bytes]:
        return files_in(self.folder)


@pytest.fixture
def hers(house: House, alice: Known, room_id: RoomId, tmp_path: Path) -> Follower:
    return Follower(house, alice, room_id, tmp_path / "hers")


@pytest.fixture
def his(house: House, bob: Known, room_id: RoomId, tmp_path: Path) -> Follower:
    return Follower(house, bob, room_id, tmp_path / "his")


@asynccontextmanager
async def in_room(follower: Follower) -> AsyncIterator[Room]:
    async with Client(follower.house.url, token=follower.known.token) as client:
        yield await client.room(follower.room_id)


async def until_same(one: Follower, other: Follower, name: str, data: bytes) -> None:
    """Wait until a file is the same in both folders."""
    async with asyncio.timeout(PATIENCE_S):
        while [follower.files.get(name) for follower in (one, other)] != [data, data]:  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.05)


async def test_two_folders_an_ai_and_a_hand_end_with_the_same_files(hers: Follower, his: Follower) -> None:
    hers.write("docs/plan.md", b"a plan")
    hers.write("bin/run", b"#!/bin/sh\n")
    (hers.folder / "bin/run").chmod(0o755)
    hers.write("node_modules/x.js", b"not for others")
    hers.write(".gitignore", b"node_modules/\n")
    assert len(cast("list[JsonValue]", (await hers.synced())["done"])) == 3
    async with in_room(his) as room:
        await room.write_file("by/hand.txt", b"written by hand")
        sent = await room.send("@ai write a test file")
        turn_id, *_ = await room.turns_of(sent)
        ended = await room.wait_for(
            lambda word: isinstance(word, TurnEnded) and word.turn_id == turn_id, PATIENCE_S, after=sent.seq
        )
        assert isinstance(ended, TurnEnded)
        assert ended.outcome is TurnOutcome.DONE
    await his.synced()
    his.write("docs/plan.md", b"a better plan")
    await his.synced()
    await hers.synced()
    assert {name: data for name, data in hers.files.items() if not name.startswith("node_modules")} == his.files
    assert hers.files["docs/plan.md"] == b"a better plan"
    assert hers.files["by/hand.txt"] == b"written by hand"
    assert os.access(his.folder / "bin/run", os.X_OK)
    assert any(name.startswith("test") or "/test" in name for name in hers.files), hers.files
    again = await hers.synced()
    assert (again["done"], again["is_equal"]) == ([], True)


async def test_the_room_is_told_once_of_all_that_a_pass_changed(hers: Follower, his: Follower) -> None:
    for number in range(40):
        hers.write(f"many/{number}.txt", f"{number}".encode())
    async with in_room(his) as room:
        seq = room.view.seq
        await hers.synced()
        told = await room.wait_for(lambda word: isinstance(word, FilesChanged), PATIENCE_S, after=seq)
        assert isinstance(told, FilesChanged)
        assert told.actor_id == hers.known.account.id
        assert len(told.changes) + told.more == 40


async def test_of_two_versions_both_people_have_both(hers: Follower, his: Follower) -> None:
    hers.write("plan.md", b"one")
    await hers.synced()
    await his.synced()
    hers.write("plan.md", b"hers")
    his.write("plan.md", b"his")
    await hers.synced()
    ran = await his.sync()
    assert ran.code == 0, ran
    assert "⚠ changed on both sides plan.md; yours is plan (bob, " in ran.out
    await hers.synced()
    assert hers.files == his.files
    assert sorted(hers.files.values()) == [b"hers", b"his"]
    assert hers.files["plan.md"] == b"hers"


async def test_watching_folders_follow_each_other_and_end_by_ctrl_c(hers: Follower, his: Follower) -> None:
    hers.write("first", b"1")
    watching = [await hers.start("--watch"), await his.start("--watch")]
    try:
        await until_same(hers, his, "first", b"1")
        his.write("new/folder/second", b"2")
        await until_same(hers, his, "new/folder/second", b"2")
        hers.write("new/folder/third", b"3")
        await until_same(hers, his, "new/folder/third", b"3")
        async with in_room(his) as room:
            await room.write_file("fourth", b"4")
        await until_same(hers, his, "fourth", b"4")
        (his.folder / "first").unlink()
        async with asyncio.timeout(PATIENCE_S):
            while (hers.folder / "first").exists():  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
        for process in watching:
            process.send_signal(2)
        async with asyncio.timeout(PATIENCE_S):
            said = [(await process.communicate())[0].decode() for process in watching]
    finally:
        for process in watching:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert [process.returncode for process in watching] == [130, 130], said
    assert "Traceback" not in "".join(said)


def _count(folder: Path) -> int:
    """Files below a folder, in which others come and go meanwhile."""
    return sum(len(names) for where, _, names in os.walk(folder) if OWN_FOLDER not in Path(where).parts)


async def killed_after(follower: Follower, files: int, below: Path) -> bool:
    """Start a sync and kill it when so many files lie below a folder; tell whether it was still at work."""
    process = await follower.start()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while process.returncode is None and _count(below) < files:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.002)
    finally:
        is_at_work = process.returncode is None
        if is_at_work:
            process.kill()
        await process.communicate()
    return is_at_work


async def test_a_killed_sync_goes_on_without_loss_or_double(hers: Follower, his: Follower) -> None:
    contents = {f"d{number % 5}/{number}.bin": os.urandom(8 * KIB) for number in range(400)}
    for name, data in contents.items():
        hers.write(name, data)
    incoming = hers.house.data_dir / "incoming"
    kills = [await killed_after(hers, files, incoming) for files in (1, 150)]
    await hers.synced()
    kills += [await killed_after(his, files, his.folder) for files in (3, 60, 200)]
    assert sum(kills) >= 3
    left = await his.synced()
    assert len(cast("list[JsonValue]", left["done"])) < 400
    assert his.files == hers.files == contents
    assert (await hers.synced())["done"] == []
    assert not list((his.folder / OWN_FOLDER / "tmp").iterdir())


async def test_a_link_out_of_the_folder_is_not_followed_by_anybody(
    hers: Follower, his: Follower, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    hers.folder.mkdir()
    (hers.folder / "out").symlink_to(outside)
    hers.write("fine", b"1")
    async with in_room(his) as room:
        await room.write_file("out/planted", b"2")
    await hers.synced()
    assert files_in(outside) == {"secret": b"secret"}
    await his.synced()
    assert his.files == {"fine": b"1", "out/planted": b"2"}


async def test_a_guest_fetches_and_is_told_once_that_nothing_is_sent(
    house: House, alice: Known, hers: Follower, tmp_path: Path
) -> None:
    carol = await house.know("carol")
    await house.post(f"/api/v1/rooms/{hers.room_id}/members", {"handle": "carol", "role": "guest"}, alice)
    async with in_room(hers) as room:
        await room.write_file("a", b"1")
        settings = room.view.room.settings.model_copy(update={"guests_see_workspace": True})
        await room.command(SetRoomSettings(settings=settings))
    theirs = Follower(house, carol, hers.room_id, tmp_path / "theirs")
    ran = await theirs.sync()
    assert (ran.code, theirs.files) == (0, {"a": b"1"}), ran
    theirs.write("mine", b"2")
    theirs.write("mine too", b"2")
    ran = await theirs.sync()
    assert ran.code == 1, ran
    assert ran.err.count("nothing is sent") == 1
    async with in_room(hers) as room:
        assert [entry.name for entry in (await room.files()).entries] == ["a"]


async def test_a_folder_of_another_room_is_refused_in_plain_words(house: House, alice: Known, hers: Follower) -> None:
    await hers.synced()
    other = await house.room(alice, name="another")
    ran = await Follower(house, alice, other, hers.folder).sync()
    assert ran.code == 1
    assert f"follows room {hers.room_id}" in ran.err
    assert "begin anew" in ran.err
