"""A chat's screen on paper: what it shows of a room is read back line by line."""

import io
from datetime import UTC, datetime

from rich.console import Console

from multiplayer.cli.chat_screen import Screen
from multiplayer.cli.chat_work import Work
from multiplayer.client.view import View
from multiplayer.protocol.events import Event, MessagePosted
from multiplayer.protocol.ids import AccountId, CallId, MessageId, RoomId, TurnId
from multiplayer.protocol.members import AccountKind, Member, Role
from multiplayer.protocol.messages import Message, MessageBody
from multiplayer.protocol.rooms import RoomKind, RoomSettings, RoomView, Snapshot, TurnState
from multiplayer.protocol.signals import AiDelta
from multiplayer.protocol.turn_events import TurnEnded, TurnRequested
from multiplayer.protocol.turns import TurnOutcome, TurnReason

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
ROOM, ALICE, AI, TURN, CALL = RoomId("R"), AccountId("A"), AccountId("I"), TurnId("T"), CallId("C")
HELPER, BOB, CAROL = AccountId("H"), AccountId("B"), AccountId("D")


def member(account_id: AccountId, kind: AccountKind, handle: str, name: str, role: Role) -> Member:
    return Member(
        account_id=account_id, kind=kind, handle=handle, display_name=name, role=role, joined_at=AT, joined_seq=1
    )


class Shown:
    """A screen whose output is read back."""

    def __init__(
        self,
        name: str,
        *,
        turns: tuple[TurnState, ...] = (),
        messages: tuple[Message, ...] = (),
        is_terminal: bool = False,
        me: AccountId = ALICE,
    ) -> None:
        self.file = io.StringIO()
        snapshot = Snapshot(
            room=RoomView(id=ROOM, kind=RoomKind.ROOM, name="demo", topic="", settings=RoomSettings(), created_at=AT),
            seq=1,
            members=(
                member(ALICE, AccountKind.HUMAN, "alice", name, Role.OWNER),
                member(BOB, AccountKind.HUMAN, "bob", "Bob", Role.MEMBER),
                member(CAROL, AccountKind.HUMAN, "carol", "Carol", Role.ADMIN),
                member(AI, AccountKind.AI, "ai", "AI", Role.AI),
                member(HELPER, AccountKind.AI, "helper", "Helper", Role.AI),
            ),
            pins=(),
            turns=turns,
            messages=messages,
        )
        self.view = View(snapshot)
        self.now_s = 100.0
        console = Console(file=self.file, width=80, highlight=False, force_terminal=is_terminal, color_system=None)
        self.work = Work(lambda: self.view, me)
        self.work.begin()
        self.screen = Screen(console, lambda: self.view, lambda: self.now_s, self.work)

    def happens(self, kind: type[Event], by: AccountId, **fields: object) -> None:
        """Let an event come to the room and to the screen."""
        seq = self.view.seq + 1
        event = kind.model_validate({"room_id": ROOM, "seq": seq, "id": f"E{seq}", "at": AT, "actor_id": by, **fields})
        self.view.apply(event)
        self.screen.show(event)

    def says(self, text: str, *, by: AccountId = ALICE, turn_id: TurnId | None = None) -> None:
        body = MessageBody(id=MessageId("M"), text=text, turn_id=turn_id)
        self.screen.show(MessagePosted(room_id=ROOM, seq=2, id="M", at=AT, actor_id=by, message=body))

    def asks(self) -> None:
        self.screen.show(
            TurnRequested(
                room_id=ROOM, seq=3, id="E", at=AT, actor_id=ALICE, turn_id=TURN, ai_id=AI, reason=TurnReason.MENTION
            )
        )

    def delta(self, index: int, offset: int, text: str) -> None:
        self.screen.show(AiDelta(room_id=ROOM, turn_id=TURN, index=index, offset=offset, text=text))

    def ends(self, outcome: TurnOutcome, reason: str = "") -> None:
        self.screen.show(
            TurnEnded(
                room_id=ROOM, seq=9, id="E", at=AT, actor_id=AI, turn_id=TURN, ai_id=AI, outcome=outcome, reason=reason
            )
        )

    @property
    def lines(self) -> list[str]:
        return self.file.getvalue().split("\n")
