"""The room as its AI's tools may use it: in the name of those who asked, with their rights and no more."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.downloads import OpenFile
from multiplayer.live.room_host import RoomHost
from multiplayer.live.turn_door import TurnDoor
from multiplayer.protocol.attachments import MAX_FILE_NAME, Attachment, BeginUpload
from multiplayer.protocol.cards import Form, Taint
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, AttachmentId, CallId, RoomId, TurnId
from multiplayer.protocol.inner_commands import Propose
from multiplayer.protocol.messages import Message
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.values import rfc3339
from multiplayer.rooms.permissions import Right, may
from multiplayer.storage.port import ReadableRoom
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.registry import ToolResult

SHOWN_CHARACTERS = 600
"""Of one message that was found."""


class RoomDesk:
    """For one turn. `give` takes the form that will stand under the answer, `carry` a file that goes with it."""

    def __init__(
        self,
        host: RoomHost,
        seat: AiSeat,
        door: TurnDoor,
        turn_id: TurnId,
        fence: int,
        give: Callable[[Form], bool],
        carry: Callable[[AttachmentId], bool],
        taint: Callable[[], Collection[Taint]],
    ) -> None:
        self._host = host
        self._storage = seat.storage
        self._files = seat.files
        self._door = door
        self._turn_id = turn_id
        self._fence = fence
        self._give = give
        self._carry = carry
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

    def may_stop(self, askers: Sequence[AccountId]) -> bool:
        room = self._host.room
        members = [room.state.members.get(asker) for asker in self.askers]
        return all(
            member is not None
            and may(Right.STOP_TURN, member.role, room.state.room.settings, is_own_request=member.account_id in askers)
            for member in members
        )

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

    async def files(self, limit: int) -> Sequence[Attachment]:
        found = await self._storage.files_of_room(self.room_id, limit=limit, from_seq=self._hidden_before)
        return [one.attachment for one in found[:limit]]

    async def file_text(self, file_id: str) -> tuple[Attachment, str]:
        async with _in_words():
            # Each of them must be able to read it.
            file, *_ = [await self._files.downloads.text(AttachmentId(file_id), asker) for asker in self.askers]
            self._check_room(file)
            return file.attachment, (await self._bytes_of(file, file.size)).decode(errors="replace")

    async def file_bytes(self, file_id: str, most_bytes: int) -> tuple[Attachment, bytes]:
        async with _in_words():
            downloads, one = self._files.downloads, AttachmentId(file_id)
            file, *_ = [await downloads.content(one, asker, is_inline=False) for asker in self.askers]
            self._check_room(file)
            return file.attachment, await self._bytes_of(file, most_bytes)

    async def attach(self, name: str, data: bytes) -> None:
        async with _in_words():
            for asker in self.askers:
                self._host.room.check(asker, Right.ATTACH)
            if not 1 <= len(name) <= MAX_FILE_NAME:
                raise ToolRefused(ToolFault.BAD_ARGUMENTS, f"a file's name has 1 to {MAX_FILE_NAME} characters")
            asked = BeginUpload(name=name, size=len(data))
            upload = await self._files.uploads.take(self.room_id, self.ai_id, asked, _once(data))
        if not self._carry(upload.attachment.id):
            raise ToolRefused(ToolFault.REFUSED, "this answer can carry no (further) file")

    def _check_room(self, file: OpenFile) -> None:
        if file.room_id != self.room_id:
            # Its askers could read it; this room is not where it was shown.
            raise ToolRefused(ToolFault.NOT_FOUND, "there is no such file in this room")

    async def _bytes_of(self, file: OpenFile, most_bytes: int) -> bytes:
        if file.size > most_bytes:
            raise ToolRefused(ToolFault.TOO_BIG, f"the file has {file.size} bytes; at most {most_bytes} are taken")
        try:
            return b"".join([piece async for piece in await self._files.downloads.read(file)])
        except ConnectionAbortedError as broken:
            raise ToolRefused(ToolFault.IO, "the file store broke off: try again") from broken

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


@asynccontextmanager
async def _in_words() -> AsyncIterator[None]:
    """Say to the model what the room's doors refuse to its askers."""
    try:
        yield
    except Refused as refused:
        code = ToolFault.NOT_FOUND if refused.code is RefusalCode.NOT_FOUND else ToolFault.REFUSED
        raise ToolRefused(code, refused.message) from refused


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
