"""How long a room keeps what is said, for a program: look at a rule before it is set, and set it."""

from multiplayer.client.rest import Rest
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.retention import Retention, RetentionReport


class RoomRetention:
    """A part of `Room`, for its owners. Raises `Refused`, `NotSignedIn` or `ConnectionLost`."""

    _rest: Rest
    _room_id: RoomId

    async def retention(self, rule: Retention | None = None) -> RetentionReport:
        """Return the room's rule, what it removed last, and what it would remove now; with `rule`, what that one would.

        Nothing is changed by it. `Room.set_retention` sets a rule.
        """
        params: dict[str, str | None] = {}
        if rule is not None:
            params = {
                "messages_days": None if rule.messages_days is None else str(rule.messages_days),
                "files_days": None if rule.files_days is None else str(rule.files_days),
                "keeps_pinned": "true" if rule.keeps_pinned else "false",
            }
        return await self._rest.read(f"/rooms/{self._room_id}/retention", RetentionReport, params)
