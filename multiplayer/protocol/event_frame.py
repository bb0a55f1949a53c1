"""What every event of a room carries."""

from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.values import Frozen, UtcTime


class EventFrame(Frozen):
    """What every event carries. `actor_id` is who did it; `id` is a ULID, unique on the server."""

    room_id: RoomId
    seq: int
    id: str
    at: UtcTime
    actor_id: AccountId
