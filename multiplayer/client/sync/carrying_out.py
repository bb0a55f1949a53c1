"""Carries out what was decided, each path remembered as soon as it is done."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from multiplayer.client.sync.downloads import Downloads
from multiplayer.client.sync.ledger import Ledger
from multiplayer.client.sync.looking import Look, version_of
from multiplayer.client.sync.names import is_below
from multiplayer.client.sync.opened_folder import OpenedFolder
from multiplayer.client.sync.placing import Placing
from multiplayer.client.sync.reconcile import Aside, Plan, Upload, Version
from multiplayer.client.sync.telling import Did, Done, Result, Told
from multiplayer.client.sync.threads import to_end
from multiplayer.client.sync.uploads import RIGHTS, Changing, Uploads
from multiplayer.client.sync.workspace import SyncedWorkspace
from multiplayer.client.sync.wrongs import PathLeft, PathMoved
from multiplayer.protocol.errors import Refused
from multiplayer.protocol.workspace_sync import (
    MAX_SYNC_CHANGES,
    PathChange,
    PathsChanged,
    RemovePath,
    TreeEntry,
    WorkspaceTree,
)

_NO_CONTENT: Final = "0" * 64
"""The checksum of nothing that is known: to remove it is to ask whether anything is there."""
_MOST_TRIES: Final = 6


@dataclass(slots=True)
class Tried:
    """Paths that did not work out in this run. `left`: not tried any more, and why ("": all know why)."""

    left: dict[str, str] = field(default_factory=dict)
    moved: Counter[str] = field(default_factory=Counter)


class CarryingOut:
    """One pass. `run` it once. `tree` is the room's tree, with what this pass changed there as far as that is known."""

    def __init__(
        self,
        workspace: SyncedWorkspace,
        folder: OpenedFolder,
        ledger: Ledger,
        look: Look,
        result: Result,
        tried: Tried,
        *,
        tree: WorkspaceTree,
        told: Told,
        patience_s: float,
        at_once: int,
    ) -> None:
        self._workspace = workspace
        self._folder = folder
        self._placing = Placing(folder)
        self._ledger = ledger
        self._look = look
        self._result = result
        self._tried = tried
        self.tree = tree
        self._told = told
        self._patience_s = patience_s
        self._at_once = at_once
        self._changing = Changing(workspace, patience_s)
        self._is_partial = False
        self.has_moved = look.is_changing
        """Something changed on a side meanwhile: what could not be done is decided anew."""

    async def run(self, plan: Plan) -> bool:
        """Tell whether all is done; if not, another pass has to decide anew. Raises what ends a run."""
        self._ledger.forget([*self._look.ignored, *plan.gone])
        self._ledger.remember(plan.equal)
        await self._remove_here(plan.removals_here)
        if plan.asides:
            for aside in plan.asides:
                await self._move_aside(aside)
            return False
        await self._fetch(plan)
        await self._change_there(plan)
        return plan.is_whole and not self.has_moved and not self._is_partial

    async def _remove_here(self, removals: Mapping[str, Version]) -> None:
        gone = list(removals)
        if gone and self.tree.left_out:
            gone = await self._really_gone(gone)
        for path in gone:
            try:
                await to_end(partial(self._placing.remove, path, self._look.here[path].stamp))
            except (PathLeft, PathMoved) as problem:
                self._failed(path, problem)
            else:
                self._ledger.forget([path])
                self._done(Done(Did.REMOVED_HERE, path))

    async def _really_gone(self, paths: Sequence[str]) -> list[str]:
        """Return those that are gone in the room. What it does not name may be there, under a name or of a kind unsaid."""
        asked: list[PathChange] = [RemovePath(path=path, expected=_NO_CONTENT) for path in paths]
        found = []
        for batch in _batches(asked):
            try:
                changed = await self._changing.change(batch)
            except Refused as refused:
                if refused.code not in RIGHTS:
                    raise
                reason = "the room does not say all that it holds: it may still be there"
                self._tried.left.update(dict.fromkeys((change.path for change in batch), reason))
                continue
            for outcome in changed.outcomes:
                if outcome.state == "same":
                    found.append(outcome.path)
                else:
                    self._tried.left[outcome.path] = "the room has something there that it cannot say"
        return found

    async def _move_aside(self, aside: Aside) -> None:
        # What both had is no measure any more, and must not be when the next pass comes only after a kill.
        self._ledger.forget([path for path in self._look.base if is_below(path, {aside.path})])
        try:
            await to_end(partial(self._placing.move_aside, aside.path, aside.to))
        except (PathLeft, PathMoved) as problem:
            self._failed(aside.path, problem)
            return
        self._done(Done(Did.MOVED_ASIDE, aside.path, aside.to))

    async def _fetch(self, plan: Plan) -> None:
        if not plan.downloads:
            return
        sizes = {found.version.sha256: found.size for found in self._look.there.values()}
        await Downloads(
            self._workspace,
            self._folder,
            self._placing,
            self._ledger,
            patience_s=self._patience_s,
            at_once=self._at_once,
            moving=partial(self._told.moving, "fetching"),
            came=lambda path: self._done(Done(Did.FETCHED, path)),
            failed=self._failed,
        ).run(plan.downloads, sizes, self._look.here, is_whole=plan.is_whole)

    async def _change_there(self, plan: Plan) -> None:
        try:
            removals: list[PathChange] = [
                RemovePath(path=path, expected=version.sha256) for path, version in plan.removals_there.items()
            ]
            for batch in _batches(removals):
                changed = await self._changing.change(batch)
                self._take_removals(changed)
                self._follow(batch, changed)
            if plan.uploads:
                await Uploads(
                    self._workspace,
                    self._folder,
                    self._changing,
                    patience_s=self._patience_s,
                    at_once=self._at_once,
                    moving=partial(self._told.moving, "sending"),
                    changed=self._take_uploads,
                    failed=self._failed,
                ).run(plan.uploads, self._look.here)
        except Refused as refused:
            if refused.code not in RIGHTS:
                raise
            # Who may only look still gets what is there.
            self._result.may_not_change = refused.message
            for path in (*plan.removals_there, *(upload.path for upload in plan.uploads)):
                self._tried.left[path] = ""

    def _take_removals(self, changed: PathsChanged) -> None:
        gone = []
        for outcome in changed.outcomes:
            match outcome.state:
                case "done" | "same":
                    gone.append(outcome.path)
                    self._done(Done(Did.REMOVED_THERE, outcome.path))
                case "refused":
                    self._left(outcome.path, outcome.reason)
                case "conflict" | "missing":
                    self._moved(outcome.path)
        self._ledger.forget(gone)

    def _take_uploads(self, uploads: Sequence[Upload], changed: PathsChanged) -> None:
        equal = {}
        for upload, outcome in zip(uploads, changed.outcomes, strict=True):
            match outcome.state:
                case "done" | "same":
                    if version_of(self._look.here[upload.path]) == upload.version:
                        equal[upload.path] = upload.version
                    else:
                        # A part of it is the room's, and comes with the next pass.
                        self._is_partial = True
                    self._done(Done(Did.SENT, upload.path))
                case "refused":
                    self._left(upload.path, outcome.reason)
                case "conflict" | "missing":
                    self._moved(upload.path)
        self._ledger.remember(equal)
        self._follow([self._entry_of(upload) for upload in uploads], changed)

    def _follow(self, changes: Sequence["PathChange | TreeEntry"], changed: PathsChanged) -> None:
        """Know the room's tree as it is after a change of ours, if nobody else changed it meanwhile."""
        if not changed.change.before or changed.change.before != self.tree.tree:
            return
        entries = {entry.path: entry for entry in self.tree.entries}
        for change, outcome in zip(changes, changed.outcomes, strict=True):
            if outcome.state != "done":
                continue
            if isinstance(change, TreeEntry):
                entries[change.path] = change
            else:
                entries.pop(change.path, None)
        self.tree = WorkspaceTree(tree=changed.tree, entries=tuple(entries.values()), left_out=self.tree.left_out)

    def _entry_of(self, upload: Upload) -> TreeEntry:
        sha256, is_executable = upload.version
        here = self._look.here[upload.path]
        # What is not the content from here only gets another bit.
        size = here.stamp.size if here.sha256 == sha256 else self._look.there[upload.path].size
        return TreeEntry(path=upload.path, sha256=sha256, size=size, is_executable=is_executable)

    def _failed(self, path: str, problem: PathLeft | PathMoved) -> None:
        if isinstance(problem, PathMoved):
            self._moved(path)
        else:
            self._left(path, str(problem))

    def _moved(self, path: str) -> None:
        self._tried.moved[path] += 1
        if self._tried.moved[path] >= _MOST_TRIES:
            self._left(path, "something else stands there, or it changes all the time")
        else:
            self.has_moved = True

    def _left(self, path: str, reason: str) -> None:
        self._tried.left[path] = reason or "refused"

    def _done(self, done: Done) -> None:
        self._result.done.append(done)
        self._told.done(done)


def _batches(changes: Sequence[PathChange]) -> Iterator[Sequence[PathChange]]:
    for start in range(0, len(changes), MAX_SYNC_CHANGES):
        yield changes[start : start + MAX_SYNC_CHANGES]
