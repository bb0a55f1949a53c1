"""A room's workspace in memory, as a folder that follows it sees it: decides changes as the protocol says."""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from multiplayer.client.errors import ConnectionLost
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.reports_workspace import WorkspaceChange
from multiplayer.protocol.workspace_sync import (
    MAX_ASKED_CONTENTS,
    MAX_SYNC_CHANGES,
    PathChange,
    PathOutcome,
    PathsChanged,
    RemovePath,
    TreeEntry,
    WorkspaceTree,
    WritePath,
)


@lru_cache(100_000)
def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class MemoryWorkspace:
    """`files` may be changed at any time, as others in the room do."""

    files: dict[str, bytes] = field(default_factory=dict)
    executables: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    unsaid: set[str] = field(default_factory=set)
    """Paths at which something stands that the tree cannot say."""
    sent: dict[str, bytes] = field(default_factory=dict)
    extra: list[TreeEntry] = field(default_factory=list)
    """What a hostile server says beside."""
    refuses: dict[str, str] = field(default_factory=dict)
    may_change: bool = True
    piece_bytes: int = 64 * 1024
    breaks: int = 0
    """So many of the next fetches and sends break off."""
    calls: list[str] = field(default_factory=list)
    fetched_from: list[int] = field(default_factory=list)
    before_change: Callable[[], None] | None = None
    """Is called once, right before a change is decided."""
    before_fetch: Callable[[], None] | None = None

    async def workspace_tree(self, known: str | None = None) -> WorkspaceTree | None:
        await asyncio.sleep(0)
        tree = self._tree()
        self.calls.append("same tree" if tree == known else "tree")
        if tree == known:
            return None
        entries = [
            TreeEntry(path=path, sha256=sha256_of(data), size=len(data), is_executable=path in self.executables)
            for path, data in sorted(self.files.items())
        ]
        links = [TreeEntry(path=path, kind="link") for path in sorted(self.links)]
        return WorkspaceTree(tree=tree, entries=(*entries, *links, *self.extra), left_out=len(self.unsaid))

    async def missing_contents(self, sha256s: Sequence[str]) -> Sequence[str]:
        await asyncio.sleep(0)
        self._check_right()
        assert len(sha256s) <= MAX_ASKED_CONTENTS
        return [sha256 for sha256 in sha256s if self._content(sha256) is None]

    async def put_content(self, sha256: str, size: int, pieces: AsyncIterable[bytes]) -> None:
        self._check_right()
        self.calls.append("put")
        got = b""
        async for piece in pieces:
            got += piece
            if self._breaks_now():
                raise ConnectionLost("broken off")
        if len(got) != size or sha256_of(got) != sha256:
            raise Refused(RefusalCode.MALFORMED, "another content came than was said")
        self.sent[sha256] = got

    async def fetch_content(self, sha256: str, start: int = 0) -> AsyncGenerator[bytes, None]:
        self.calls.append("fetch")
        self.fetched_from.append(start)
        if self.before_fetch is not None:
            act, self.before_fetch = self.before_fetch, None
            act()
        data = self._content(sha256)
        if data is None:
            raise Refused(RefusalCode.NOT_FOUND, "there is no such content")
        for at in range(start, len(data), self.piece_bytes):
            await asyncio.sleep(0)
            yield data[at : at + self.piece_bytes]
            if self._breaks_now():
                raise ConnectionLost("broken off")

    async def change_paths(self, changes: Sequence[PathChange]) -> PathsChanged:
        await asyncio.sleep(0)
        self._check_right()
        assert 1 <= len(changes) <= MAX_SYNC_CHANGES
        self.calls.append(f"change {len(changes)}")
        if self.before_change is not None:
            act, self.before_change = self.before_change, None
            act()
        before = self._tree()
        outcomes = tuple(self._decide(change) for change in changes)
        after = self._tree()
        change = WorkspaceChange(seq=1, before=before, after=after) if before != after else WorkspaceChange()
        return PathsChanged(outcomes=outcomes, change=change, tree=after)

    def _decide(self, change: PathChange) -> PathOutcome:
        path = change.path
        if path in self.refuses:
            return PathOutcome(path=path, state="refused", reason=self.refuses[path])
        stands = self.files.get(path)
        conflict = PathOutcome(path=path, state="conflict", sha256=sha256_of(stands) if stands is not None else "")
        names = {*self.files, *self.links, *self.unsaid}
        if path in self.links | self.unsaid or any(name.startswith(f"{path}/") for name in names):
            return conflict
        if any(path.startswith(f"{name}/") for name in names):
            return conflict
        match change:
            case RemovePath():
                if stands is None:
                    return PathOutcome(path=path, state="same")
                if sha256_of(stands) != change.expected:
                    return conflict
                self.sent[change.expected] = self.files.pop(path)
                self.executables.discard(path)
                return PathOutcome(path=path, state="done")
            case WritePath():
                return self._write(change, stands, conflict)

    def _write(self, change: WritePath, stands: bytes | None, conflict: PathOutcome) -> PathOutcome:
        path = change.path
        is_same = stands is not None and sha256_of(stands) == change.sha256
        if is_same and (path in self.executables) == change.is_executable:
            return PathOutcome(path=path, state="same")
        if (sha256_of(stands) if stands is not None else None) != change.expected:
            return conflict
        data = self._content(change.sha256)
        if data is None:
            return PathOutcome(path=path, state="missing")
        self.files[path] = data
        self.executables.discard(path)
        if change.is_executable:
            self.executables.add(path)
        return PathOutcome(path=path, state="done", sha256=change.sha256)

    def _content(self, sha256: str) -> bytes | None:
        if sha256 in self.sent:
            return self.sent[sha256]
        return next((data for data in self.files.values() if sha256_of(data) == sha256), None)

    def _check_right(self) -> None:
        if not self.may_change:
            raise Refused(RefusalCode.FORBIDDEN, "guests may not change workspace files by hand")

    def _breaks_now(self) -> bool:
        self.breaks -= 1
        return self.breaks >= 0

    def _tree(self) -> str:
        said = (
            {path: sha256_of(data) for path, data in self.files.items()},
            sorted(self.executables),
            sorted(self.links),
            sorted(self.unsaid),
            [entry.model_dump() for entry in self.extra],
        )
        return sha256_of(json.dumps(said, sort_keys=True).encode())
