"""What a turn's prompt was built from, kept while its model is at work, and before the turn ends."""

import asyncio
from contextlib import suppress
from typing import Final

from multiplayer.ai.context import ContextInput, Prompt
from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.room_host import RoomHost
from multiplayer.protocol.ids import TurnId
from multiplayer.storage.port import OutcomeUnknown, StorageUnavailable

_AFTER_S: Final = 0.05
"""The question to the model goes out first."""


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
            manifest = await self._seat.context_of(self._host.room_id).keep(*self._unsaved)
            await self._seat.storage.save_manifest(
                self._turn_id, fence=self._fence, manifest=manifest.model_dump_json()
            )
            self._unsaved = None

    async def save_meanwhile(self) -> None:
        """As `save`, but leave it for later while the database is away: an answer that comes is not cut for that."""
        await asyncio.sleep(_AFTER_S)
        with suppress(StorageUnavailable, OutcomeUnknown):
            await self.save()
