"""Sends what changed here: the contents that the room lacks, several at once, then the changes that name them."""

import os
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Final

from multiplayer.client.backoff import PASSING, Patience
from multiplayer.client.errors import ConnectionLost
from multiplayer.client.sync.opened_folder import FATAL, OpenedFolder
from multiplayer.client.sync.reconcile import Upload
from multiplayer.client.sync.scanning import Here
from multiplayer.client.sync.stamps import stamp_of
from multiplayer.client.sync.threads import some_at_once, to_end
from multiplayer.client.sync.workspace import SyncedWorkspace
from multiplayer.client.sync.wrongs import PathLeft, PathMoved
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.workspace_sync import MAX_SYNC_CHANGES, PathChange, PathsChanged, WritePath

_PIECE_BYTES: Final = 256 * 1024
_BATCH_BYTES: Final = 256 * 1024 * 1024
"""After so much what was sent is named: it is remembered then, and the room is told."""
RIGHTS: Final = frozenset({RefusalCode.FORBIDDEN, RefusalCode.ARCHIVED})
"""Refusals of all changes, whatever they are."""
_ENDS: Final = PASSING | RIGHTS


@dataclass(frozen=True, slots=True)
class _Content:
    sha256: str
    paths: Sequence[str]
    here: Here


class Changing:
    """Asks for changes, patiently."""

    def __init__(self, workspace: SyncedWorkspace, patience_s: float) -> None:
        self._workspace = workspace
        self._patience_s = patience_s

    async def change(self, changes: Sequence[PathChange]) -> PathsChanged:
        """Asked twice, what was done is `same`."""
        patience = Patience(self._patience_s)
        while True:
            try:
                return _about(changes, await self._workspace.change_paths(changes))
            except (ConnectionLost, Refused) as problem:
                await patience.wait(problem)

    async def missing(self, sha256s: Sequence[str]) -> frozenset[str]:
        patience = Patience(self._patience_s)
        while True:
            try:
                return frozenset(await self._workspace.missing_contents(sha256s))
            except (ConnectionLost, Refused) as problem:
                await patience.wait(problem)


class Uploads:
    """One pass's. `run` it once."""

    def __init__(
        self,
        workspace: SyncedWorkspace,
        folder: OpenedFolder,
        changing: Changing,
        *,
        patience_s: float,
        at_once: int,
        moving: Callable[[int, int], None],
        changed: Callable[[Sequence[Upload], PathsChanged], None],
        failed: Callable[[str, PathLeft | PathMoved], None],
    ) -> None:
        """`changed` is told the outcomes of each batch, in its order."""
        self._workspace = workspace
        self._folder = folder
        self._changing = changing
        self._patience_s = patience_s
        self._at_once = at_once
        self._moving = moving
        self._changed = changed
        self._failed = failed
        self._bytes = 0
        self._total = 0
        self._moved: dict[str, int] = {}
        self._lost: set[str] = set()

    async def run(self, uploads: Sequence[Upload], here: Mapping[str, Here]) -> None:
        """Send all. What goes wrong with one path is told to `failed`. Raises what ends them all."""
        places: dict[str, list[str]] = {}
        for path, found in here.items():
            places.setdefault(found.sha256, []).append(path)
        self._total = sum(here[upload.path].stamp.size for upload in uploads)
        self._moving(0, self._total)
        for batch in _batches(uploads, here):
            await self._send_missing(batch, places, here)
            left = [upload for upload in batch if upload.version.sha256 not in self._lost]
            if left:
                changes: list[PathChange] = [_as_change(upload) for upload in left]
                self._changed(left, await self._changing.change(changes))

    async def _send_missing(
        self, batch: Sequence[Upload], places: Mapping[str, Sequence[str]], here: Mapping[str, Here]
    ) -> None:
        wanted = list(dict.fromkeys(upload.version.sha256 for upload in batch))
        missing = await self._changing.missing(wanted)
        at_hand = sum(here[upload.path].stamp.size for upload in batch if upload.version.sha256 not in missing)
        self._move(at_hand)
        contents = []
        for sha256 in wanted:
            if sha256 not in missing:
                continue
            if sha256 in places:
                contents.append(_Content(sha256, places[sha256], here[places[sha256][0]]))
            else:
                self._lose(batch, sha256, PathMoved(sha256))
        await some_at_once(partial(self._send, batch), contents, self._at_once)

    def _lose(self, batch: Sequence[Upload], sha256: str, problem: PathLeft | PathMoved) -> None:
        self._lost.add(sha256)
        for upload in batch:
            if upload.version.sha256 == sha256:
                self._failed(upload.path, problem)

    async def _send(self, batch: Sequence[Upload], content: _Content) -> None:
        patience = Patience(self._patience_s)
        size = content.here.stamp.size
        while True:
            try:
                async with aclosing(self._pieces(content)) as pieces:
                    await self._workspace.put_content(content.sha256, size, pieces)
            except (PathLeft, PathMoved) as problem:
                self._lose(batch, content.sha256, problem)
                return
            except (ConnectionLost, Refused) as problem:
                self._move(-self._moved.pop(content.sha256, 0))
                if isinstance(problem, Refused) and problem.code not in _ENDS:
                    self._lose(batch, content.sha256, PathLeft(problem.message))
                    return
                await patience.wait(problem)
            else:
                return

    async def _pieces(self, content: _Content) -> AsyncGenerator[bytes, None]:
        """Give a file that is here; the last of it only if it is still what was read before."""
        try:
            descriptor = await to_end(partial(self._folder.open_file, content.paths[0]))
        except OSError as error:
            raise _problem(content.paths[0], error) from None
        try:
            size = content.here.stamp.size
            at = 0
            while at < size:
                piece = await to_end(partial(os.pread, descriptor, min(_PIECE_BYTES, size - at), at))
                at += len(piece)
                is_over = at >= size or not piece
                if is_over and stamp_of(os.fstat(descriptor)) != content.here.stamp:
                    raise PathMoved(content.paths[0])
                yield piece
                self._moved[content.sha256] = at
                self._move(len(piece))
        finally:
            os.close(descriptor)

    def _move(self, more: int) -> None:
        self._bytes += more
        self._moving(min(self._bytes, self._total), self._total)


def _about(changes: Sequence[PathChange], changed: PathsChanged) -> PathsChanged:
    if [outcome.path for outcome in changed.outcomes] != [change.path for change in changes]:
        raise ConnectionLost("the server's answer cannot be understood: it is about other paths")
    return changed


def _problem(path: str, error: OSError) -> PathLeft | PathMoved | OSError:
    if isinstance(error, FileNotFoundError):
        return PathMoved(path)
    return error if error.errno in FATAL else PathLeft(error.strerror or "it cannot be read")


def _as_change(upload: Upload) -> WritePath:
    version = upload.version
    return WritePath(
        path=upload.path, sha256=version.sha256, is_executable=version.is_executable, expected=upload.expected
    )


def _batches(uploads: Sequence[Upload], here: Mapping[str, Here]) -> Iterator[Sequence[Upload]]:
    batch: list[Upload] = []
    size = 0
    for upload in uploads:
        batch.append(upload)
        size += here[upload.path].stamp.size
        if len(batch) >= MAX_SYNC_CHANGES or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
