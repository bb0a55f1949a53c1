"""The room as its AI's tools may use it: in the name of those who asked, with their rights and no more."""

from collections.abc import Callable, Collection, Mapping

from multiplayer.live.room_host import RoomHost
from multiplayer.live.turn_door import TurnDoor
from multiplayer.protocol.cards import Form, Taint
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, CallId, RoomId, TurnId
from multiplayer.protocol.inner_commands import Propose
from multiplayer.protocol.messages import Message
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.values import rfc3339
from multiplayer.storage.port import ReadableRoom, Storage
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.registry import ToolResult

SHOWN_CHARACTERS = 600
"""Of one message that was found."""


class RoomDesk:
    """For one turn. `give` takes the form that will stand under the answer."""

    def __init__(
        self,
        host: RoomHost,
        storage: Storage,
        door: TurnDoor,
        turn_id: TurnId,
        fence: int,
        give: Callable[[Form], bool],
        taint: Callable[[], Collection[Taint]],
    ) -> None:
        self._host = host
        self._storage = storage
        self._door = door
        self._turn_id = turn_id
        self._fence = fence
        self._give = give
        self._taint = taint

    @property
    def room_id(self) -> RoomId:
        return self._host.room_id

    @property
    def turn_id(self) -> TurnId:
        return self._turn_id

    @property
    def ai_id(self) -> AccountId:
        return self._turn.ai_id

    @property
    def askers(self) -> tuple[AccountId, ...]:
        return self._turn.askers

    @property
    def taint(self) -> tuple[Taint, ...]:
        return tuple(sorted({*self._taint(), *self._turn.taint}))

    def approved_by(self, call_id: CallId) -> tuple[AccountId, ...]:
        cards = [call.approval for call in self._turn.calls if call.call_id == call_id]
        return tuple(who for card in cards if card is not None for who in card.approved_by)

    @property
    def _turn(self) -> TurnState:
        turn = self._host.room.state.turns.get(self._turn_id)
        if turn is None:
            raise Refused(RefusalCode.CONFLICT, "this turn has ended")
        return turn

    async def search(self, query: str, limit: int) -> ToolResult:
        first_seq = self._hidden_before
        hits = await self._storage.search([ReadableRoom(self.room_id, first_seq)], query, limit=limit)
        if not hits:
            return ToolResult(ok=True, text="No message has all these words.")
        lines = [self._line(hit.message) for hit in hits]
        taints = {taint for hit in hits for taint in hit.message.taint}
        return ToolResult(ok=True, text="\n".join(lines), taint=min(taints, default=None))

    async def give_form(self, form: Form) -> None:
        if not self._give(form):
            raise ToolRefused(ToolFault.REFUSED, "this turn has put a form to the room already")

    async def propose(self, *, text: str = "", fact_id: str | None = None) -> None:
        try:
            await self._door.submit(
                Propose(
                    turn_id=self._turn_id,
                    fence=self._fence,
                    text=text,
                    fact_id=fact_id,
                    taint=tuple(sorted(self._taint())),
                )
            )
        except Refused as refused:
            if refused.code in {
                RefusalCode.NO_CHANGE,
                RefusalCode.LIMIT_REACHED,
                RefusalCode.NOT_FOUND,
                RefusalCode.MALFORMED,
                RefusalCode.EXPIRED,
            }:
                raise ToolRefused(ToolFault.REFUSED, refused.message) from refused
            raise

    async def facts(self) -> Mapping[str, str]:
        if self._hidden_before:
            return {}
        return {fact.id: fact.text for fact in self._host.room.state.notes.facts}

    @property
    def _hidden_before(self) -> int:
        return max((self._host.room.hidden_before(asker) for asker in self.askers), default=0)

    def _line(self, message: Message) -> str:
        author = self._host.room.state.members.get(message.author_id)
        who = f"@{author.handle}" if author is not None else "someone who left"
        text = " ".join(message.text.split())
        if len(text) > SHOWN_CHARACTERS:
            text = text[:SHOWN_CHARACTERS] + " […]"
        marks = "".join(f" [from outside: {taint.value}]" for taint in message.taint)
        return f"{rfc3339(message.at)} {who} ({message.id}){marks}: {text}"
