"""Turns in memory: leases against a given clock, fences, running texts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from multiplayer.protocol.events import Event, TurnEnded, TurnRequested, TurnStarted
from multiplayer.protocol.ids import AccountId, RoomId, TurnId
from multiplayer.storage.port import OpenTurn, TurnRecord


@dataclass
class _Turn:
    room_id: RoomId
    turn_id: TurnId
    ai_id: AccountId
    requested_at: datetime
    touched_s: float
    state: str = "requested"
    fence: int = 0
    pod: str | None = None
    lease_until_s: float | None = None
    text: str = ""
    manifest: str | None = None
    ended_at: datetime | None = None
    is_room_deleted: bool = False


class MemoryTurns:
    """`port.TurnStore` in memory."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._turns: dict[TurnId, _Turn] = {}
        self._now_s = now_s

    async def hold(self, turn_id: TurnId, *, fence: int, pod: str, lease_s: float) -> bool:
        turn = self._open(turn_id, fence)
        if turn is None or (turn.fence == fence and turn.pod not in (None, pod)):
            return False
        turn.fence, turn.pod = fence, pod
        turn.touched_s = self._now_s()
        turn.lease_until_s = turn.touched_s + lease_s
        return True

    async def checkpoint(self, turn_id: TurnId, *, fence: int, text: str) -> bool:
        turn = self._open(turn_id, fence)
        if turn is None:
            return False
        turn.text = text
        return True

    async def save_manifest(self, turn_id: TurnId, *, fence: int, manifest: str) -> bool:
        turn = self._open(turn_id, fence)
        if turn is None:
            return False
        turn.manifest = manifest
        return True

    async def waiting(self, *, unclaimed_for_s: float, limit: int) -> Sequence[OpenTurn]:
        now_s = self._now_s()
        found = [
            turn
            for turn in self._turns.values()
            if turn.ended_at is None and not turn.is_room_deleted and _due_s(turn, unclaimed_for_s) <= now_s
        ]
        found.sort(key=lambda turn: (turn.touched_s, turn.turn_id))
        return [OpenTurn(turn.room_id, turn.turn_id, turn.ai_id, turn.fence, turn.text) for turn in found[:limit]]

    async def turn(self, room_id: RoomId, turn_id: TurnId) -> TurnRecord | None:
        turn = self._turns.get(turn_id)
        if turn is None or turn.room_id != room_id:
            return None
        return TurnRecord(
            room_id=turn.room_id,
            turn_id=turn.turn_id,
            ai_id=turn.ai_id,
            state=turn.state,
            fence=turn.fence,
            text=turn.text,
            manifest=turn.manifest,
            requested_at=turn.requested_at,
            ended_at=turn.ended_at,
        )

    def _open(self, turn_id: TurnId, fence: int) -> _Turn | None:
        turn = self._turns.get(turn_id)
        return None if turn is None or turn.ended_at is not None or turn.fence > fence else turn

    def _project_turns(self, room_id: RoomId, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case TurnRequested():
                    self._turns[event.turn_id] = _Turn(
                        room_id, event.turn_id, event.ai_id, event.at, touched_s=self._now_s()
                    )
                case TurnStarted():
                    turn = self._turns[event.turn_id]
                    turn.state = "running"
                    if event.fence > turn.fence:
                        turn.fence, turn.pod, turn.lease_until_s = event.fence, event.pod, None
                        turn.touched_s = self._now_s()
                case TurnEnded():
                    turn = self._turns[event.turn_id]
                    turn.state, turn.text, turn.ended_at = event.outcome.value, "", event.at
                case _:
                    pass

    def _redact_turn(self, turn_id: TurnId) -> None:
        if turn_id in self._turns:
            self._turns[turn_id].text = ""

    def _drop_turns(self, room_id: RoomId) -> None:
        for turn in self._turns.values():
            turn.is_room_deleted |= turn.room_id == room_id


def _due_s(turn: _Turn, unclaimed_for_s: float) -> float:
    return turn.touched_s + unclaimed_for_s if turn.lease_until_s is None else turn.lease_until_s
