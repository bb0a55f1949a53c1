"""Undoing what a turn changed in the workspace: asked for in the log, done here, told in the log."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Self

import structlog

from multiplayer.live.directory import Directory
from multiplayer.live.room_host import RoomHost
from multiplayer.live.workbench import Workbench, WorkspaceAway, named_changes, named_paths
from multiplayer.protocol.errors import Refused
from multiplayer.protocol.events import Event
from multiplayer.protocol.ids import TurnId
from multiplayer.protocol.inner_commands import FinishUndo
from multiplayer.protocol.turn_events import UndoRequested
from multiplayer.rooms.notes import ChangedFiles
from multiplayer.storage.port import OutcomeUnknown, StorageUnavailable
from multiplayer.tools.checkpoints.store import CheckpointGone
from multiplayer.tools.refusal import ToolRefused

SWEEP_S: Final = 5.0
"""How often requests are looked for that a dead pod has left."""

_log = structlog.get_logger(__name__)


class Undos:
    """Owns the tasks of undoing. Doing it twice comes to the same as doing it once."""

    def __init__(self, workbench: Workbench | None, directory: Directory) -> None:
        """Without a workbench nothing is undone here: a command line only passes through."""
        self._workbench = workbench
        self._directory = directory
        self._running: set[TurnId] = set()
        self._tasks = asyncio.TaskGroup()
        self._is_open = False

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._is_open = True
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._is_open = False
        await self._tasks.__aexit__(None, None, None)

    def hear(self, host: RoomHost, events: Sequence[Event]) -> None:
        if any(isinstance(event, UndoRequested) for event in events):
            self._begin_all(host)

    async def sweep(self) -> None:
        """For ever: undo what was asked for and left."""
        while True:
            await asyncio.sleep(SWEEP_S)
            for host in self._directory:
                self._begin_all(host)

    def _begin_all(self, host: RoomHost) -> None:
        # What is asked for after our end is done at the next start.
        if self._workbench is None or not self._is_open or host.is_stopped:
            return
        for changed in host.room.state.notes.changed:
            if changed.undo == "wanted" and changed.turn_id not in self._running:
                self._running.add(changed.turn_id)
                self._tasks.create_task(self._run(self._workbench, host, changed), name=f"undo {changed.turn_id}")

    async def _run(self, workbench: Workbench, host: RoomHost, changed: ChangedFiles) -> None:
        try:
            await workbench.mirror.fetch(host.room_id)
            # Until the log says that it is done, nobody else's change comes in between.
            async with workbench.lock(host.room_id):
                await self._finish(host, changed, await self._undone(workbench, host, changed))
        except (StorageUnavailable, OutcomeUnknown):
            pass  # the next sweep tries again
        except Exception:
            _log.exception("undo_broke", room=host.room_id, turn=changed.turn_id)
            broke = FinishUndo(turn_id=changed.turn_id, is_ok=False, reason="something broke in the server")
            with suppress(StorageUnavailable, OutcomeUnknown):
                await self._finish(host, changed, broke)
        finally:
            self._running.discard(changed.turn_id)

    async def _finish(self, host: RoomHost, changed: ChangedFiles, finish: FinishUndo) -> None:
        # Refused: another pod was first.
        with suppress(Refused):
            await host.ask(changed.undo_by or changed.askers[0], finish, origin="server")

    async def _undone(self, workbench: Workbench, host: RoomHost, changed: ChangedFiles) -> FinishUndo:
        try:
            async with workbench.opened(host.room_id) as workspace:
                await workbench.begin(host.room_id, workspace)
                # Its job may have written more since it was asked for.
                known = (one.spans for one in host.room.state.notes.changed if one.turn_id == changed.turn_id)
                spans = next(known, changed.spans)
                undone = await workbench.undo(host.room_id, workspace, spans, keep_going=changed.keeps_others)
        except ToolRefused as refused:
            return FinishUndo(turn_id=changed.turn_id, is_ok=False, reason=refused.text)
        except CheckpointGone as gone:
            return FinishUndo(turn_id=changed.turn_id, is_ok=False, reason=str(gone))
        except WorkspaceAway as away:
            return FinishUndo(turn_id=changed.turn_id, is_ok=False, reason=away.reason)
        except OSError as error:
            return FinishUndo(turn_id=changed.turn_id, is_ok=False, reason=f"the disk refused: {error.strerror}")
        conflicts = named_paths(undone.conflicts)
        if conflicts and not changed.keeps_others:
            reason = "others changed the same files since: nothing was undone"
            return FinishUndo(turn_id=changed.turn_id, is_ok=False, reason=reason, conflicts=conflicts)
        return FinishUndo(
            turn_id=changed.turn_id,
            is_ok=True,
            changes=(named := named_changes(undone.restored)),
            more=len(undone.restored) - len(named),
            conflicts=conflicts,
        )
