"""What background jobs write after the call that began them: told in the log as theirs, so that it can be undone."""

from contextlib import suppress

import structlog

from multiplayer.live.directory import Directory
from multiplayer.live.turn_door import PASSING
from multiplayer.live.workbench import Drift, Workbench
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.errors import Refused
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.inner_commands import NoteJobChanges
from multiplayer.storage.port import OutcomeUnknown, StorageUnavailable
from multiplayer.tools.checkpoints.store import CheckpointGone
from multiplayer.tools.refusal import ToolRefused
from multiplayer.tools.terminal.jobs import Jobs

_log = structlog.get_logger(__name__)


class JobFiles:
    """Looks whenever somebody else is about to change files, and at the end of each job."""

    def __init__(self, jobs: Jobs, workbench: Workbench, directory: Directory) -> None:
        self._jobs = jobs
        self._workbench = workbench
        self._directory = directory

    async def settle(self, room_id: RoomId) -> None:
        """Tell what the room's jobs have written. What cannot be told now is told with the next change."""
        with suppress(Refused, StorageUnavailable, OutcomeUnknown):
            try:
                await self._workbench.settle(room_id)
            except (OSError, CheckpointGone, ToolRefused) as error:
                _log.warning("changes_not_noted", room=room_id, error=str(error))

    async def tell(self, room_id: RoomId, drift: Drift) -> None:
        """Write it into the log. Of several jobs it is the last one's, in the name of everybody who had asked for any.

        Refuses UNAVAILABLE and its like while the database is away.
        """
        found = [self._jobs.owner(room_id, job_id) for job_id in sorted(drift.jobs)]
        owners = sorted((one for one in found if one is not None), key=lambda one: one[0].turn_id)
        if not owners:
            return
        owner, call_id = owners[-1]
        host = await self._directory.host(room_id)
        taint = {taint for one, _ in owners for taint in one.taint}
        if host.room.state.notes.tainted_files:
            taint.add(Taint.FILE)
        changed = drift.changed
        command = NoteJobChanges(
            turn_id=owner.turn_id,
            call_id=call_id,
            asked_by=tuple(dict.fromkeys(asker for one, _ in owners for asker in one.askers)),
            approved_by=tuple(dict.fromkeys(who for one, _ in owners for who in one.approved_by)),
            changes=changed.changes,
            more=changed.more,
            before=changed.before,
            after=changed.after,
            taint=tuple(sorted(taint)),
        )
        try:
            await host.ask(owner.ai_id, command, key=f"job-{drift.key}", origin="server")
        except Refused as refused:
            if refused.code in PASSING:
                raise
            # The room is gone: there is nobody to tell.
            _log.info("changes_not_noted", room=room_id, error=refused.message)
