"""Files of messages by the command line and in the chat, at a real server: sent, taken up again, listed, fetched."""

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from multiplayer.blobs.local import LocalBlobs
from multiplayer.blobs.port import BlobKey, Stored
from multiplayer.cli.failures import FAILURE, USAGE
from multiplayer.cli.file_names import MOST_BYTES, path_and_words, place_for, safe_name
from multiplayer.client import RefusalCode
from multiplayer.live.uploads import FileLimits
from multiplayer.protocol.codec import JsonValue
from multiplayer.tools.extraction.extraction import Extractor
from tests.cli.shell import Shell
from tests.cli.typist import refused, typing
from tests.support.server import running_server

KIB = 1024
DATA = os.urandom(100 * KIB)  # four parts
EVIL = "../\x1b[31m\u202egnp.exe"
Object = dict[str, JsonValue]


class Slow(LocalBlobs):
    """A folder that takes the third part of an upload only when it is told to."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.has_third = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.parts: list[str] = []

    @override
    async def put(self, key: BlobKey, pieces: object, size: int | None = None) -> Stored:
        if key.endswith("/00003"):
            self.has_third.set()
            await self.may_go_on.wait()
        if key.startswith("incoming/"):
            self.parts.append(key[-1])
        return await super().put(key, pieces, size)  # type: ignore[arg-type]  # passed on


@asynccontextmanager
async def shells(
    folder: Path, blobs: Slow | None = None, extractor: Extractor | None = None
) -> AsyncIterator[tuple[Shell, Shell]]:
    limits = FileLimits(part=32 * KIB)
    async with running_server(folder / "w", blobs=blobs, file_limits=limits, extractor=extractor) as server:
        alice, bob = await server.know("alice"), await server.know("bob")
        await server.room(alice, bob)
        made = []
        for known in (alice, bob):
            here = folder / known.account.handle
            here.mkdir()
            made.append(Shell(known, server.url, here))
        yield made[0], made[1]


@pytest.mark.slow
async def test_files_are_attached_listed_and_fetched_by_somebody_else(tmp_path: Path) -> None:
    async with shells(tmp_path, extractor=Extractor()) as (alice, bob):
        sent = await alice.read(
            "attach", "demo", alice.file("data.bin", DATA), alice.file("a.txt", b"hi \x1b[31m\n"), "--text", "look"
        )
        ids = [str(one["id"]) for one in cast("list[Object]", sent["attachments"])]
        shown = await alice.run("attach", "demo", "a.txt", "--reply-to", str(sent["message_id"]))
        assert (shown.code, shown.err) == (0, "")
        message, titles, row = shown.out.splitlines()
        assert message.startswith("message ")
        assert (titles.split(), row.split()[1:3]) == (["FILE", "NAME", "SIZE", "TYPE"], ["a.txt", "9"])

        listed = await bob.run("attachments", "demo")
        assert [line.split()[1] for line in listed.out.splitlines()] == ["NAME", "a.txt", "data.bin", "a.txt"]
        assert "@alice" in listed.out
        page = await bob.read("attachments", "demo", "--limit", "1")
        assert page["next_before"] is not None

        got = await bob.run("download", ids[0])
        assert (got.code, got.out) == (0, "data.bin (102.4 kB, checksum right)\n")
        assert (bob.here / "data.bin").read_bytes() == DATA
        again = await bob.run("download", ids[0])
        assert (again.code, again.err.splitlines()) == (
            FAILURE,
            ["multiplayer: data.bin is there already", "  --force writes over it, -o PATH puts it elsewhere"],
        )
        (bob.here / "data.bin").write_bytes(b"")
        assert (await bob.run("download", ids[0], "--force")).code == 0
        assert (bob.here / "data.bin").read_bytes() == DATA
        (bob.here / "in").mkdir()
        assert (await bob.read("download", ids[0], "-o", "in"))["path"] == "in/data.bin"
        text = await bob.run("download", ids[1], "--text")
        assert (text.code, text.out.strip()[:2]) == (0, "hi")
        assert (await bob.run("download", ids[1], "--text", "-o", "found.txt")).code == 0
        assert (bob.here / "found.txt").read_text().startswith("hi")


@pytest.mark.slow
async def test_a_name_that_a_shell_would_act_on_is_just_a_name(tmp_path: Path) -> None:
    async with shells(tmp_path) as (alice, bob):
        await alice.read("attach", "demo", alice.file("x;y $(z).txt", b"one"))
        listed = await bob.read("attachments", "demo")
        [one] = cast("list[Object]", listed["files"])
        file_id = str(cast("Object", one["attachment"])["id"])
        assert (await bob.run("download", file_id)).out.startswith("x;y $(z).txt (3 bytes")
        assert sorted(path.name for path in bob.here.iterdir()) == ["x;y $(z).txt"]


@pytest.mark.slow
async def test_ctrl_c_leaves_an_upload_that_the_command_it_names_goes_on_with(tmp_path: Path) -> None:
    blobs = Slow(tmp_path / "blobs")
    async with shells(tmp_path, blobs=blobs) as (alice, _):
        alice.file("it's data.bin", DATA)
        alice.file("first.txt", b"first")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "multiplayer", "attach", "demo", "first.txt", "it's data.bin", "--text", "see"),
            env=dict(alice.environment),
            cwd=alice.here,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(60):
                await blobs.has_third.wait()
                process.send_signal(signal.SIGINT)
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert (process.returncode, out) == (130, b"")
        said = err.decode().splitlines()
        assert said[0] == "what was sent is kept for a day; go on with:"
        command = shlex.split(said[1])
        assert command[:2] == ["multiplayer", "attach"]
        assert command.count("--resume") == 2
        assert blobs.parts == ["1", "1", "2"]
        blobs.may_go_on.set()
        sent = await alice.read(*command[1:])
        assert [one["name"] for one in cast("list[Object]", sent["attachments"])] == ["first.txt", "it's data.bin"]
        assert blobs.parts.count("2") == 1, "what had come is not sent again"


@pytest.mark.slow
async def test_what_is_typed_wrong_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    async with shells(tmp_path) as (alice, _):
        alice.file("a.txt", b"a")
        for arguments, code, says in (
            (("attach", "demo", "nowhere.txt"), USAGE, "there is no file nowhere.txt"),
            (("attach", "demo", *["a.txt"] * 11), USAGE, "a message has at most 10 files"),
            (("attach", "demo", "a.txt", "--resume", "A", "--resume", "B"), USAGE, "more uploads are to be taken up"),
            (("attach", "demo", "a.txt", "--resume", "../x"), USAGE, "there is no upload '../x'"),
            (("attach", "demo", "a.txt", "--resume", "0" * 26), FAILURE, "there is no such upload of yours"),
            (("attach", "demo", "a.txt", "."), USAGE, ". is a folder"),
            (("attach", "demo", "/dev/null"), USAGE, "/dev/null is not a regular file"),
            (("download", "../a"), USAGE, "there is no file '../a'"),
            (("download", "0" * 26), FAILURE, "there is no such file"),
            (("download", "0" * 26, "--url", "ftp://x"), USAGE, "the server's address begins with"),
        ):
            ran = await alice.run(*arguments)
            assert (ran.code, ran.out) == (code, ""), ran
            assert f"multiplayer: {says}" in ran.err, ran
        assert (await alice.run("attachments", "demo")).out == "no file is attached to any message\n"
        assert "multiplayer attach" in " ".join((await alice.run("files", "--help")).out.split())


@pytest.mark.slow
async def test_in_a_chat_files_are_attached_listed_saved_and_taken_off(tmp_path: Path) -> None:
    async with typing(tmp_path / "w") as (alice, bob, _):
        path = tmp_path / "my notes.txt"
        path.write_bytes(DATA)
        await alice.type(f'/attach "{path}" have a look')
        await bob.catches_up()
        message = list(bob.room.view.messages.values())[-1]
        assert (message.text, [one.name for one in message.attachments]) == ("have a look", ["my notes.txt"])
        assert (await refused(bob, "/save 1")).message == "/attachments numbers the files first"
        [line] = await bob.type("/attachments")
        assert line.startswith("1. my notes.txt · 102.4 kB · alice · ")
        got = tmp_path / "got.bin"
        [saved] = await bob.type(f"/save 1 {got}")
        assert (saved, got.read_bytes()) == (f"saved as {got} (102.4 kB)", DATA)
        assert "is there already" in (await refused(bob, f"/save {line.split()[-1].lower()} {got}")).message
        assert (await refused(bob, "/save 2")).message == "files are numbered 1 to 1"
        assert (await refused(bob, "/save none")).message == "no message here has a file none"
        assert (await refused(bob, "/unattach 1")).code is RefusalCode.FORBIDDEN
        await alice.type(f"/unattach {line.split()[-1]}")
        assert await alice.type("/attachments") == ["no file is attached here"]
        assert "No such file" in (await refused(alice, "/attach nowhere.txt")).message
        assert (await refused(alice, "/attach")).code is RefusalCode.MALFORMED


@given(st.one_of(st.text(), st.text("./\\-~ \x1b\u202e\0a", max_size=12)))
def test_a_safe_name_is_one_visible_name_of_this_folder(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert safe[0] not in ".-~ "
    assert not set(safe) & set("/\\\0\x1b\u202e\n")
    assert len(safe.encode()) <= MOST_BYTES
    assert safe_name(safe) == safe


def test_names_keep_their_endings_and_show_what_they_hide(tmp_path: Path) -> None:
    assert safe_name(EVIL) == "_x1b[31m_u202egnp.exe"
    assert safe_name("C:\\Users\\me\\plan.pdf") == "plan.pdf"
    assert safe_name("..") == safe_name("") == safe_name("/") == "file"
    assert safe_name(".bashrc") == "_bashrc"
    assert safe_name("照片 1.png") == "照片 1.png"
    long = safe_name("ä" * 255 + ".png")
    assert (long.endswith(".png"), len(long.encode())) == (True, MOST_BYTES)
    assert place_for(None, "../a") == Path("a")
    assert place_for(tmp_path, "../a") == tmp_path / "a"
    assert place_for(tmp_path / "b", "../a") == tmp_path / "b"
    assert place_for(f"{tmp_path}/new/er/", "../a") == tmp_path / "new" / "er" / "a"
    with pytest.raises(FileNotFoundError, match="there is no such folder"):
        place_for(tmp_path / "nowhere" / "b", "a")


@pytest.mark.parametrize(
    ("line", "path", "words"),
    [
        ("a.txt", "a.txt", ""),
        ("a.txt don't lose it", "a.txt", "don't lose it"),
        ('"my notes.txt" here', "my notes.txt", "here"),
        (r"my\ notes.txt  here ", "my notes.txt", "here"),
        ("it's.txt here", "it's.txt", "here"),
        ("'open", "'open", ""),
    ],
)
def test_a_typed_path_ends_where_a_shell_would_end_it(line: str, path: str, words: str) -> None:
    assert path_and_words(line) == (Path(path), words)
