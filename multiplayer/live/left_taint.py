"""From where words may have come into what an earlier holder of a turn had said before its pod died."""

from contextlib import suppress

from multiplayer.ai.brain import NoBrain
from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.room_host import RoomHost
from multiplayer.live.turn_reports import manifest_of
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.ids import TurnId
from multiplayer.protocol.profiles import Provider
from multiplayer.protocol.rooms import TurnState


async def left_taint(seat: AiSeat, host: RoomHost, turn_id: TurnId, *, has_cards: bool) -> frozenset[Taint]:
    """Return what its prompt and its tools had brought, and what its words can only be. Empty if it has ended."""
    turn: TurnState | None = host.room.state.turns.get(turn_id)
    if turn is None:
        return frozenset()
    record = await seat.storage.turn(host.room_id, turn_id)
    manifest = manifest_of(record) if record is not None else None
    found = {*(manifest.taint if manifest is not None else ()), *turn.taint}
    with suppress(NoBrain):
        # Nobody keeps what such a site says of its words before the end; but all of them come from outside.
        if has_cards or seat.brains.of(turn.ai_id).profile.provider is Provider.NLWEB:
            found.add(Taint.NLWEB)
    return frozenset(found)
