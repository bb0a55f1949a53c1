"""Workspaces that nobody uses: packed when they rest for long, removed with their room."""

import asyncio
from collections.abc import Sequence
from typing import Final, Self

import structlog

from multiplayer.live.clock import Clock
from multiplayer.live.room_host import RoomHost
from multiplayer.live.workbench import Workbench
from multiplayer.protocol.events import Event, RoomDeleted
from multiplayer.protocol.ids import RoomId
from multiplayer.storage.port import StorageUnavailable

LOOK_S: Final = 3_600.0
"""How often idle workspaces are looked for."""

_log = structlog.get_logger(__name__)


class Housekeeping:
    """Owns the tasks of clearing up. `workbench`: None where nothing is cleared up (a command line)."""

    def __init__(self, workbench: Workbench | None, clock: Clock, idle_s: float) -> None:
        self._workbench = workbench
        self._clock = clock
        self._idle_s = idle_s
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
        # What is deleted after our end is removed at the next start.
        if self._workbench is not None and self._is_open and any(isinstance(event, RoomDeleted) for event in events):
            self._tasks.create_task(self._remove(self._workbench, host.room_id))

    async def run(self) -> None:
        """For ever: pack what rests."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Remove what deleted rooms have left, and pack every workspace that was not opened for `idle_s`.

        One that is in use stays as it is.
        """
        if self._workbench is None:
            return
        # A room may be deleted where nobody hears of it: by a command line, by another pod.
        try:
            left = await self._workbench.left_over()
            idle = await self._workbench.idle_rooms(self._idle_s, self._clock.now().timestamp())
        except (StorageUnavailable, OSError) as error:
            _log.warning("workspaces_not_looked_at", error=str(error))
            return
        for room_id in left:
            await self._remove(self._workbench, room_id)
        for room_id in idle:
            try:
                if await self._workbench.archive(room_id):
                    _log.info("workspace_archived", room=room_id)
            except OSError as error:
                _log.warning("workspace_not_archived", room=room_id, error=error.strerror)

    async def _remove(self, workbench: Workbench, room_id: RoomId) -> None:
        try:
            await workbench.remove(room_id)
        except OSError as error:
            _log.warning("workspace_not_removed", room=room_id, error=error.strerror)
