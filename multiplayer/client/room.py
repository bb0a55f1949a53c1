"""A room as a program uses it: look at its view, send, command, and read what happens in order."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ulid import ULID

from multiplayer.client.connection import Connection
from multiplayer.client.lines import Lines, RoomWord, Words
from multiplayer.client.rest import Rest
from multiplayer.client.room_attachments import RoomAttachments
from multiplayer.client.room_feed import RoomFeed
from multiplayer.client.room_files import RoomFiles
from multiplayer.client.room_reads import RoomReads
from multiplayer.client.room_retention import RoomRetention
from multiplayer.client.room_sync import RoomSync
from multiplayer.client.view import View, WaitingCall
from multiplayer.protocol.budgets import Budget
from multiplayer.protocol.cards import FormAnswer
from multiplayer.protocol.commands import (
    AnswerForm,
    AskAi,
    AskTranscript,
    ChooseAnswer,
    Command,
    DecideApproval,
    DecideProposal,
    EditSummary,
    EditTranscript,
    ForgetFact,
    PinFact,
    PostMessage,
    RegenerateAnswer,
    RemoveAttachment,
    SetBudget,
    SetRoomSettings,
    SetTyping,
    SteerTurn,
    StopTranscript,
    StopTurn,
    UndoTurn,
)
from multiplayer.protocol.events import FactPinned
from multiplayer.protocol.ids import AccountId, AttachmentId, CallId, MessageId, RoomId, TurnId
from multiplayer.protocol.memory import PointEdit
from multiplayer.protocol.requests import Request
from multiplayer.protocol.retention import Retention
from multiplayer.protocol.signals import Accepted, Cursor
from multiplayer.protocol.trigger_rules import TriggerRule
from multiplayer.protocol.turn_events import TurnCollected, TurnRequested, TurnSteered

_Ask = TurnRequested | TurnCollected | TurnSteered


@dataclass(frozen=True, slots=True)
class Sent:
    """A stored message: its number in the room's log, and its id (which is the message's id too)."""

    seq: int
    event_id: str
    key: str

    @property
    def message_id(self) -> MessageId:
        return MessageId(self.event_id)


class Room(RoomReads, RoomFiles, RoomAttachments, RoomSync, RoomRetention):
    """Made by `Client.room`. Stays up to date until `leave`, the end of the client, or of the membership.

    What a method says of failing goes for all: `Refused` (nothing was stored), `NotSignedIn`, or `ConnectionLost`
    with the key under which the same thing can be asked again.
    """

    def __init__(self, feed: RoomFeed, connection: Connection, rest: Rest) -> None:
        super().__init__(rest, feed.room_id)
        self._feed = feed
        self._connection = connection

    @property
    def id(self) -> RoomId:
        return self._feed.room_id

    @property
    def name(self) -> str:
        return self.view.room.name

    @property
    def view(self) -> View:
        """The room as it is now: members, messages, turns and their words so far."""
        return self._feed.view

    async def send(
        self,
        text: str,
        *,
        reply_to: MessageId | None = None,
        attachments: Sequence[AttachmentId] = (),
        key: str | None = None,
    ) -> Sent:
        """Post a message and return when it is stored. The same `key` again is the same message, never a second one.

        `attachments`: files of yours that `send_file` sent into this room, ten at most; with them `text` may be empty.
        Raises `Refused` (nothing stored), `NotSignedIn`, or `ConnectionLost` with the key to send it again under.
        """
        return await self._say(PostMessage(text=text, reply_to=reply_to, attachments=tuple(attachments)), key)

    async def remove_attachment(
        self, message_id: MessageId, attachment_id: AttachmentId, *, key: str | None = None
    ) -> Accepted:
        """Take a file off a message, for everyone; its author may, and who may delete anybody's message."""
        return await self.command(RemoveAttachment(message_id=message_id, attachment_id=attachment_id), key=key)

    async def edit_transcript(
        self, message_id: MessageId, attachment_id: AttachmentId, text: str, *, key: str | None = None
    ) -> Accepted:
        """Write what is said in a recording; its message's author may, while nobody listens to it."""
        return await self.command(
            EditTranscript(message_id=message_id, attachment_id=attachment_id, text=text), key=key
        )

    async def ask_transcript(
        self, message_id: MessageId, attachment_id: AttachmentId, *, key: str | None = None
    ) -> Accepted:
        """Have a recording written down, where that failed, was stopped, or never began."""
        return await self.command(AskTranscript(message_id=message_id, attachment_id=attachment_id), key=key)

    async def stop_transcript(
        self, message_id: MessageId, attachment_id: AttachmentId, *, key: str | None = None
    ) -> Accepted:
        """Have nobody listen to a recording."""
        return await self.command(StopTranscript(message_id=message_id, attachment_id=attachment_id), key=key)

    async def command(self, command: Command, *, key: str | None = None) -> Accepted:
        """Carry out any command; its acceptance has a seq if it caused an event. As `send`; typing is tried once."""
        given = None if isinstance(command, SetTyping) else key or str(ULID())
        return await self._connection.submit(Request(id=str(ULID()), room_id=self.id, key=given, command=command))

    async def ask_ai(
        self, ai_id: AccountId | None = None, *, message_id: MessageId | None = None, key: str | None = None
    ) -> TurnId:
        """Ask an AI (the room's default one) for a turn without writing a message; return the turn that answers."""
        return _the_turn(await self._asked(AskAi(ai_id=ai_id, message_id=message_id), key))

    async def stop_turn(self, turn_id: TurnId, *, key: str | None = None) -> Accepted:
        """Ask a turn to end; what it has said stays."""
        return await self.command(StopTurn(turn_id=turn_id), key=key)

    async def steer(self, turn_id: TurnId, text: str, *, key: str | None = None) -> Sent:
        """Say something into a turn that has not ended: everybody reads it, the model is told at its next step."""
        return await self._say(SteerTurn(turn_id=turn_id, text=text), key)

    async def regenerate(self, message_id: MessageId, *, key: str | None = None) -> TurnId:
        """Let an AI's answer be given again; return the turn that does. What it said before stays, to choose from."""
        return _the_turn(await self._asked(RegenerateAnswer(message_id=message_id), key))

    async def choose_answer(self, message_id: MessageId, index: int, *, key: str | None = None) -> Accepted:
        """Let `alternatives[index]` of a message be the answer that stands."""
        return await self.command(ChooseAnswer(message_id=message_id, index=index), key=key)

    async def answer_form(
        self, message_id: MessageId, answers: Mapping[str, str | Sequence[str]], *, key: str | None = None
    ) -> TurnId | None:
        """Fill in a form, by the questions' ids; return the turn in which its AI goes on with the answers.

        None: its AI is not in the room any more, and the answers only stand in the form.
        """
        given = tuple(
            FormAnswer(question_id=question_id, values=(said,) if isinstance(said, str) else tuple(said))
            for question_id, said in answers.items()
        )
        turns = await self._asked(AnswerForm(message_id=message_id, answers=given), key)
        return turns[0].turn_id if turns and turns[0].message_id == message_id else None

    async def edit_summary(
        self, points: Sequence[PointEdit], *, version: int | None = None, key: str | None = None
    ) -> Accepted:
        """Replace the summary's points. `version`: the one that was edited; refused if another one is newer."""
        if version is None:
            version = self.view.summary.version if self.view.summary is not None else 0
        return await self.command(EditSummary(version=version, points=tuple(points)), key=key)

    async def pin_fact(self, text: str, *, message_id: MessageId | None = None, key: str | None = None) -> str:
        """Tell the room's AIs something that they always know; return the fact's id."""
        accepted = await self.command(PinFact(text=text, message_id=message_id), key=key)
        line, *_ = await self._caused(accepted)
        assert isinstance(line, FactPinned), f"a fact was pinned, not {line}"
        return line.fact.id

    async def forget_fact(self, fact_id: str, *, key: str | None = None) -> Accepted:
        return await self.command(ForgetFact(fact_id=fact_id), key=key)

    async def set_budget(self, budget: Budget, *, key: str | None = None) -> Accepted:
        """Replace the room's caps as a whole; `view.budget` has those that hold."""
        return await self.command(SetBudget(budget=budget), key=key)

    async def set_triggers(self, triggers: Sequence[TriggerRule], *, key: str | None = None) -> Accepted:
        """Replace the rules by which AIs take turns. The other settings stay as `view` has them."""
        settings = self.view.room.settings.model_copy(update={"triggers": tuple(triggers)})
        return await self.command(SetRoomSettings(settings=settings), key=key)

    async def set_retention(self, rule: Retention, *, key: str | None = None) -> Accepted:
        """Set how long the room keeps what is said; what is older goes from then on. `retention(rule)` shows it before."""
        settings = self.view.room.settings.model_copy(update={"retention": rule})
        return await self.command(SetRoomSettings(settings=settings), key=key)

    async def decide_approval(
        self, turn_id: TurnId, call_id: CallId, sha256: str, *, is_approved: bool, key: str | None = None
    ) -> Accepted:
        """Approve a tool call, or reject it. `sha256` is that of the card that was read: no other call is decided."""
        decision = DecideApproval(turn_id=turn_id, call_id=call_id, sha256=sha256, is_approved=is_approved)
        return await self.command(decision, key=key)

    async def approve(self, waiting: WaitingCall, *, key: str | None = None) -> Accepted:
        """Let one of `view.waiting_approvals` run, once; it may take further people's yes."""
        turn_id, call_id = waiting.turn.turn_id, waiting.call.call_id
        return await self.decide_approval(turn_id, call_id, waiting.card.sha256, is_approved=True, key=key)

    async def reject(self, waiting: WaitingCall, *, key: str | None = None) -> Accepted:
        """Keep one of `view.waiting_approvals` from running; the AI is told by whom."""
        turn_id, call_id = waiting.turn.turn_id, waiting.call.call_id
        return await self.decide_approval(turn_id, call_id, waiting.card.sha256, is_approved=False, key=key)

    async def undo_turn(self, turn_id: TurnId, *, keeps_others: bool = False, key: str | None = None) -> Accepted:
        """Ask that the files a turn changed be put back. What came of it, a `TurnUndone` event says.

        If others changed the same files since, nothing is put back; `keeps_others` puts back the rest.
        """
        return await self.command(UndoTurn(turn_id=turn_id, keeps_others=keeps_others), key=key)

    async def decide_proposal(self, proposal_id: str, *, is_accepted: bool, key: str | None = None) -> Accepted:
        """Let the room remember (or forget) what an AI proposes in `view.proposals`, or drop that."""
        return await self.command(DecideProposal(proposal_id=proposal_id, is_accepted=is_accepted), key=key)

    def events(self, *, after: int | None = None) -> Words:
        """Return what happens from now on, or after event `after`, as an async iterator of events and signals.

        Each event comes once and in order, over any number of reconnections; signals may be lost on the way. After a
        `reset` the log is another one (a restored database): look at `view`. Ends with the membership or the client.
        """
        return Words(self.lines(after=after))

    def lines(self, *, after: int | None = None) -> Lines:
        """As `events`, with each line's text exactly as the server sent it."""
        return self._feed.read(after)

    async def wait_for(
        self, predicate: Callable[[RoomWord], bool], timeout_s: float, *, after: int | None = None
    ) -> RoomWord:
        """Return the first event or signal that `predicate` holds for. Raises `TimeoutError`.

        Give `after` (`sent.seq`) for what may have happened before this call. Raises `EOFError` if the room ends.
        """
        words = self.events(after=after)
        async with asyncio.timeout(timeout_s):
            async for word in words:
                if predicate(word):
                    return word
        raise EOFError("the room ended before it came")

    async def turns_of(self, sent: Sent) -> Sequence[TurnId]:
        """Return the turns of AI members that this message asked for; they may be waiting, running or done."""
        # What a command causes is stored at once and in a row, so it stands right behind the message.
        words = await self._words_after(sent.seq)
        return [word.turn_id for word in words if isinstance(word, _Ask) and word.message_id == sent.event_id]

    async def leave(self) -> None:
        """Stop following the room here; the membership stays."""
        await self._connection.leave(self._feed)

    async def _say(self, command: PostMessage | SteerTurn, key: str | None) -> Sent:
        key = key or str(ULID())
        accepted = await self.command(command, key=key)
        assert accepted.seq is not None, "a message is an event"
        assert accepted.event_id is not None, "an event has an id"
        return Sent(accepted.seq, accepted.event_id, key)

    async def _asked(self, command: AskAi | RegenerateAnswer | AnswerForm, key: str | None) -> Sequence[_Ask]:
        """Return the requests from this command on; its own one is the first, if it makes one."""
        caused = await self._caused(await self.command(command, key=key))
        return [word for word in caused if isinstance(word, _Ask)]

    async def _caused(self, accepted: Accepted) -> Sequence[RoomWord | None]:
        """Return what a command caused, its first event first; what others did comes behind it."""
        assert accepted.seq is not None, "it is an event"
        return await self._words_after(accepted.seq - 1)

    async def _words_after(self, seq: int) -> Sequence[RoomWord | None]:
        epoch = self._connection.welcome.epoch if self._connection.welcome else ""
        return [line.word for line in await self._rest.events(self.id, Cursor(epoch=epoch, seq=seq), limit=50)]


def _the_turn(asked: Sequence[_Ask]) -> TurnId:
    assert asked, "this command always asks for a turn"
    return asked[0].turn_id
