"""A command that is talked to, and folders of the host that the operator shows to it."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from multiplayer.tools.limits import KIB, Limits
from multiplayer.tools.sandbox.sandbox import Exit, Pipes, Sandbox, SandboxFailed, StoppedBy
from multiplayer.tools.workspace import Workspace, Workspaces
from tests.support.sandboxes import OWN_NUMBER, QUICK, open_folder
from tests.support.tool_calls import fresh_workspace, strict_sandbox

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
async def machine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Sandbox, Workspaces]]:
    async with strict_sandbox(tmp_path_factory.mktemp("pipes")) as made:
        yield made


@pytest.fixture
def workspace(machine: tuple[Sandbox, Workspaces]) -> Iterator[Workspace]:
    with fresh_workspace(machine[1], OWN_NUMBER) as opened:
        yield opened


class Talk:
    """Both ends of a conversation with a command."""

    def __init__(self) -> None:
        self.read, self.write = os.pipe()
        self.out = bytearray()
        self.err = bytearray()
        self.has_answered = asyncio.Event()

    async def hear(self, data: bytes) -> None:
        self.out.extend(data)
        self.has_answered.set()

    async def hear_error(self, data: bytes) -> None:
        self.err.extend(data)

    @property
    def pipes(self) -> Pipes:
        return Pipes(self.read, self.hear_error)

    def close(self) -> None:
        os.close(self.read)


async def test_a_command_answers_what_it_is_told_and_ends_with_its_input(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    talk = Talk()
    code = 'while read -r line; do echo "got $line"; echo "note $line" >&2; done; echo bye'
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(machine[0].run(workspace, code, "", QUICK, talk.hear, pipes=talk.pipes))
        os.write(talk.write, b"one\n")
        await talk.has_answered.wait()
        assert (bytes(talk.out), running.done()) == (b"got one\n", False)
        os.write(talk.write, b"two\n")
        os.close(talk.write)
        assert await running == Exit(0)
    talk.close()
    assert (bytes(talk.out), bytes(talk.err)) == (b"got one\ngot two\nbye\n", b"note one\nnote two\n")


async def test_output_and_errors_together_are_limited(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace
) -> None:
    talk = Talk()
    code = "head -c 200000 /dev/zero; head -c 200000 /dev/zero >&2; sleep 30"
    limits = Limits(wall_s=20.0, output_bytes=300 * KIB)
    exit_ = await machine[0].run(workspace, code, "", limits, talk.hear, pipes=talk.pipes)
    os.close(talk.write)
    talk.close()
    assert exit_ == Exit(None, StoppedBy.OUTPUT)
    assert len(talk.out) + len(talk.err) == 300 * KIB


@pytest.mark.parametrize("is_closed", [False, True])
async def test_a_shown_folder_can_be_read_at_its_own_path_and_not_written(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace, tmp_path: Path, is_closed: bool
) -> None:
    # pytest's folder is closed to the room's uid: then root must mount it before it is dropped.
    with open_folder() as folder:
        shown = [(tmp_path if is_closed else folder) / name for name in ("server", "data")]
        for each in shown:
            each.mkdir()
            (each / "f").write_text(each.name)
            # Plain permissions are not to be what stops it.
            each.chmod(0o777)
            (each / "f").chmod(0o666)
        said = bytearray()

        async def hear(data: bytes) -> None:
            said.extend(data)

        code = f"cat {shown[0]}/f {shown[1]}/f; ls -A {shown[0].parent}; echo x 2>/dev/null >{shown[0]}/f || echo refused; touch {shown[1]}/g || echo no"
        exit_ = await machine[0].run(workspace, code, "", QUICK, hear, read_only=shown)
    assert exit_ == Exit(0)
    lines = said.decode().splitlines()
    assert (lines[:3], lines[-1]) == (["serverdatadata", "server", "refused"], "no")
    assert "Read-only file system" in lines[-2]


async def test_folders_that_must_not_be_shown_are_refused(
    machine: tuple[Sandbox, Workspaces], workspace: Workspace, tmp_path: Path
) -> None:
    sandbox, workspaces = machine
    link = tmp_path / "link"
    link.symlink_to(workspaces.root)
    (tmp_path / "file").touch()
    for folder, why in (
        (Path("/"), "name a folder below it"),
        (Path("/var"), "name a folder below it"),
        (Path("/run/user"), "no folder|the system's own"),
        (Path("/proc/1"), "the system's own"),
        (Path("relative"), "no absolute path"),
        (tmp_path / "none", "no folder"),
        (tmp_path / "file", "no folder"),
        (workspaces.root, "the server's own"),
        (workspaces.root.parent, "the server's own"),
        (link, "the server's own"),
    ):
        with pytest.raises(SandboxFailed, match=why):
            await sandbox.run(workspace, "touch ran", "", QUICK, _nobody, read_only=[folder])
    assert os.listdir(workspace.fd) == []  # noqa: PTH208 - pathlib has no listing by descriptor


async def _nobody(_: bytes) -> None: ...
