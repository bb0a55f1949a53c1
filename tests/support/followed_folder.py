"""A folder on this machine that follows a workspace, as tests write to it and look into it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from multiplayer.client.sync.engine import Sync
from multiplayer.client.sync.ledger import Ledger, opened_ledger
from multiplayer.client.sync.names import OWN_FOLDER
from multiplayer.client.sync.opened_folder import OpenedFolder, open_folder
from multiplayer.client.sync.telling import Result, Told
from multiplayer.client.sync.workspace import SyncedWorkspace

NOON = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)


@dataclass
class Followed:
    path: Path
    folder: OpenedFolder
    ledger: Ledger
    sync: Sync
    results: list[Result] = field(default_factory=list)

    def write(self, name: str, data: bytes | str, *, is_executable: bool = False) -> None:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data.encode() if isinstance(data, str) else data)
        target.chmod(0o755 if is_executable else 0o644)

    def files(self) -> dict[str, bytes]:
        return files_in(self.path)

    async def settle(self, *, allows_removals: bool = False) -> Result:
        result = await self.sync.settle(allows_removals=allows_removals)
        self.results.append(result)
        return result


def files_in(path: Path) -> dict[str, bytes]:
    """All files below a folder but those in which it keeps what it remembers; links are not followed."""
    return {
        str(found.relative_to(path)): found.read_bytes()
        for found in path.rglob("*")
        if found.is_file() and not found.is_symlink() and OWN_FOLDER not in found.relative_to(path).parts
    }


@contextmanager
def following(
    path: Path, workspace: SyncedWorkspace, *, handle: str = "alice", patience_s: float = 5.0, told: Told | None = None
) -> Iterator[Followed]:
    folder = open_folder(path)
    try:
        with opened_ledger(folder) as ledger:
            ledger.bind("http://127.0.0.1:1", "ROOM")
            sync = Sync(workspace, folder, ledger, handle=handle, now=lambda: NOON, told=told, patience_s=patience_s)
            yield Followed(path, folder, ledger, sync)
    finally:
        folder.close()
