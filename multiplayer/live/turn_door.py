"""The door by which a running turn submits its commands: with patience for the database, and none for what is lost."""

import asyncio
from typing import Final

from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.batch import Done
from multiplayer.live.room_host import RoomHost
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.inner_commands import TurnCommand

TRY_AGAIN_S: Final = 0.5
MOST_UNKNOWN: Final = 5
"""So often may the outcome of one command be unknown before it is given up; fewer when the turn is long over."""
LONG_OVER_S: Final = 30.0
PASSING: Final = (RefusalCode.UNAVAILABLE, RefusalCode.UNKNOWN, RefusalCode.BUSY)
"""Refusals that say: try again with the same key."""


class TurnDoor:
    def __init__(self, seat: AiSeat, host: RoomHost, ai_id: AccountId, deadline_s: float) -> None:
        self._clock = seat.clock
        self._host = host
        self._ai_id = ai_id
        self._deadline_s = deadline_s

    def extend(self, waited_s: float) -> None:
        """People took their time: the turn is over so much later."""
        self._deadline_s += waited_s

    async def submit(self, command: TurnCommand, *, key: str | None = None) -> Done:
        """Submit, again under the same key while the database is away. Raises `Refused` for what stays refused.

        So does what is answered "unknown" again and again: then it is the command itself that cannot be stored.
        """
        key = key or self._clock.new_id()
        unknown = 0
        while True:
            try:
                return await self._host.ask(self._ai_id, command, key=key, origin="server")
            except Refused as refused:
                if refused.code not in PASSING or self._host.is_stopped:
                    raise
                unknown += refused.code is RefusalCode.UNKNOWN
                is_long_over = self._clock.monotonic_s() > self._deadline_s + LONG_OVER_S
                if unknown >= MOST_UNKNOWN or (unknown > 1 and is_long_over):
                    raise
                await asyncio.sleep(TRY_AGAIN_S)
