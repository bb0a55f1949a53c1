"""Makes a folder and a room's workspace equal: looks at both, decides, carries it out, until nothing is left to do."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from multiplayer.client.backoff import Patience
from multiplayer.client.errors import ConnectionLost
from multiplayer.client.sync.carrying_out import CarryingOut, Tried
from multiplayer.client.sync.ledger import Ledger
from multiplayer.client.sync.looking import Look, is_rule_file, look_at
from multiplayer.client.sync.names import is_below, parents, second_name
from multiplayer.client.sync.opened_folder import OpenedFolder
from multiplayer.client.sync.reconcile import Plan, Version
from multiplayer.client.sync.scanning import Scan, Scanner
from multiplayer.client.sync.telling import Did, Done, Result, Told
from multiplayer.client.sync.threads import to_end
from multiplayer.client.sync.workspace import SyncedWorkspace
from multiplayer.client.sync.wrongs import ManyRemovals
from multiplayer.protocol.errors import Refused
from multiplayer.protocol.workspace_sync import WorkspaceTree

PATIENCE_S: Final = 60.0
"""How long a server that is away is waited for."""
_MOST_PASSES: Final = 12
_FEW_REMOVALS: Final = 20
_SOME_REMOVALS: Final = 2
"""So many are asked about if nothing else is left."""
_PAUSE_S: Final = 0.1
_MOST_PAUSE_S: Final = 1.0


class Sync:
    """A folder that follows a room. `folder` and `ledger` are open for as long as it is used, by one task."""

    def __init__(
        self,
        workspace: SyncedWorkspace,
        folder: OpenedFolder,
        ledger: Ledger,
        *,
        handle: str,
        now: Callable[[], datetime],
        told: Told | None = None,
        patience_s: float = PATIENCE_S,
        at_once: int = 4,
    ) -> None:
        """`handle`: whose changes these are, as second versions are named."""
        self._workspace = workspace
        self._folder = folder
        self._ledger = ledger
        self._handle = handle
        self._now = now
        self._told = told or Told()
        self._patience_s = patience_s
        self._at_once = at_once
        self._folds_names: bool | None = None
        self._tree: WorkspaceTree | None = None
        self.folders: Sequence[str] = ("",)
        """All folders here that are not ignored, as they were seen last."""

    @property
    def tree(self) -> str | None:
        """The room's tree as this folder knows it."""
        return self._tree.tree if self._tree is not None else None

    async def settle(self, *, allows_removals: bool = False) -> Result:
        """Make both sides equal, and return what was done.

        Raises `ManyRemovals` before anything is removed, `Refused`, `NotSignedIn`, `ConnectionLost` after all patience,
        and `OSError`. What was done until then is remembered: the next run goes on.
        """
        result = Result()
        tried = Tried()
        for number in range(_MOST_PASSES):
            look = await self._look()
            plan = self._plan(look, tried)
            if not allows_removals:
                _check_removals(look, plan)
            at_work = CarryingOut(
                self._workspace,
                self._folder,
                self._ledger,
                look,
                result,
                tried,
                tree=self._known_tree(),
                told=self._told,
                patience_s=self._patience_s,
                at_once=self._at_once,
            )
            try:
                is_settled = await at_work.run(_rules_first(plan))
            finally:
                self._keep(at_work.tree)
            if is_settled:
                return self._ended(result, look, tried)
            if at_work.has_moved:
                await asyncio.sleep(min(_MOST_PAUSE_S, _PAUSE_S * 2**number))
        look = await self._look()
        result.is_settled = False
        return self._ended(result, look, tried)

    async def preview(self) -> Result:
        """Return what `settle` would do just now, with nothing changed on any side."""
        look = await self._look()
        plan = self._plan(look, Tried())
        result = Result()
        for aside in plan.asides:
            result.done.append(Done(Did.MOVED_ASIDE, aside.path, aside.to))
        result.done += [Done(Did.REMOVED_HERE, path) for path in plan.removals_here]
        result.done += [Done(Did.REMOVED_THERE, path) for path in plan.removals_there]
        result.done += [Done(Did.FETCHED, download.path) for download in plan.downloads]
        result.done += [Done(Did.SENT, upload.path) for upload in plan.uploads]
        for done in result.done:
            self._told.done(done)
        return self._ended(result, look, Tried())

    async def _look(self) -> Look:
        if self._folds_names is None:
            self._folds_names = await to_end(self._folder.folds_names)
        scan = await self._scan()
        tree = await self._ask_tree()
        remembered = self._remembered(scan)
        return look_at(scan, tree, remembered, folds_names=self._folds_names)

    async def _scan(self) -> Scan:
        seen = self._ledger.seen()
        scanner = Scanner(
            self._folder, seen, on_read=lambda done: self._told.moving("reading", done, None), keep=self._ledger.see
        )
        scan = await to_end(scanner.run, scanner.stop)
        self.folders = scan.folders
        gone = seen.keys() - scan.files.keys()
        if gone:
            self._ledger.unsee(gone)
        return scan

    async def _ask_tree(self) -> WorkspaceTree:
        if self._tree is None:
            self._tree = self._ledger.tree()
        patience = Patience(self._patience_s)
        while True:
            try:
                told = await self._workspace.workspace_tree(self.tree)
            except (ConnectionLost, Refused) as problem:
                await patience.wait(problem)
            else:
                if told is not None:
                    self._keep(told)
                return self._known_tree()

    def _known_tree(self) -> WorkspaceTree:
        assert self._tree is not None, "it was asked for, or is still the one that is known"
        return self._tree

    def _keep(self, tree: WorkspaceTree) -> None:
        if tree is not self._tree:
            self._tree = tree
            self._ledger.keep_tree(tree)

    def _remembered(self, scan: Scan) -> dict[str, Version]:
        """Return what both sides had; also what came here in a run that ended before it could say so."""
        base = self._ledger.base()
        coming = self._ledger.coming()
        came = {
            path: version
            for path, version in coming.items()
            if (found := scan.files.get(path)) is not None
            and (found.sha256, found.stamp.is_executable) == (version.sha256, version.is_executable)
        }
        if coming:
            self._ledger.remember(came)
            self._ledger.expect_no_more()
        return base | came

    def _plan(self, look: Look, tried: Tried) -> Plan:
        now = self._now()
        taken = look.names()

        def second(path: str) -> str:
            found = second_name(path, self._handle, now, taken.__contains__)
            taken.add(found)
            return found

        return look.plan(tried.left, second)

    def _ended(self, result: Result, look: Look, tried: Tried) -> Result:
        result.left_out = {**look.left_out, **{path: reason for path, reason in tried.left.items() if reason}}
        result.links = look.links
        result.unsaid = self._known_tree().left_out
        result.files = len(self._ledger.base())
        return result


def _rules_first(plan: Plan) -> Plan:
    """Return the part of a plan that brings or takes away what says what is ignored, if any does; else all of it."""
    downloads = [download for download in plan.downloads if is_rule_file(download.path)]
    coming = {download.path for download in downloads}
    above = {parent for path in coming for parent in parents(path)}

    def is_first(path: str) -> bool:
        # Also what stands where such a file is to go.
        return is_rule_file(path) or path in above or is_below(path, coming)

    asides = [aside for aside in plan.asides if is_first(aside.path)]
    removals = {path: version for path, version in plan.removals_here.items() if is_first(path)}
    if not downloads and not asides and not removals:
        return plan
    return Plan(asides=asides, removals_here=removals, downloads=downloads, is_whole=False)


def _check_removals(look: Look, plan: Plan) -> None:
    """Raises `ManyRemovals` where most of what both sides had would go, or all. What only moved does not count."""
    kept_here = {found.sha256 for path, found in look.here.items() if path not in plan.removals_here}
    kept_there = {found.version.sha256 for path, found in look.there.items() if path not in plan.removals_there}
    kept = kept_here | kept_there
    # What was edited is there under its name, what moved with its content.
    has_left = any(version.sha256 in kept for version in look.base.values()) or any(
        (path in look.here and path not in plan.removals_here)
        or (path in look.there and path not in plan.removals_there)
        for path in look.base
    )
    for removals, kept_elsewhere, elsewhere, where in (
        (plan.removals_here, kept_there, look.there, "in this folder, as they are gone in the room"),
        (plan.removals_there, kept_here, look.here, "in the room, as they are gone in this folder"),
    ):
        gone = sum(version.sha256 not in kept_elsewhere for version in removals.values())
        are_all = not has_left or (
            look.base.keys().isdisjoint(elsewhere)
            and not any(version.sha256 in kept_elsewhere for version in look.base.values())
        )
        if (gone >= _SOME_REMOVALS and are_all) or (gone > _FEW_REMOVALS and gone * 2 > len(look.base)):
            none = ", and of what both had nothing would be left" if are_all else ""
            raise ManyRemovals(
                f"{gone} of {len(look.base)} files would be removed {where}{none}; nothing was done",
                hint="if that is meant, say --allow-deletes",
            )
