"""Where hostile file calls are made: a workspace beside a folder with a secret, what is planted in it, and the verdict."""

import os
import secrets
import socket
import stat
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from pydantic import JsonValue
from typing_extensions import override

from multiplayer.rooms.tool_policy import NeedsApproval
from multiplayer.tools.limits import Limits
from multiplayer.tools.open_gate import OpenGate
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.registry import BoundCall, ToolCallContext
from multiplayer.tools.workspace import Workspace, Workspaces
from tests.redteam.file_attacks import Naive, Plant

LEVELS_AT_ONCE = 10


class RefusingGate(OpenGate):
    """Nobody approves anything."""

    @override
    async def approve(self, call: BoundCall, needs: NeedsApproval) -> None:
        raise ToolRefused(ToolFault.NOT_APPROVED, needs.reason)


@dataclass
class Ground:
    """`base` holds the workspace `ws`, a sibling of like name, and the folder `outside`; both of these have a secret."""

    base: Path
    workspace: Workspace
    secret: str = field(default_factory=lambda: f"canary-{secrets.token_hex(12)}")

    @property
    def folder(self) -> Path:
        return self.base / "ws"

    @property
    def outside(self) -> Path:
        return self.base / "outside"

    def prepare(self) -> None:
        """Place the secrets outside and the harmless files inside."""
        for name in ("outside", "ws-evil"):
            (self.base / name).mkdir()
            (self.base / name / "secret").write_text(self.secret)
        (self.folder / "sub").mkdir()
        (self.folder / "plain.txt").write_text("nothing special\n")
        (self.folder / "sub" / "file").write_text("inside\n")

    def context(self, gate: OpenGate, limits: Limits | None = None) -> ToolCallContext:
        async def emit(text: str) -> None:
            raise AssertionError(f"file tools print nothing: {text}")

        return ToolCallContext(self.workspace, gate, emit, "call", limits or Limits())

    def filled(self, text: str) -> str:
        return text.replace("{outside}", str(self.outside))

    def plant(self, plant: Plant) -> None:
        """Place what is hostile, and see that it is there. Raises `PermissionError` where this user may not."""
        path = self.folder / plant.path
        path.parent.mkdir(parents=True, exist_ok=True)
        match plant.kind:
            case "file":
                path.write_bytes(plant.value.encode())
                assert path.is_file()
            case "folder":
                path.mkdir()
                assert path.is_dir()
            case "link":
                path.symlink_to(self.filled(plant.value))
                assert path.is_symlink()
            case "hard":
                path.hardlink_to(self.outside / "secret")
                assert path.stat().st_nlink > 1
                assert path.read_text() == self.secret, "a careless opening reads it"
            case "fifo":
                os.mkfifo(path)
                assert stat.S_ISFIFO(path.lstat().st_mode)
            case "socket":
                with socket.socket(socket.AF_UNIX) as unix:
                    unix.bind(f"/proc/self/fd/{self.workspace.fd}/{plant.path}")
                assert stat.S_ISSOCK(path.lstat().st_mode)
            case "device":
                os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 5))  # endless zeros
                assert path.is_char_device()
            case "sparse":
                with path.open("wb") as file:
                    file.truncate(int(plant.value))
                assert path.stat().st_size == int(plant.value)
            case "many":
                path.mkdir()
                for number in range(int(plant.value)):
                    (path / str(number)).touch()
                assert len(list(path.iterdir())) == int(plant.value)
            case "deep":
                self._dig(path, int(plant.value))

    def _dig(self, path: Path, levels: int) -> None:
        path.mkdir()
        at = os.open(path, os.O_RDONLY)
        for _ in range(levels):
            os.mkdir("deeper", dir_fd=at)
            below = os.open("deeper", os.O_RDONLY | os.O_DIRECTORY, dir_fd=at)
            os.close(at)
            at = below
        os.close(os.open("bottom", os.O_CREAT | os.O_WRONLY, dir_fd=at))
        os.close(at)

    def read_carelessly(self, path: str, how: Naive) -> str:
        """What someone reads who joins the path to the folder and opens it."""
        path = self.filled(path)
        match how:
            case "unquoted":
                path = unquote(path)
            case "folded":
                path = unicodedata.normalize("NFKC", path)
            case "backslashes":
                path = path.replace("\\", "/")
            case "cut at NUL":
                path = path.split("\0")[0]
            case _:
                pass
        return Path(os.path.join(self.folder, path)).read_text()  # noqa: PTH118 - an absolute path must win, as it does

    def outside_now(self) -> Mapping[str, tuple[object, ...]]:
        """All that no file call may change, or add to: everything below `base` but the workspace."""
        beside = [path for path in self.base.iterdir() if path != self.folder]
        below = [path for folder in beside for path in folder.rglob("*")]
        return {str(path.relative_to(self.base)): _looks(path) for path in sorted((*beside, *below))}

    def inside_now(self) -> Mapping[str, tuple[object, ...]]:
        """All that a refused call may not change. Of a deep tree only the top."""
        return dict(_inside(self.folder))

    def temporaries(self) -> list[str]:
        return [name for name in self.inside_now() if name.endswith(".tmp")]


def _inside(folder: Path) -> Iterator[tuple[str, tuple[object, ...]]]:
    for at, folders, files in os.walk(folder):
        if at.count("/deeper") >= LEVELS_AT_ONCE:
            folders.clear()
        for name in (*folders, *files):
            yield os.path.join(at, name), _looks(Path(at) / name)  # noqa: PTH118 - as walk gives it


def _looks(path: Path) -> tuple[object, ...]:
    seen = path.lstat()
    content = path.read_bytes() if stat.S_ISREG(seen.st_mode) and seen.st_size < 10**6 else b""
    return (stat.S_IFMT(seen.st_mode), stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid, content)


def problems_of(text: str, secret: str) -> list[str]:
    """What a result must never have in it."""
    found = ["the secret"] if secret[:14] in text else []
    bad = {character for character in text if unicodedata.category(character) in {"Cc", "Cf", "Cs"}} - {"\n", "\t"}
    return [*found, *(f"a character {character!r}" for character in sorted(bad))]


@contextmanager
def ground(parent: Path) -> Iterator[Ground]:
    """A ground of its own in `parent`, prepared."""
    (parent / "ws").mkdir()
    with Workspaces(parent).borrow(parent / "ws") as workspace:
        made = Ground(parent, workspace)
        made.prepare()
        yield made


def arguments_of(made: Ground, arguments: Mapping[str, JsonValue] | str) -> Mapping[str, JsonValue] | str:
    if isinstance(arguments, str):
        return arguments
    return {key: made.filled(value) if isinstance(value, str) else value for key, value in arguments.items()}
