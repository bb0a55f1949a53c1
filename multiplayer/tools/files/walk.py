"""Walking a folder of a workspace: iterative, bounded in depth and number, over no link, few descriptors open."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from multiplayer.tools.checkpoints.folders import MAX_DEPTH
from multiplayer.tools.files.names import is_repository
from multiplayer.tools.files.paths import Root, refusal_of
from multiplayer.tools.refusal import ToolRefused


@dataclass(frozen=True, slots=True)
class Seen:
    """One entry met. `folder` is open only until the next one is asked for."""

    folder: int
    parts: tuple[str, ...]
    """Below where the walk began; its own name is the last."""
    status: os.stat_result
    """Of the entry itself, not of what a link leads to."""

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.status.st_mode)


class Walk:
    """One walk, to be iterated once; blocks on the disk. The first folder may be behind a link that stays inside.

    Raises `ToolRefused` if that cannot be opened. What else cannot be read is left out, and `is_whole` becomes False.
    """

    def __init__(
        self,
        root: Root,
        top: tuple[str, ...],
        *,
        most: int,
        depth: int = MAX_DEPTH,
        without: frozenset[str] = frozenset(),
    ) -> None:
        """`most` entries are met at most; folders named as in `without` are met, but not entered."""
        self._root = root
        self._top = top
        self._most = most
        self._depth = depth
        self._without = without
        self.is_whole = True
        """False once something was left out for any reason but `depth` folders having been entered."""
        self.depth_met = 0

    def __iter__(self) -> Iterator[Seen]:
        left = self._most
        top = self._root.open_folder(self._top)
        try:
            base = Root(top, self._root.kernel_resolves)
            waiting: list[tuple[str, ...]] = [()]
            while waiting:
                below = waiting.pop()
                folder = _opened(base, below)
                if folder is None:
                    self.is_whole = False
                    continue
                try:
                    folders: list[tuple[str, ...]] = []
                    for seen in self._entries(folder, below, left):
                        left -= 1
                        self.depth_met = max(self.depth_met, len(seen.parts))
                        yield seen
                        if seen.is_folder and len(seen.parts) < self._depth and seen.parts[-1] not in self._without:
                            folders.append(seen.parts)
                    waiting.extend(reversed(folders))
                finally:
                    os.close(folder)
        finally:
            os.close(top)

    def _entries(self, folder: int, below: tuple[str, ...], left: int) -> Iterator[Seen]:
        try:
            with os.scandir(folder) as entries:
                names = [entry.name for entry in islice(entries, left + 1)]
        except OSError:
            self.is_whole = False
            return
        if len(names) > left:
            self.is_whole = False
            names.pop()
        for name in sorted(names):
            try:
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except OSError:
                continue  # it went away while we walked
            yield Seen(folder, (*below, name), status)


def _opened(base: Root, below: tuple[str, ...]) -> int | None:
    try:
        return base.open_folder_for_change(below)
    except ToolRefused:
        return None  # gone, closed against its own user, a link by now, or too long a path


@dataclass(frozen=True, slots=True)
class Tally:
    """What a name stands for, itself included."""

    files: int
    """Everything that is no folder: links, too."""
    folders: int
    depth: int
    """Of folders within folders; 0 for a file or an empty folder."""
    has_repository: bool
    """Something in it, or itself, is named as git's folder is."""
    is_whole: bool
    """False if there is more than was counted."""


def tally(root: Root, parts: tuple[str, ...], *, most: int) -> Tally:
    """Count what `parts` stands for, over no link at all, to at most `most` entries. Raises `ToolRefused`. Blocks."""
    parent = root.open_folder_for_change(parts[:-1])
    try:
        status = status_of(parent, parts)
        if not stat.S_ISDIR(status.st_mode):
            return Tally(1, 0, 0, is_repository(parts[-1]), is_whole=True)
        files = 0
        folders = 1
        has_repository = is_repository(parts[-1])
        folder = Root(parent, root.kernel_resolves).open_folder_for_change(parts[-1:])
        try:
            walk = Walk(Root(folder, root.kernel_resolves), (), most=most)
            for seen in walk:
                files += not seen.is_folder
                folders += seen.is_folder
                has_repository = has_repository or is_repository(seen.parts[-1])
        finally:
            os.close(folder)
        is_whole = walk.is_whole and walk.depth_met < MAX_DEPTH
        return Tally(files, folders, walk.depth_met, has_repository, is_whole)
    finally:
        os.close(parent)


def status_of(parent: int, parts: tuple[str, ...]) -> os.stat_result:
    """Of the name itself, in its open folder; raises `ToolRefused`."""
    try:
        return os.stat(parts[-1], dir_fd=parent, follow_symlinks=False)
    except OSError as error:
        raise refusal_of(error, "/".join(parts)) from error
