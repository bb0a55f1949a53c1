"""Whose wish a turn is, if AIs have passed it on: what the clock or a webhook began stays nobody's."""

from multiplayer.protocol.cards import Taint
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.rooms import MAX_HOPS, TurnState
from multiplayer.protocol.turns import TurnReason
from multiplayer.storage.port import Storage


async def is_nobodys_wish(storage: Storage, room_id: RoomId, turn: TurnState) -> bool:
    """Tell whether an AI asks for this turn out of one that the clock or a webhook had asked for.

    Such a turn bears the name of who set the rule, but they have not asked for it: it has a guest's rights.
    """
    asked = list(turn.messages) if turn.hops else []
    for _ in range(MAX_HOPS + 1):
        messages = await storage.messages(room_id, asked) if asked else {}
        asked = []
        for turn_id in {message.turn_id for message in messages.values() if message.turn_id is not None}:
            record = await storage.turn(room_id, turn_id)
            before = record.turn if record is not None else None
            if before is None:
                continue
            if before.reason is TurnReason.SCHEDULE or Taint.WEBHOOK in before.taint:
                return True
            asked += before.messages if before.hops else ()
    return False
