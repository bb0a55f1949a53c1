"""What a sync needs of a room: five methods, which `Room` has."""

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from typing import Protocol

from multiplayer.protocol.workspace_sync import PathChange, PathsChanged, WorkspaceTree


class SyncedWorkspace(Protocol):
    """Each raises `Refused`, `NotSignedIn` or `ConnectionLost`; nothing is tried twice."""

    async def workspace_tree(self, known: str | None = None) -> WorkspaceTree | None:
        """Return all files; None if they are still those of the tree `known`."""

    async def missing_contents(self, sha256s: Sequence[str]) -> Sequence[str]:
        """Return those that have to be sent before a change can name them."""

    async def put_content(self, sha256: str, size: int, pieces: AsyncIterable[bytes]) -> object:
        """Send a content. What `pieces` raises comes out as it is."""

    def fetch_content(self, sha256: str, start: int = 0) -> AsyncGenerator[bytes, None]:
        """Give a content from byte `start` on, which lies before its end. May break off with `ConnectionLost`."""

    async def change_paths(self, changes: Sequence[PathChange]) -> PathsChanged:
        """Change up to 1,000 paths, each decided by itself."""
