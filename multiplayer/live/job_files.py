"""What background jobs write after the call that began them: told in the log as theirs, so that it can be undone."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

import structlog

from multiplayer.live.directory import Directory
from multiplayer.live.turn_door import PASSING
from multiplayer.live.workbench import Changed, Drift, Workbench
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.errors import Refused
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.inner_commands import NoteJobChanges
from multiplayer.storage.port import OutcomeUnknown, StorageUnavailable
from multiplayer.tools.checkpoints.store import CheckpointGone
from multiplayer.tools.refusal import ToolRefused
from multiplayer.tools.terminal.job_view import JobOwner

TRY_AGAIN_S: Final = (0.5, 2.0, 5.0)
"""Pauses, when the database is away at the end of a job. Later the next change of anybody tells it."""

_log = structlog.get_logger(__name__)


class JobFiles:
    """Looks whenever somebody else is about to change files, and at the end of each job."""

    def __init__(self, workbench: Workbench, directory: Directory) -> None:
        self._workbench = workbench
        self._directory = directory

    async def settle(self, room_id: RoomId, pauses_s: Sequence[float] = TRY_AGAIN_S) -> None:
        """Tell what the room's jobs have written. Raises nothing that the world is to blame for."""
        for pause_s in (*pauses_s, None):
            try:
                if await self._workbench.settle(room_id):
                    return
            except (StorageUnavailable, OutcomeUnknown, OSError, CheckpointGone, ToolRefused, LookupError) as error:
                _log.warning("changes_not_noted", room=room_id, error=str(error))
            if pause_s is not None:
                await asyncio.sleep(pause_s)

    async def tell(self, room_id: RoomId, drift: Drift) -> bool:
        """Write it into the log; False while the database is away.

        Of several jobs it is the last one's, in the name of everybody who had asked for any.
        """
        owners = sorted(drift.jobs, key=lambda owner: owner.turn_id)
        try:
            host = await self._directory.host(room_id)
            taint = {taint for owner in owners for taint in owner.taint}
            if host.room.state.notes.tainted_files:
                taint.add(Taint.FILE)
            command = _noted(drift.changed, owners, taint)
            await host.ask(owners[-1].ai_id, command, key=f"job-{drift.key}", origin="server")
        except Refused as refused:
            if refused.code in PASSING:
                return False
            # The room is gone (there is nobody to tell), or all of it was told, and the answer lost.
            _log.info("changes_not_noted", room=room_id, error=refused.message)
        except (StorageUnavailable, OutcomeUnknown):
            return False
        return True


def _noted(changed: Changed, owners: Sequence[JobOwner], taint: Collection[Taint]) -> NoteJobChanges:
    return NoteJobChanges(
        turn_id=owners[-1].turn_id,
        call_id=owners[-1].call_id,
        asked_by=tuple(dict.fromkeys(asker for owner in owners for asker in owner.askers)),
        approved_by=tuple(dict.fromkeys(who for owner in owners for who in owner.approved_by)),
        changes=changed.changes,
        more=changed.more,
        before=changed.before,
        after=changed.after,
        taint=tuple(sorted(taint)),
    )
