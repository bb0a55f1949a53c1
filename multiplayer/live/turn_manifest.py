"""What a turn's prompt was built from, kept while its model is at work, and before the turn ends."""

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from multiplayer.ai.context import ContextInput, Prompt
from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.room_host import RoomHost
from multiplayer.protocol.ids import TurnId
from multiplayer.storage.port import OutcomeUnknown, StorageUnavailable

_log = structlog.get_logger(__name__)

_AFTER_S: Final = 0.05
"""The question to the model goes out first."""
_AT_MOST_S: Final = 2.0
_TRY_AGAIN_S: Final = 0.5
_PATIENCE_S: Final = 30.0


class TurnManifest:
    """Of one holder of a turn. Nobody needs it before the turn ends, so the model need not wait for it."""

    def __init__(self, seat: AiSeat, host: RoomHost, turn_id: TurnId, fence: int) -> None:
        self._seat = seat
        self._host = host
        self._turn_id = turn_id
        self._fence = fence
        self._unsaved: tuple[ContextInput, Prompt] | None = None
        self._saving = asyncio.Lock()

    def take(self, given: ContextInput, prompt: Prompt) -> None:
        self._unsaved = (given, prompt)

    async def save(self) -> None:
        """Save it if it is not saved yet. Raises `StorageUnavailable` and `OutcomeUnknown`; then it is still to do."""
        async with self._saving:
            if self._unsaved is None:
                return
            saving = self._unsaved
            manifest = await self._seat.context_of(self._host.room_id).keep(*saving)
            await self._seat.storage.save_manifest(
                self._turn_id, fence=self._fence, manifest=manifest.model_dump_json()
            )
            if self._unsaved is saving:
                self._unsaved = None

    async def save_meanwhile(self) -> None:
        """As `save`, again and again while the database is away: an answer that comes is not cut for that."""
        delay_s = _AFTER_S
        while self._unsaved is not None:
            await asyncio.sleep(delay_s)
            delay_s = min(_AT_MOST_S, delay_s * 2)
            with suppress(StorageUnavailable, OutcomeUnknown):
                await self.save()

    async def save_at_last(self) -> None:
        """As `save_meanwhile`, but an end without it is better than none: given up when it takes too long."""
        until_s = self._seat.clock.monotonic_s() + _PATIENCE_S
        while True:
            try:
                await self.save()
            except (StorageUnavailable, OutcomeUnknown) as error:
                if self._host.is_stopped or self._seat.clock.monotonic_s() > until_s:
                    _log.warning("manifest_not_saved", room=self._host.room_id, turn=self._turn_id, error=str(error))
                    return
                await asyncio.sleep(_TRY_AGAIN_S)
            else:
                return
