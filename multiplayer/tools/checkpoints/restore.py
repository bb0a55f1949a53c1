"""Carrying out an undo: each path is put back in one step, by descriptor, made ready where no command can see it."""

import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial

from multiplayer.protocol.ids import RoomId
from multiplayer.tools.checkpoints.folders import FOLDER, entries, open_below
from multiplayer.tools.checkpoints.packs import write_sparse
from multiplayer.tools.checkpoints.scan import Scanner
from multiplayer.tools.checkpoints.store import Journal, Store
from multiplayer.tools.checkpoints.tree import Entry, Kind, depth_of, parent_of, raw_path, shown_path
from multiplayer.tools.checkpoints.undo_plan import Plan, outcome
from multiplayer.tools.workspace import Workspace

_UNDERFOOT = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.EACCES, errno.EPERM}
)
"""How the system says that the workspace is not as it was a moment ago, or closed to us."""
_WRITABLE = 0o700


class _Changed(Exception):  # noqa: N818 - it names what happened
    """What stands there is not what the plan was made for."""


class Restorer:
    """Puts back what a plan says. Use it once, with `open_staging` before and `close` after."""

    def __init__(self, room_id: RoomId, workspace: Workspace, store: Store) -> None:
        self._workspace = workspace
        self._store = store
        self._name = f".undo-{room_id}"
        self._above = -1
        self._staging = -1
        self._made = 0
        self._parent: tuple[bytes, int] | None = None

    def open_staging(self) -> None:
        """Make the folder in which files are made ready, beside the workspace; removes what a crash left in it.

        Beside it and not in it: a crash leaves no strange file in the room, a command can plant none, and renaming is
        still one step, because it is the same file system.
        """
        self._above = os.open("..", FOLDER, dir_fd=self._workspace.fd)
        above = os.fstat(self._above)
        if above.st_uid != os.geteuid() or above.st_mode & 0o022:
            raise PermissionError(errno.EPERM, "the folder of the workspaces is not the server's alone")
        with suppress(FileExistsError):
            os.mkdir(self._name, 0o700, dir_fd=self._above)
        self._staging = os.open(self._name, FOLDER, dir_fd=self._above)
        self._empty_staging()

    def close(self) -> None:
        self._leave_parent()
        if self._staging >= 0:
            self._empty_staging()
            os.close(self._staging)
            os.rmdir(self._name, dir_fd=self._above)
            self._staging = -1
        if self._above >= 0:
            os.close(self._above)
            self._above = -1

    def _empty_staging(self) -> None:
        for entry in list(entries(self._staging)):
            if entry.is_dir(follow_symlinks=False):
                os.rmdir(entry.name, dir_fd=self._staging)
            else:
                os.unlink(entry.name, dir_fd=self._staging)

    # Folders that are closed to their own user

    def journal(self, spans: str, plan: Plan, now: Mapping[bytes, Entry]) -> Journal:
        """What has to be known to go on after a crash in the middle."""
        after = outcome(plan, now)
        emptied = [path for path in plan.restores if _gives_way(now.get(path), after.get(path))]
        widened = {}
        if os.geteuid() != 0:  # root writes where it likes
            for above in {parent_of(path) for path in plan.restores} - {b""}:
                for tree in (now, after):
                    entry = tree.get(above)
                    if entry is not None and entry.kind is Kind.FOLDER and entry.mode & _WRITABLE != _WRITABLE:
                        widened[above] = after.get(above, entry).mode
        return Journal(
            spans,
            tuple(map(shown_path, sorted(emptied))),
            tuple((shown_path(path), mode) for path, mode in sorted(widened.items())),
        )

    def widen(self, journal: Journal) -> None:
        for shown, _ in journal.widened:
            with _noting([], raw_path(shown)):
                self._set_mode(raw_path(shown), lambda mode: mode | _WRITABLE)

    def narrow(self, journal: Journal) -> None:
        """Give folders that were widened the modes they shall have; what has yet another mode by now is left alone."""
        for shown, final in reversed(journal.widened):
            with _noting([], raw_path(shown)):
                self._set_mode(raw_path(shown), partial(_narrowed, final))

    # Putting back

    def apply(self, plan: Plan, now: Mapping[bytes, Entry], journal: Journal, scanner: Scanner) -> list[bytes]:
        """Put back what the plan says; returns the paths that changed underfoot and were left alone.

        Raises `OSError` (the disk is full) and `CheckpointGone`: then it may be half done, and can be done again.
        """
        late: list[bytes] = []
        widened = {raw_path(shown) for shown, _ in journal.widened}
        pairs = [(path, now.get(path), wanted) for path, wanted in sorted(plan.restores.items())]
        # Away from below upwards, back from above downwards, and folders' modes when all is in them.
        pairs.sort(key=lambda pair: -depth_of(pair[0]))
        for path, here, wanted in pairs:
            if here is not None and (wanted is None or _gives_way(here, wanted)):
                with _noting(late, path):
                    self._take_away(path, here, scanner)
        for path, here, wanted in reversed(pairs):
            if wanted is not None and not (_is_folder(here) and _is_folder(wanted)):
                with _noting(late, path):
                    mode = wanted.mode | _WRITABLE if path in widened else wanted.mode
                    self._place(path, None if _gives_way(here, wanted) else here, wanted, mode, scanner)
        for path, here, wanted in pairs:
            # What was widened gets its mode when all is done.
            if (
                here is not None
                and wanted is not None
                and _is_folder(here)
                and _is_folder(wanted)
                and path not in widened
            ):
                with _noting(late, path):
                    self._set_mode(path, partial(_exchanged, here.mode, wanted.mode))
        self._leave_parent()
        return late

    def _take_away(self, path: bytes, here: Entry, scanner: Scanner) -> None:
        parent, name = self._at(path)
        if _is_folder(here):
            os.rmdir(name, dir_fd=parent)  # of a folder with something in it the system removes nothing
            return
        if scanner.look(parent, name, path) != here:
            raise _Changed
        os.unlink(name, dir_fd=parent)

    def _place(self, path: bytes, expected: Entry | None, wanted: Entry, mode: int, scanner: Scanner) -> None:
        staged = self._stage(wanted, mode)
        parent, name = self._at(path)
        if scanner.look(parent, name, path) != expected:
            raise _Changed
        os.rename(staged, name, src_dir_fd=self._staging, dst_dir_fd=parent)

    def _stage(self, wanted: Entry, mode: int) -> str:
        staged, self._made = str(self._made), self._made + 1
        match wanted.kind:
            case Kind.FILE:
                self._stage_file(staged, wanted, mode)
                return staged
            case Kind.FOLDER:
                os.mkdir(staged, 0o700, dir_fd=self._staging)
            case Kind.LINK:
                os.symlink(wanted.data, staged, dir_fd=self._staging)
            case _:
                os.mkfifo(staged, 0o600, dir_fd=self._staging)
        if os.geteuid() == 0:
            os.chown(staged, self._workspace.uid, self._workspace.uid, dir_fd=self._staging, follow_symlinks=False)
        if wanted.kind is not Kind.LINK:
            os.chmod(staged, mode, dir_fd=self._staging)
        return staged

    def _stage_file(self, staged: str, wanted: Entry, mode: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(staged, flags, 0o600, dir_fd=self._staging)
        try:
            at = 0
            for chunk in self._store.stream(wanted.data):
                write_sparse(fd, chunk, at)
                at += len(chunk)
            os.ftruncate(fd, at)
            if os.geteuid() == 0:
                os.fchown(fd, self._workspace.uid, self._workspace.uid)
            os.fchmod(fd, mode)
        finally:
            os.close(fd)

    def _set_mode(self, path: bytes, mode_of: Callable[[int], int]) -> None:
        fd = open_below(self._workspace.fd, path.split(b"/"))
        try:
            mode = stat.S_IMODE(os.fstat(fd).st_mode)
            wanted = mode & ~0o777 | mode_of(mode & 0o777)
            if wanted != mode:
                os.fchmod(fd, wanted)
        finally:
            os.close(fd)

    def _at(self, path: bytes) -> tuple[int, bytes]:
        """The open folder above `path`, and the name in it. Neighbours share the descriptor."""
        above, _, name = path.rpartition(b"/")
        if self._parent is None or self._parent[0] != above:
            self._leave_parent()
            self._parent = above, open_below(self._workspace.fd, above.split(b"/") if above else ())
        return self._parent[1], name

    def _leave_parent(self) -> None:
        if self._parent is not None:
            os.close(self._parent[1])
            self._parent = None


@contextmanager
def _noting(late: list[bytes], path: bytes) -> Iterator[None]:
    try:
        yield
    except _Changed:
        late.append(path)
    except OSError as error:
        if error.errno not in _UNDERFOOT:
            raise
        late.append(path)


def _is_folder(entry: Entry | None) -> bool:
    return entry is not None and entry.kind is Kind.FOLDER


def _gives_way(here: Entry | None, wanted: Entry | None) -> bool:
    """Whether what is here must be gone before `wanted` can come: nothing is renamed onto a folder, nor a folder on it."""
    return here is not None and wanted is not None and _is_folder(here) != _is_folder(wanted)


def _narrowed(final: int, mode: int) -> int:
    return final if mode == final | _WRITABLE else mode


def _exchanged(before: int, after: int, mode: int) -> int:
    if mode != before:
        raise _Changed
    return after
