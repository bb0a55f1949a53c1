"""Makes histories that keep every promise, for the checker to accept, and to plant faults in."""

from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random

from multiplayer.protocol.codec import encode
from multiplayer.protocol.events import Event, MessageDeleted, MessagePosted, ReactionAdded, event_adapter
from multiplayer.protocol.ids import AccountId, CallId, MessageId, RoomId, TurnId
from multiplayer.protocol.messages import Message, MessageBody
from multiplayer.protocol.timeline import fold_message, message_of, touched_message
from multiplayer.protocol.turn_events import (
    ToolCalled,
    ToolFinished,
    ToolStarted,
    TurnEnded,
    TurnRequested,
    TurnStarted,
)
from multiplayer.protocol.turns import TurnOutcome, TurnReason
from multiplayer.storage.redaction import redacted
from tests.crash.checker import SNAPSHOT_MESSAGES, Answer, Attempt, History, Row, Seen, Send, Stretch, View

ROOM = RoomId("R")
AI = AccountId("ai")
TURN = TurnId("turn")
_AT = datetime(2026, 11, 21, tzinfo=UTC)


class Simulated:
    """A server that does everything right, with clients whose links and luck are bad."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._now_s = 0.0
        self._events: list[Event] = []
        self._keys: list[str | None] = []
        self._sends: list[Send] = []
        self._pending: list[Send] = []
        self._live: list[str] = []
        self._wanted: dict[str, tuple[str, str]] = {}

    def history(self, steps: int) -> History:
        turn_at = self._dice.randrange(steps) if steps else 0
        for step in range(steps):
            if step == turn_at:
                self._speak()
            if not self._pending or self._dice.random() < 0.4:
                self._send()
            else:
                self._try(self._dice.choice(self._pending), is_last=False)
        while self._pending:
            self._try(self._dice.choice(self._pending), is_last=True)
        return self._seen_by_clients()

    def _tick(self) -> float:
        self._now_s += 1.0
        return self._now_s

    def _send(self) -> None:
        number = len(self._sends)
        author, key = self._dice.choice(["alice", "bob"]), f"k{number}"
        kind, about = "post", ""
        if self._live and self._dice.random() < 0.3:
            kind, about = self._dice.choice(["react", "delete"]), self._dice.choice(self._live)
        send = Send(ROOM, author, key, f"words {number}" if kind == "post" else None, [Attempt(self._tick())])
        self._wanted[key] = (kind, about)
        self._sends.append(send)
        self._pending.append(send)

    def _try(self, send: Send, *, is_last: bool) -> None:
        """Let an attempt meet its fate; what is left open is tried again later."""
        stored = next((event for event, key in zip(self._events, self._keys, strict=True) if key == send.key), None)
        luck = 1.0 if is_last else self._dice.random()
        attempt = send.attempts[-1]
        if luck < 0.15:  # it never came, or its answer did not
            if self._dice.random() < 0.5:
                self._store(send, stored)
        elif luck < 0.3:
            if self._dice.random() < 0.5:
                self._store(send, stored)
            attempt.answer = Answer(self._tick(), refused="unknown")
        elif luck < 0.45:
            attempt.answer = Answer(self._tick(), refused=self._dice.choice(["busy", "unavailable"]))
        else:
            event = self._store(send, stored)
            refused = Answer(self._tick(), refused="conflict")
            attempt.answer = refused if event is None else Answer(self._tick(), event.seq, event.id)
            self._pending.remove(send)
            return
        send.attempts.append(Attempt(self._tick()))

    def _store(self, send: Send, stored: Event | None) -> Event | None:
        if stored is not None:
            return stored
        kind, about = self._wanted[send.key]
        head = self._head(send.actor_id)
        event: Event
        match kind:
            case "post":
                event = MessagePosted(
                    **head, message=MessageBody(id=MessageId(f"e{head['seq']}"), text=send.text or "")
                )
                self._live.append(event.message.id)
            case "react" if about in self._live:
                event = ReactionAdded(**head, message_id=MessageId(about), emoji="👍")
            case "delete" if about in self._live:
                event = MessageDeleted(**head, message_id=MessageId(about))
                self._live.remove(about)
            case _:
                return None
        self._append(event, send.key)
        return event

    def _speak(self) -> None:
        call = CallId("c1")
        self._append(TurnRequested(**self._head("alice"), turn_id=TURN, ai_id=AI, reason=TurnReason.ASKED), None)
        self._append(TurnStarted(**self._head(AI), turn_id=TURN, fence=1, pod="p"), None)
        self._append(ToolCalled(**self._head(AI), turn_id=TURN, call_id=call, name="n", arguments="{}"), "ai1")
        self._append(ToolStarted(**self._head(AI), turn_id=TURN, call_id=call), "ai2")
        self._append(ToolFinished(**self._head(AI), turn_id=TURN, call_id=call, is_ok=True, text="t"), "ai3")
        self._append(TurnEnded(**self._head(AI), turn_id=TURN, ai_id=AI, outcome=TurnOutcome.DONE), "ai4")

    def _head(self, actor_id: str) -> "dict[str, object]":
        seq = len(self._events) + 1
        return {"room_id": ROOM, "seq": seq, "id": f"e{seq}", "at": _AT, "actor_id": actor_id}

    def _append(self, event: Event, key: str | None) -> None:
        self._events.append(event)
        self._keys.append(key)

    def _seen_by_clients(self) -> History:
        deleted = {event.message_id for event in self._events if isinstance(event, MessageDeleted)}
        fresh = [encode(event) for event in self._events]
        kept = [
            redacted(line) if isinstance(event, MessagePosted) and event.message.id in deleted else line
            for event, line in zip(self._events, fresh, strict=True)
        ]
        rows = [
            Row(ROOM, event.seq, event.id, event.actor_id, key, line.decode())
            for event, key, line in zip(self._events, self._keys, kept, strict=True)
        ]
        head = len(rows)
        views = []
        for number in range(3):
            view = View(f"v{number}", ROOM)
            for _ in range(self._dice.randint(0, 2)):
                after = self._dice.randint(0, head)
                view.stretches.append(self._stretch(after, self._dice.randint(after, head), fresh, kept))
            view.stretches.append(self._stretch(self._dice.randint(0, head // 2), head, fresh, kept))
            views.append(view)
        table: dict[str, Sequence[Message]] = {ROOM: folded([event_adapter.validate_json(line) for line in kept])}
        return History(rows, {ROOM: head}, table, self._sends, views)

    def _stretch(self, after: int, end: int, fresh: Sequence[bytes], kept: Sequence[bytes]) -> Stretch:
        seen = [
            Seen(seq, f"e{seq}", self._dice.choice([fresh, kept])[seq - 1].decode())
            for seq in range(after + 1, end + 1)
        ]
        messages = folded(self._events[:after])[-SNAPSHOT_MESSAGES:] if after else None
        return Stretch(after, seen, messages)


def folded(events: Sequence[Event]) -> list[Message]:
    messages: dict[str, Message] = {}
    for event in events:
        touched = touched_message(event)
        if isinstance(event, MessagePosted):
            messages[event.message.id] = message_of(event)
        elif touched is not None:
            messages[touched] = fold_message(messages[touched], event)
    return list(messages.values())
