"""Checkpoints of the rooms' workspaces, kept outside them: taken before and after a call, compared, and undone.

Everything here blocks; callers on the loop use `asyncio.to_thread`. A room's store is locked while it is used, by other
processes too. It looks at the workspace as it is: whoever wants a checkpoint to be of one moment keeps others from
changing files meanwhile. A command that writes through a shared memory mapping changes a file's times only when the
page is written back: while a background job runs, take with `reads_all`.
"""

import json
import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.tools import FileChange
from multiplayer.tools.checkpoints.changes import describe, unified
from multiplayer.tools.checkpoints.merging import Naming, merge
from multiplayer.tools.checkpoints.overlay import overlaid
from multiplayer.tools.checkpoints.restore import Restorer
from multiplayer.tools.checkpoints.scan import Bounds, Scan, Scanner
from multiplayer.tools.checkpoints.store import CheckpointGone, Journal, Store, open_store
from multiplayer.tools.checkpoints.tree import (
    Difference,
    Entry,
    Kind,
    compare,
    digest_of,
    find,
    flatten,
    raw_path,
    shown_path,
    unflatten,
)
from multiplayer.tools.checkpoints.undo_plan import Plan, outcome, plan_undo
from multiplayer.tools.limits import GIB, Limits
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.workspace import Workspace

MOST_BYTES = GIB
"""Of one room's store. The two newest trees are kept even if they alone are over it."""
_OVERSHOOT_INODES, _OVERSHOOT_BYTES = 4, 2
"""A command fills a workspace beyond its limits before it is stopped for it, and that should be undone, too."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A workspace as it was."""

    tree: str
    """The hash of names, kinds, permission bits, contents and link targets: not of times and owners."""
    is_whole: bool
    """False if something was not kept, or changed while it was looked at: an undo will not touch that."""
    files: int
    bytes: int
    took_s: float
    read_files: int
    """How many had to be read: the others had not been touched since the last time."""
    left_out: tuple[str, ...]
    """The first paths of what was not kept: closed to us, too big, too deep, too many, or always changing."""
    special: tuple[str, ...]
    """The first FIFOs, sockets and devices. They are known by name and kind alone."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo did. With conflicts and without `keep_going` it did nothing."""

    restored: tuple[FileChange, ...]
    conflicts: tuple[str, ...]
    """Paths that the turn had changed and somebody else after it, that have something of somebody else's in them, or
    that cannot be put back (sockets; what was not kept)."""
    before: str
    """The tree it found: with `tree` a span of its own, by which the undo can be undone."""
    tree: str


@dataclass(frozen=True, slots=True)
class Brought:
    """What a merge with another pod's tree did."""

    tree: str
    """What the workspace is now."""
    copies: tuple[str, ...]
    """What was put beside, because both had changed it."""
    late: tuple[str, ...]
    """Paths that changed meanwhile, or could not be changed: with any the merge is to be done again."""


class Checkpoints:
    """The stores of all rooms, under `root`, a folder that is the server's alone and lies in no workspace."""

    def __init__(
        self,
        root: Path,
        limits: Limits,
        *,
        most_bytes: int = MOST_BYTES,
        now_ns: Callable[[], int] = time.time_ns,
        clock_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._root = root
        self._limits = limits
        self._most_bytes = most_bytes
        self._now_ns = now_ns
        self._clock_s = clock_s
        self._bounds = Bounds(
            inodes=limits.workspace_inodes * _OVERSHOOT_INODES,
            file_bytes=limits.workspace_bytes,
            all_bytes=limits.workspace_bytes * _OVERSHOOT_BYTES,
        )

    def take(self, room_id: RoomId, workspace: Workspace, *, reads_all: bool = False) -> Checkpoint:
        """Keep the workspace as it is now. Raises `OSError`."""
        began_s = self._clock_s()
        try:
            scan = self._take(room_id, workspace, reads_all=reads_all)
        except CheckpointGone:
            # The index was damaged and is begun anew: what is now can be kept all the same.
            scan = self._take(room_id, workspace, reads_all=reads_all)
        return Checkpoint(
            tree=scan.root.hex(),
            is_whole=scan.is_whole,
            files=scan.files,
            bytes=scan.size,
            took_s=self._clock_s() - began_s,
            read_files=scan.read_files,
            left_out=tuple(map(shown_path, scan.left_out)),
            special=tuple(map(shown_path, scan.special)),
        )

    def part(self, room_id: RoomId, before: str, after: str, paths: Collection[str]) -> str:
        """Return the tree `before` with these paths, and what is below them, as in `after`: a tree that was never there.

        Raises `CheckpointGone`, `OSError`.
        """
        with open_store(self._root, room_id) as store:
            root, over = store.root_of(before), store.root_of(after)
            for path in sorted(paths):
                root = overlaid(store, root, over, raw_path(path))
            store.add_tree(root)
            store.commit()
        return root.hex()

    def changes(self, room_id: RoomId, before: str, after: str) -> tuple[FileChange, ...]:
        """Return what differs, by path; see `changes.describe`. Raises `CheckpointGone`, `OSError`."""
        with open_store(self._root, room_id) as store:
            return describe(_compare(store, before, after), store)

    def diff(self, room_id: RoomId, path: str, before: str, after: str, most_bytes: int) -> str:
        """Return the unified diff of one path, as a `FileChange` names it; "" if it did not change.

        The contents are the workspace's own, untrusted and not cleaned. Raises `CheckpointGone`, `OSError`.
        """
        raw = raw_path(path)
        with open_store(self._root, room_id) as store:
            old, new = (find(store.folder, store.root_of(tree), raw) for tree in (before, after))
            if (old and old.state) == (new and new.state):
                return ""
            return unified(Difference(raw, old, new), store, most_bytes)

    def content(self, room_id: RoomId, tree: str, path: str, most_bytes: int) -> bytes:
        """Return a file as it was. Raises `CheckpointGone`, `OSError`, `ToolRefused`."""
        with open_store(self._root, room_id) as store:
            entry = find(store.folder, store.root_of(tree), raw_path(path))
            if entry is None:
                raise ToolRefused(ToolFault.NOT_FOUND, f"there was no {path!r}")
            if entry.kind is not Kind.FILE:
                raise ToolRefused(ToolFault.WRONG_KIND, f"{path!r} was not a file that was kept")
            if entry.size > most_bytes:
                raise ToolRefused(ToolFault.TOO_BIG, f"{path!r} had {entry.size} bytes; at most {most_bytes} are shown")
            return store.read(entry.data)

    def undo(
        self,
        room_id: RoomId,
        workspace: Workspace,
        spans: Sequence[tuple[str, str]],
        *,
        keep_going: bool = False,
        reads_all: bool = False,
    ) -> Undone:
        """Put back what changed over the spans, each a tree before and a tree after; other changes stay.

        If any path conflicts, nothing is changed, unless `keep_going`: then the rest is put back. A path that changes
        while this works is left alone and named too. After a crash the same undo goes on where it stopped. Raises
        `CheckpointGone` (too long ago; nothing was changed), `ToolRefused` if the workspace would be over its limits
        (nothing was changed), and `OSError` (call it again).
        """
        with open_store(self._root, room_id) as store:
            restorer = Restorer(room_id, workspace, store)
            try:
                restorer.open_staging()
                return self._undo(store, workspace, restorer, spans, keep_going=keep_going, reads_all=reads_all)
            finally:
                restorer.close()

    def bring(
        self,
        room_id: RoomId,
        workspace: Workspace,
        base: str,
        theirs: str,
        naming: Naming,
        *,
        reads_all: bool = False,
    ) -> Brought:
        """Bring together what was changed here and in the tree `theirs` since `base` ("", or one not kept: ever).

        All objects of `theirs` are kept here. After a crash at any point the same call again comes to the same. Raises
        as `undo`; a workspace that is over its limits over there may be so here.
        """
        with open_store(self._root, room_id) as store:
            restorer = Restorer(room_id, workspace, store)
            try:
                restorer.open_staging()
                return self._bring(store, workspace, restorer, (base, theirs), naming, reads_all=reads_all)
            finally:
                restorer.close()

    @property
    def root(self) -> Path:
        """Where everything is kept, a folder for each room."""
        return self._root

    def remove(self, room_id: RoomId) -> None:
        """Forget a room as a whole. Raises `OSError`."""
        assert str(room_id).isalnum(), f"not a room id: {room_id!r}"
        with suppress(FileNotFoundError):
            shutil.rmtree(self._root / str(room_id))

    def keep(self, room_id: RoomId, trees: Collection[str]) -> None:
        """Forget all other trees of the room but the newest, and free what only they held. Raises `OSError`."""
        roots = {bytes.fromhex(tree) for tree in trees}
        with open_store(self._root, room_id) as store:
            store.forget_all_but(roots)

    def sweep(self, room_id: RoomId) -> int:
        """Forget the oldest trees until the store is within its limit; returns its bytes. `take` does it by itself."""
        with open_store(self._root, room_id) as store:
            store.forget_oldest(self._most_bytes)
            return store.used_bytes()

    def _take(self, room_id: RoomId, workspace: Workspace, *, reads_all: bool) -> Scan:
        with open_store(self._root, room_id) as store:
            _finish_widened(Restorer(room_id, workspace, store), store)
            scan = self._scan(store, workspace, reads_all=reads_all)[1]
            if store.used_bytes() > self._most_bytes:
                store.forget_oldest(self._most_bytes)
            return scan

    def _scan(self, store: Store, workspace: Workspace, *, reads_all: bool = False) -> tuple[Scanner, Scan]:
        scanner = Scanner(workspace.fd, workspace.uid, store, self._bounds, self._now_ns)
        scan = scanner.run(reads_all=reads_all)
        store.add_tree(scan.root)
        store.commit()
        return scanner, scan

    def _bring(
        self,
        store: Store,
        workspace: Workspace,
        restorer: Restorer,
        trees: tuple[str, str],
        naming: Naming,
        *,
        reads_all: bool,
    ) -> Brought:
        _finish_widened(restorer, store)
        root = self._scan(store, workspace, reads_all=reads_all)[1].root
        theirs = flatten(store.folder, store.root_of(trees[1]))
        merged = merge(_flat_base(store, trees[0]), flatten(store.folder, root), theirs, naming)
        late: list[str] = []
        # What both have changed is beside before anything is replaced: a crash between leaves both.
        for wanted in [merged.beside, merged.tree] if merged.copies else [merged.tree]:
            target = unflatten(store.put, wanted)
            store.commit()
            if target == root:
                continue
            store.pin("target", target)
            store.commit()
            span = (target.hex(), root.hex())
            undone = self._undo(
                store, workspace, restorer, [span], keep_going=True, reads_all=reads_all, as_large_as=theirs
            )
            late += undone.conflicts
            root = bytes.fromhex(undone.tree)
            if late:
                break
        store.unpin("target")
        store.commit()
        return Brought(root.hex(), tuple(map(shown_path, merged.copies)), tuple(late))

    def _undo(
        self,
        store: Store,
        workspace: Workspace,
        restorer: Restorer,
        spans: Sequence[tuple[str, str]],
        *,
        keep_going: bool,
        reads_all: bool,
        as_large_as: Mapping[bytes, Entry] = MappingProxyType({}),
    ) -> Undone:
        name = digest_of(json.dumps(list(spans)).encode()).hex()
        interrupted = _finish_widened(restorer, store)
        changed = [_compare(store, before, after) for before, after in spans]
        scanner, scan = self._scan(store, workspace, reads_all=reads_all)
        found = scan.root
        now = flatten(store.folder, found)
        emptied = interrupted.emptied if interrupted is not None and interrupted.spans == name else ()
        plan = plan_undo(changed, now, frozenset(map(raw_path, emptied)))
        conflicts = sorted(plan.conflicts)
        if (conflicts and not keep_going) or not plan.restores:
            if not conflicts:
                store.write_journal(None)
            return Undone((), tuple(map(shown_path, conflicts)), found.hex(), found.hex())
        self._check_fits(plan, now, as_large_as)
        for entry in plan.restores.values():
            if entry is not None and entry.kind is Kind.FILE:
                store.length_of(entry.data)  # all of it is still kept, or nothing is begun
        journal = restorer.journal(name, plan, now)
        store.write_journal(journal)
        restorer.widen(journal)
        try:
            late = restorer.apply(plan, now, journal, scanner)
        finally:
            restorer.narrow(journal)
        after = self._scan(store, workspace, reads_all=reads_all)[1].root
        store.write_journal(None)
        done = [Difference(path, now.get(path), entry) for path, entry in plan.restores.items() if path not in late]
        return Undone(
            describe(sorted(done, key=lambda difference: difference.path), store),
            tuple(map(shown_path, sorted({*conflicts, *late}))),
            found.hex(),
            after.hex(),
        )

    def _check_fits(self, plan: Plan, now: dict[bytes, Entry], as_large_as: Mapping[bytes, Entry]) -> None:
        after = outcome(plan, now)
        used, held, other = (sum(entry.size for entry in tree.values()) for tree in (after, now, as_large_as))
        most_inodes = max(len(now), len(as_large_as), self._limits.workspace_inodes)
        if used > max(held, other, self._limits.workspace_bytes) or len(after) > most_inodes:
            raise ToolRefused(
                ToolFault.QUOTA,
                f"with what would come back the workspace would hold {used} of {self._limits.workspace_bytes} bytes in "
                f"{len(after)} of {self._limits.workspace_inodes} files; remove files first",
            )


def _flat_base(store: Store, tree: str) -> dict[bytes, Entry]:
    """Nothing, if it is not kept any more: then all counts as changed on both sides, and both are kept."""
    try:
        return flatten(store.folder, store.root_of(tree))
    except CheckpointGone:
        return {}


def _compare(store: Store, before: str, after: str) -> list[Difference]:
    return compare(store.folder, store.root_of(before), store.root_of(after))


def _finish_widened(restorer: Restorer, store: Store) -> Journal | None:
    """Take back what an undo that died half way left writable: nobody must take that for the room's doing."""
    journal = store.journal()
    if journal is not None and journal.widened:
        restorer.narrow(journal)
        store.write_journal(journal._replace(widened=()))
    return journal
