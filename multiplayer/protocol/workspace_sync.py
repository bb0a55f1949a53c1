"""A workspace as a folder elsewhere follows it: all of its files by their checksums, and changes of many at once."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from multiplayer.protocol.reports_workspace import WorkspaceChange
from multiplayer.protocol.tools import Sha256
from multiplayer.protocol.values import Frozen, Sparse

MAX_SYNC_CHANGES = 1_000
"""Paths that one request changes."""
MAX_ASKED_CONTENTS = 2_000
SyncPath = Annotated[str, StringConstraints(min_length=1, max_length=4_096)]


class TreeEntry(Frozen):
    """One path. Folders are not named: they are there for what is in them.

    `kind`: `file`, or `link` (a symbolic link, which no sync follows or makes). Of a link `sha256` and `size` are empty.
    """

    path: SyncPath
    kind: Literal["file", "link"] = "file"
    sha256: Sparse[str] = ""
    size: Sparse[int] = 0
    is_executable: Sparse[bool] = False


class WorkspaceTree(Frozen):
    """All files of a workspace, by path, as they were at one moment.

    `tree` names that moment (and is the ETag). `left_out`: how many names cannot be said here (not UTF-8), are special
    files, or could not be read; what is at or below them is unknown, not gone.
    """

    tree: Sha256
    entries: tuple[TreeEntry, ...] = ()
    left_out: Sparse[int] = 0


class AskContents(Frozen):
    sha256s: Annotated[tuple[Sha256, ...], Field(max_length=MAX_ASKED_CONTENTS)]


class MissingContents(Frozen):
    """Those of the contents asked for that have to be sent before a change can name them."""

    sha256s: tuple[Sha256, ...] = ()


class ContentTaken(Frozen):
    """A content that was sent. It waits for a change that names it, for a day."""

    sha256: Sha256
    size: int


class WritePath(Frozen):
    """Make this content what stands at `path`. `expected`: what it replaces; None: no file may be there.

    Where the same content stands already nothing conflicts, whatever is `expected`: only `is_executable` is made so. Where
    None is `expected`, an empty folder gives way, of which no tree tells.
    """

    type: Literal["write"] = "write"
    path: SyncPath
    sha256: Sha256
    is_executable: bool = False
    expected: Sha256 | None = None


class RemovePath(Frozen):
    """Remove a file, if it is `expected`; and the folders above it that hold nothing then, as git does."""

    type: Literal["remove"] = "remove"
    path: SyncPath
    expected: Sha256


PathChange = Annotated[WritePath | RemovePath, Field(discriminator="type")]


class ChangePaths(Frozen):
    """Each path is decided by itself: what conflicts is left as it is, the others are changed, as one change."""

    changes: Annotated[tuple[PathChange, ...], Field(min_length=1, max_length=MAX_SYNC_CHANGES)]


class PathOutcome(Frozen):
    """What became of one path.

    `done`; `same`: it was so already; `conflict`: something else stands there (`sha256` of it, if it is a file);
    `missing`: the content has to be sent first; `refused`: it cannot be, and `reason` says why.
    """

    path: SyncPath
    state: Literal["done", "same", "conflict", "missing", "refused"]
    sha256: Sparse[str] = ""
    reason: Sparse[str] = ""


class PathsChanged(Frozen):
    """One outcome for each change, in their order; `change` is what the room was told (no `seq`: nothing was different).

    `tree`: the workspace right after.
    """

    outcomes: tuple[PathOutcome, ...]
    change: WorkspaceChange
    tree: Sha256
