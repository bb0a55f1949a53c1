"""`multiplayer sync` at a real server: what it prints, how it ends, and what it refuses."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from multiplayer.cli.failures import FAILURE, USAGE
from multiplayer.live.workspace_sync import WorkspaceSync
from multiplayer.protocol.codec import JsonValue
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.workspace_sync import TreeEntry, WorkspaceTree
from tests.cli.shell import Shell
from tests.journeys.house import Ran, multiplayer
from tests.support.followed_folder import files_in
from tests.support.server import running_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


class Follower(Shell):
    """Somebody whose folder `mine` follows the room."""

    async def sync(self, *arguments: str) -> Ran:
        return await multiplayer("sync", "demo", "mine", *arguments, environment=self.environment)

    def write(self, name: str, data: bytes) -> None:
        target = self.here / "mine" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    @property
    def files(self) -> dict[str, bytes]:
        return files_in(self.here / "mine")


@asynccontextmanager
async def shells(folder: Path) -> AsyncIterator[tuple[Follower, Follower]]:
    """Alice and bob, each at a shell, in room `demo`."""
    (folder / "workspaces").mkdir()
    async with running_server(folder / "workspaces") as server:
        alice, bob = await server.know("alice"), await server.know("bob")
        await server.room(alice, bob)
        for known in (alice, bob):
            (folder / known.account.handle).mkdir()
        yield (
            Follower(alice, server.url, folder / "alice"),
            Follower(bob, server.url, folder / "bob"),
        )


async def test_it_prints_a_line_a_path_and_a_summary_and_ends_with_0_when_both_are_equal(tmp_path: Path) -> None:
    async with shells(tmp_path) as (alice, bob):
        alice.write("docs/a.txt", b"one")
        alice.write("b.txt", b"two")
        ran = await alice.sync()
        assert (ran.code, ran.err) == (0, ""), ran
        assert ran.out.splitlines() == [
            "↑ sent b.txt",
            "↑ sent docs/a.txt",
            "mine and #demo: 2 sent; 2 files alike",
        ]
        ran = await bob.sync()
        assert sorted(ran.out.splitlines()[:-1]) == ["↓ fetched b.txt", "↓ fetched docs/a.txt"]
        assert ran.out.splitlines()[-1] == "mine and #demo: 2 fetched; 2 files alike"
        assert bob.files == alice.files
        (bob.here / "mine/b.txt").unlink()
        (bob.here / "mine/link").symlink_to("docs")
        assert (await bob.sync()).out.splitlines() == [
            "✗ removed in the room b.txt",
            "mine and #demo: 1 removed in the room; 1 file alike; 1 link (or special) left alone",
        ]
        ran = await alice.sync("--json")
        assert ran.json == {
            "done": [{"did": "removed_here", "path": "b.txt"}],
            "left_out": [],
            "may_not_change": "",
            "files": 1,
            "links": 0,
            "unsaid": 0,
            "is_equal": True,
            "is_preview": False,
        }
        assert (await alice.sync()).out == "mine and #demo: nothing to do; 1 file alike\n"


async def test_a_dry_run_says_what_would_be_done_and_leaves_no_trace(tmp_path: Path) -> None:
    async with shells(tmp_path) as (alice, bob):
        alice.write("a.txt", b"one")
        ran = await alice.sync("--dry-run")
        assert (ran.code, ran.out.splitlines()) == (
            0,
            ["↑ would be sent a.txt", "mine and #demo: 1 sent; nothing was changed"],
        )
        assert [found.name for found in (alice.here / "mine").iterdir()] == ["a.txt"]
        await alice.sync()
        ran = await bob.sync("--dry-run")
        assert ran.out.splitlines()[0] == "↓ would be fetched a.txt"
        assert not (bob.here / "mine").exists()


async def test_most_files_are_removed_only_when_told_so(tmp_path: Path) -> None:
    async with shells(tmp_path) as (alice, _):
        for number in range(30):
            alice.write(f"{number}", f"{number}".encode())
        await alice.sync()
        for number in range(30):
            (alice.here / "mine" / f"{number}").unlink()
        ran = await alice.sync()
        assert ran.code == FAILURE
        assert ran.err.splitlines() == [
            (
                "multiplayer: 30 of 30 files would be removed in the room, as they are gone in this folder, and of what "
                "both had nothing would be left; nothing was done"
            ),
            "  if that is meant, say --allow-deletes",
        ]
        assert (await alice.sync("--allow-deletes")).code == 0


async def test_a_server_that_does_not_get_ready_is_said_to_be_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_ready(*_arguments: object) -> None:
        # Longer than anybody waits.
        raise Refused(RefusalCode.UNAVAILABLE, "the file store is away: ask again", retry_after_s=600.0)

    async with shells(tmp_path) as (alice, _):
        alice.write("a", b"1")
        for name in ("tree", "change"):
            with monkeypatch.context() as patched:
                patched.setattr(WorkspaceSync, name, not_ready)
                ran = await alice.sync()
            assert (ran.code, ran.err.splitlines()) == (
                FAILURE,
                [
                    "multiplayer: the server did not get ready in time: the file store is away: ask again",
                    "  what was done is remembered: run it again, and it goes on",
                ],
            )
        assert (await alice.sync()).out.splitlines()[0] == "↑ sent a"


async def test_names_from_a_hostile_server_are_said_harmlessly_and_lead_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell = WorkspaceSync.tree
    sha256 = "0" * 64
    evil = ("../x", "/tmp/multiplayer-was-here", "a/../../x", ".multiplayer/sync.sqlite", "\x1b[31m/../x")

    async def lie(
        self: WorkspaceSync, room_id: RoomId, reader_id: AccountId, known: str | None
    ) -> WorkspaceTree | None:
        told = await tell(self, room_id, reader_id, known)
        if told is None:
            return None
        more = tuple(TreeEntry(path=path, sha256=sha256, size=1) for path in evil)
        odd = TreeEntry(path="odd", sha256="../../../x", size=1)
        return told.model_copy(update={"entries": (*told.entries, *more, odd)})

    monkeypatch.setattr(WorkspaceSync, "tree", lie)
    async with shells(tmp_path) as (alice, _):
        alice.write("fine", b"one")
        ran = await alice.sync()
        assert ran.code == FAILURE
        assert alice.files == {"fine": b"one"}
        assert [found.name for found in alice.here.iterdir()] == ["mine"]
        assert not Path("/tmp/multiplayer-was-here").exists()  # noqa: ASYNC240 - a test
        assert len(ran.err.splitlines()) == len(evil) + 1
        assert "\x1b" not in ran.err
        left = cast("list[dict[str, JsonValue]]", json.loads((await alice.sync("--json")).out)["left_out"])
        assert {one["path"] for one in left} == {*evil, "odd"}


async def test_what_cannot_be_meant_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    async with shells(tmp_path) as (alice, _):
        (alice.here / "mine").write_bytes(b"a file")
        ran = await alice.sync()
        assert ran.code == FAILURE
        assert "is not a folder" in ran.err
        ran = await alice.sync("--watch", "--dry-run")
        assert (ran.code, ran.err) == (USAGE, "multiplayer: --watch and --dry-run do not go together\n")
        nobody = {name: text for name, text in alice.environment.items() if name != "MULTIPLAYER_TOKEN"}
        ran = await multiplayer("sync", "demo", "elsewhere", environment=nobody)
        assert (ran.code, "who are you?" in ran.err) == (USAGE, True)
        assert not (alice.here / "elsewhere").exists()
