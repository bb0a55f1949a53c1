"""What people say to a turn that runs: told to its model at the next step, as the lines they will be in the log."""

from collections.abc import Collection, Sequence

from multiplayer.ai.brain import Brain
from multiplayer.ai.brief import who_is
from multiplayer.ai.file_lines import with_files
from multiplayer.ai.prompts import Envelope, encode_envelope
from multiplayer.ai.units import with_cards
from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.room_host import RoomHost
from multiplayer.models.port import PromptMessage
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.ids import TurnId
from multiplayer.protocol.inner_commands import TakeSteering
from multiplayer.protocol.values import rfc3339


class Steering:
    """The letter box of one turn."""

    def __init__(self, seat: AiSeat, host: RoomHost, turn_id: TurnId) -> None:
        self._seat = seat
        self._host = host
        self._turn_id = turn_id
        self._waiting: list[PromptMessage] = []
        self._taint: set[Taint] = set()
        self._is_listening = False

    @property
    def taint(self) -> Collection[Taint]:
        """From where untrusted words came into the turn with what was taken so far."""
        return self._taint

    def listen(self, brain: Brain) -> None:
        """Take what comes from now on. A provider that only takes a question cannot be told more."""
        self._is_listening = brain.takes_tools

    async def take(self) -> TakeSteering | None:
        """Fetch what waits; return what says so in the log, to be submitted before the model is told."""
        turn = self._host.room.state.turns.get(self._turn_id)
        if turn is None or not turn.steering or not self._is_listening:
            return None
        room = self._host.room
        messages = await self._seat.storage.messages(self._host.room_id, list(turn.steering))
        secret = self._seat.room_secret(self._host.room_id)
        for message_id in turn.steering:
            message = messages.get(message_id)
            author = room.state.members.get(message.author_id) if message else None
            if message is None or message.is_deleted or author is None:
                continue
            who = who_is(author)
            envelope = Envelope(
                id=message.id,
                author=who.handle,
                role=who.role,
                at=rfc3339(message.at),
                name=who.name,
                text=with_files(with_cards(message.text, message.cards, message.form), message.attachments),
                reply_to=message.reply_to,
                taint=message.taint,
            )
            self._taint.update(message.taint)
            self._waiting.append(PromptMessage(role="user", content=encode_envelope(envelope, secret)))
        return TakeSteering(turn_id=self._turn_id, fence=turn.fence, messages=turn.steering)

    def told(self) -> Sequence[PromptMessage]:
        """Return what the model is to be told now; each line once."""
        told, self._waiting = self._waiting, []
        return told
