"""Turns in memory: leases against a given clock, fences, running texts."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from multiplayer.protocol.cards import Card
from multiplayer.protocol.events import Event
from multiplayer.protocol.ids import AccountId, MessageId, RoomId, TurnId
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.turn_events import TurnEnded, TurnRequested, TurnStarted
from multiplayer.protocol.turn_fold import TurnEvent, turn_after, turn_of
from multiplayer.protocol.turns import TokenUsage
from multiplayer.storage.port import OpenTurn, TurnRecord


@dataclass
class _Turn:
    room_id: RoomId
    turn: TurnState
    touched_s: float
    state: str = "requested"
    fence: int = 0
    pod: str | None = None
    lease_until_s: float | None = None
    text: str = ""
    cards: tuple[Card, ...] = ()
    manifest: str | None = None
    ended_at: datetime | None = None
    ended_seq: int | None = None
    reason: str = ""
    message_id: MessageId | None = None
    usage: TokenUsage | None = None
    is_room_deleted: bool = False

    @property
    def ai_id(self) -> AccountId:
        return self.turn.ai_id

    def record(self, *, with_manifest: bool) -> TurnRecord:
        return TurnRecord(
            room_id=self.room_id,
            turn_id=self.turn.turn_id,
            ai_id=self.ai_id,
            state=self.state,
            fence=self.fence,
            text=self.text,
            cards=self.cards,
            manifest=self.manifest if with_manifest else None,
            turn=self.turn,
            requested_at=self.turn.requested_at,
            requested_seq=self.turn.requested_seq,
            ended_at=self.ended_at,
            ended_seq=self.ended_seq,
            reason=self.reason,
            message_id=self.message_id,
            usage=self.usage,
        )


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

    async def checkpoint(self, turn_id: TurnId, *, fence: int, text: str, cards: Sequence[Card] = ()) -> bool:
        turn = self._open(turn_id, fence)
        if turn is None:
            return False
        turn.text, turn.cards = text, tuple(cards)
        return True

    async def save_manifest(self, turn_id: TurnId, *, fence: int, manifest: str) -> bool:
        turn = self._open(turn_id, fence)
        if turn is None:
            return False
        turn.manifest = manifest
        return True

    async def waiting(self, *, unclaimed_for_s: float, limit: int) -> Sequence[OpenTurn]:
        now_s = self._now_s()
        open_turns = {
            turn_id: turn for turn_id, turn in self._turns.items() if turn.ended_at is None and not turn.is_room_deleted
        }
        busy = {(turn.room_id, turn.ai_id) for turn in open_turns.values() if turn.state == "running"}
        found = [
            (turn_id, turn)
            for turn_id, turn in open_turns.items()
            if _due_s(turn, unclaimed_for_s) <= now_s
            and (turn.state == "running" or (turn.room_id, turn.ai_id) not in busy)
        ]
        found.sort(key=lambda item: (item[1].touched_s, item[0]))
        return [
            OpenTurn(turn.room_id, turn_id, turn.ai_id, turn.fence, turn.text, turn.cards)
            for turn_id, turn in found[:limit]
        ]

    async def turn(self, room_id: RoomId, turn_id: TurnId) -> TurnRecord | None:
        turn = self._turns.get(turn_id)
        return None if turn is None or turn.room_id != room_id else turn.record(with_manifest=True)

    async def turns_of_room(
        self, room_id: RoomId, *, limit: int, before_seq: int | None = None
    ) -> Sequence[TurnRecord]:
        found = [
            turn.record(with_manifest=False)
            for turn in self._turns.values()
            if turn.room_id == room_id and (before_seq is None or turn.turn.requested_seq < before_seq)
        ]
        return sorted(found, key=lambda record: record.requested_seq, reverse=True)[:limit]

    def _open(self, turn_id: TurnId, fence: int) -> _Turn | None:
        turn = self._turns.get(turn_id)
        return None if turn is None or turn.ended_at is not None or turn.fence > fence else turn

    def _project_turns(self, room_id: RoomId, events: Sequence[Event]) -> None:
        """Change turns by events of which the room's own fold has already said that they fit."""
        for event in events:
            if not isinstance(event, TurnEvent):
                continue
            if isinstance(event, TurnRequested):
                self._turns[event.turn_id] = _Turn(room_id, turn_of(event), touched_s=self._now_s())
                continue
            turn = self._turns[event.turn_id]
            if not isinstance(event, TurnEnded):
                turn.turn = turn_after(turn.turn, event)
            if isinstance(event, TurnStarted):
                turn.state = "running"
                if event.fence > turn.fence:
                    turn.fence, turn.pod, turn.lease_until_s = event.fence, event.pod, None
                    turn.touched_s = self._now_s()
            elif isinstance(event, TurnEnded):
                turn.state, turn.text, turn.cards = event.outcome.value, "", ()
                turn.ended_at, turn.ended_seq, turn.reason = event.at, event.seq, event.reason
                turn.message_id, turn.usage = event.message_id, event.usage
                turn.turn = turn.turn.model_copy(update={"calls": ()})

    def _forget_in_turns(self, room_id: RoomId, turn_ids: Collection[TurnId], deleted: Collection[MessageId]) -> None:
        """Take out the words of these turns, and of ended ones what they were asked beside a deleted message or answer."""
        for turn_id, turn in self._turns.items():
            if turn_id in turn_ids:
                turn.text, turn.cards = "", ()
            is_noted = turn.room_id == room_id and turn.ended_at is not None and turn.turn.note
            named = {*turn.turn.messages, turn.turn.replaces, turn.message_id}
            if is_noted and (turn_id in turn_ids or not named.isdisjoint(deleted)):
                turn.turn = turn.turn.model_copy(update={"note": ""})

    def _turns_of_gone(
        self,
        room_id: RoomId,
        gone: Mapping[MessageId, int],
        answered: Mapping[TurnId, int],
        ended: Mapping[TurnId, int],
        deleted: Collection[MessageId],
    ) -> dict[TurnId, int]:
        """Return the turns that `gone` messages asked for, or answer, with the last of their seqs.

        Those that `ended` just now are among them if a deleted message asked for them, or their answer is deleted.
        """
        found = dict(answered)
        for turn_id, turn in self._turns.items():
            if turn.room_id != room_id:
                continue
            named = {*turn.turn.messages, turn.message_id}
            untils = [gone[one] for one in turn.turn.messages if one in gone]
            if turn_id in ended and not named.isdisjoint(deleted):
                untils.append(ended[turn_id])
            if untils:
                found[turn_id] = max(*untils, found.get(turn_id, 0))
        return found

    def _drop_turns(self, room_id: RoomId) -> None:
        for turn in self._turns.values():
            turn.is_room_deleted |= turn.room_id == room_id


def _due_s(turn: _Turn, unclaimed_for_s: float) -> float:
    return turn.touched_s + unclaimed_for_s if turn.lease_until_s is None else turn.lease_until_s
