"""What a line that begins with / does in a chat: steer, answer again, remember, and look at what the AI knew and cost."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from multiplayer.cli import report_words as words
from multiplayer.cli.chat_cards import form_lines
from multiplayer.cli.chat_desk import Desk
from multiplayer.cli.chat_file_commands import FileCommands
from multiplayer.cli.chat_form import BadAnswer, FormFilling
from multiplayer.cli.chat_help import HELP
from multiplayer.cli.chat_refusals import in_words, not_there, number_of, typed_wrong
from multiplayer.cli.chat_tool_commands import ToolCommands
from multiplayer.cli.chat_work import Work
from multiplayer.cli.retention_words import rule_words
from multiplayer.client import ConnectionLost, Refused, Room
from multiplayer.protocol.budgets import UsageGroup
from multiplayer.protocol.commands import PinFact
from multiplayer.protocol.errors import RefusalCode
from multiplayer.protocol.ids import AccountId, TurnId
from multiplayer.protocol.members import AccountKind, Role
from multiplayer.protocol.messages import Message
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.signals import Accepted

_AT_ONCE = frozenset(
    {
        "/help",
        "/me",
        "/members",
        "/stop",
        "/steer",
        "/turns",
        "/approve",
        "/reject",
        "/jobs",
        "/files",
        "/attachments",
        "/save",
        "/retention",
    }
)
"""Also while an AI answers; the others are about what was answered, or change what it would be told."""
_DECIDES = frozenset({"/approve", "/reject"})
_GROUPS = frozenset({UsageGroup.ASKER, UsageGroup.AI, UsageGroup.MODEL, UsageGroup.DAY})


class Commands:
    """Each returns the turns that follow from it, so that a script can wait for their ends."""

    def __init__(self, room: Room, desk: Desk, work: Work) -> None:
        self._room = room
        self._my_id = work.my_id
        self._desk = desk
        self._tools = ToolCommands(room, desk, work)
        self._filling: FormFilling | None = None
        # A chat marks what it shows as read, so the mark of now says nothing about what was missed.
        self._read_before = room.view.read_before.seq
        self._commands: Mapping[str, Callable[[str], Awaitable[Sequence[TurnId]]]] = {
            "/help": self._help,
            "/members": self._members,
            "/me": self._me,
            "/stop": self._stop,
            "/steer": self._steer,
            "/again": self._again,
            "/choose": self._choose,
            "/form": self._form,
            "/explain": self._explain,
            "/why": self._why,
            "/context": self._context,
            "/cost": self._cost,
            "/turns": self._turns,
            "/usage": self._usage,
            "/retention": self._retention,
            "/facts": self._facts,
            "/remember": self._remember,
            "/forget": self._forget,
            "/summary": self._summary,
            "/catchup": self._catch_up,
            **self._tools.commands,
            **FileCommands(room, desk).commands,
        }

    @property
    def is_filling_in(self) -> bool:
        """The next line is an answer to a form's question, whatever it says."""
        return self._filling is not None

    def is_at_once(self, line: str) -> bool:
        """Tell whether this command makes sense while an answer is still coming."""
        return line.partition(" ")[0] in _AT_ONCE

    def is_decision(self, line: str) -> bool:
        """Tell whether this command is about a call that waits for a person."""
        return line.partition(" ")[0] in _DECIDES

    async def run(self, line: str) -> Sequence[TurnId]:
        """Carry out a line that begins with a slash. Raises `Refused`, also for what is typed wrong."""
        name, _, rest = line.strip().partition(" ")
        command = self._commands.get(name)
        if command is None:
            raise typed_wrong(f"{name} is no command here; /help lists them")
        return await command(rest.strip())

    async def fill_in(self, line: str) -> Sequence[TurnId]:
        """Take a line as the answer to the question that was shown last."""
        assert self._filling is not None, "a form is being filled in"
        filling = self._filling
        if line.strip() == "/cancel":
            self._filling = None
            await self._say("nothing was filled in")
            return ()
        if not self._is_open(filling):
            self._filling = None
            raise Refused(RefusalCode.CONFLICT, "somebody else filled in this form, or it is gone")
        try:
            filling.take(line)
        except BadAnswer as bad:
            await self._say(str(bad))
            return ()
        if not filling.is_done:
            await self._desk.write(filling.question())
            return ()
        self._filling = None
        if not filling.answers:
            await self._say("nothing was filled in")
            return ()
        try:
            turn_id = await self._room.answer_form(filling.message_id, filling.answers)
        except Refused as refused:
            if refused.code is RefusalCode.RATE_LIMITED:
                # The last answer may be given again in a moment.
                filling.go_back()
                self._filling = filling
            raise
        except ConnectionLost:
            filling.go_back()
            self._filling = filling
            raise
        return () if turn_id is None else (turn_id,)

    async def _help(self, _: str) -> Sequence[TurnId]:
        width = max(len(name) for name, _ in HELP)
        member = self._room.view.members.get(self._my_id)
        may_all = member is not None and member.role in {Role.OWNER, Role.ADMIN}
        what = "is at" if may_all else "does for you alone"
        await self._say(*(f"{name.ljust(width)}  {does.format(what=what)}" for name, does in HELP))
        return ()

    async def _members(self, _: str) -> Sequence[TurnId]:
        view = self._room.view
        members = sorted(view.members.values(), key=lambda member: (-member.role.rank, member.handle))
        await self._say(*(words.member_line(member, is_here=member.account_id in view.online) for member in members))
        return ()

    async def _me(self, _: str) -> Sequence[TurnId]:
        member = self._room.view.members.get(self._my_id)
        await self._say(
            f"{member.display_name} @{member.handle}, {member.role.value}" if member else "you are no member"
        )
        return ()

    async def _stop(self, rest: str) -> Sequence[TurnId]:
        """Stop what may be stopped. A refusal is said and is no failure of the sitting."""
        what, _, job_id = rest.partition(" ")
        if what == "job":
            return await self._tools.stop_job(job_id.strip())
        turns = self._room.view.turns
        if not turns:
            await self._say("nothing is running")
        for turn_id in turns:
            try:
                await self._room.stop_turn(turn_id)
            except Refused as refused:
                self._desk.complain(in_words(refused))
        return ()

    async def _steer(self, rest: str) -> Sequence[TurnId]:
        turn, text = self._turn_meant(rest)
        if not text:
            raise typed_wrong("say what it should know: /steer TEXT")
        if turn is None:
            await self._say("nothing is running")
            return ()
        sent = await self._room.steer(turn.turn_id, text)
        await self._desk.until_shown(sent.seq)
        return await self._room.turns_of(sent)

    async def _again(self, _: str) -> Sequence[TurnId]:
        message = self._last(lambda message: message.turn_id is not None)
        if message is None:
            raise not_there("no AI has answered here lately")
        return (await self._room.regenerate(message.id),)

    async def _choose(self, rest: str) -> Sequence[TurnId]:
        message = self._last(lambda message: bool(message.alternatives))
        if message is None:
            raise not_there("there is no message with several answers; /again makes one")
        number = number_of(rest, len(message.alternatives), "/choose N: answers")
        return await self._done(await self._room.choose_answer(message.id, number - 1))

    async def _form(self, _: str) -> Sequence[TurnId]:
        message = self._last(lambda message: message.form is not None)
        if message is None or message.form is None:
            raise not_there("no AI asks anything")
        if message.form.answered_by is not None:
            await self._desk.write(form_lines(message.form, self._handle(message.form.answered_by)))
            return ()
        self._filling = FormFilling(message.id, message.form)
        await self._desk.write(self._filling.question())
        return ()

    async def _explain(self, _: str) -> Sequence[TurnId]:
        message = self._last(self._is_by_person)
        if message is None:
            raise not_there("nothing was said here yet")
        await self._say(*words.explanation_lines(await self._room.explain(message.id), self._handle))
        return ()

    async def _why(self, _: str) -> Sequence[TurnId]:
        page = await self._room.turns(limit=1)
        known = [*page.ended, *page.open]
        if not known:
            raise not_there("no AI has taken a turn here yet")
        currency = await self._currency()
        await self._say(*words.turn_lines(await self._room.turn(known[0].turn_id), self._handle, currency))
        return ()

    async def _context(self, rest: str) -> Sequence[TurnId]:
        ai_id = self._room.view.member_called(rest).account_id if rest else None
        await self._say(*words.context_lines(await self._room.context(ai_id), self._handle))
        return ()

    async def _cost(self, rest: str) -> Sequence[TurnId]:
        if not rest:
            raise typed_wrong("say what you would ask: /cost TEXT")
        await self._say(*words.estimate_lines(await self._room.estimate(rest)))
        return ()

    async def _turns(self, _: str) -> Sequence[TurnId]:
        page = await self._room.turns(limit=10)
        currency = await self._currency()
        await self._say(*words.turn_page_lines(page, self._handle, currency))
        return ()

    async def _usage(self, rest: str) -> Sequence[TurnId]:
        if rest and rest not in _GROUPS:
            raise typed_wrong("/usage, or /usage with one of asker, ai, model, day")
        report = await self._room.usage(UsageGroup(rest) if rest else UsageGroup.AI)
        await self._say(*words.usage_lines(report, self._handle))
        return ()

    async def _retention(self, _: str) -> Sequence[TurnId]:
        await self._say(rule_words(self._room.view.room.settings.retention))
        return ()

    async def _facts(self, _: str) -> Sequence[TurnId]:
        facts = self._room.view.facts
        lines = [f"{number}. {fact.text} ({self._handle(fact.by)})" for number, fact in enumerate(facts, 1)]
        await self._say(*lines or ["no fact is pinned; /remember TEXT pins one"])
        return ()

    async def _remember(self, rest: str) -> Sequence[TurnId]:
        if not rest:
            raise typed_wrong("say what the AIs should always know: /remember TEXT")
        return await self._done(await self._room.command(PinFact(text=rest)))

    async def _forget(self, rest: str) -> Sequence[TurnId]:
        facts = self._room.view.facts
        fact = facts[number_of(rest, len(facts), "/forget N: facts") - 1]
        return await self._done(await self._room.forget_fact(fact.id))

    async def _summary(self, _: str) -> Sequence[TurnId]:
        summary = self._room.view.summary
        lines = words.summary_lines(summary) if summary is not None and summary.points else ["there is no summary yet"]
        await self._say(*lines)
        return ()

    async def _catch_up(self, _: str) -> Sequence[TurnId]:
        await self._say(*words.catch_up_lines(await self._room.catch_up(after=self._read_before), self._handle))
        return ()

    async def _done(self, accepted: Accepted) -> Sequence[TurnId]:
        """Wait until everybody's view has it, this one too: the next command may be about it."""
        if accepted.seq is not None:
            await self._desk.until_shown(accepted.seq)
        return ()

    async def _say(self, *notes: str) -> None:
        await self._desk.write(notes)

    async def _currency(self) -> str:
        """Return the currency of the server's prices; empty for those who may not see costs."""
        try:
            return (await self._room.usage(UsageGroup.AI)).currency
        except Refused:
            return ""

    def _turn_meant(self, rest: str) -> tuple[TurnState | None, str]:
        """Return the turn that a line means, and what it says: `@handle` before it chooses among several AIs."""
        turns = [turn for turn in self._room.view.turns.values() if not turn.is_stop_requested]
        turns = [turn for turn in turns if turn.is_running] or turns
        first, _, text = rest.partition(" ")
        if first.startswith("@"):
            of_it = [turn for turn in turns if self._handle(turn.ai_id) == first[1:].casefold()]
            if of_it:
                return of_it[0], text.strip()
        if len({turn.ai_id for turn in turns}) > 1:
            handles = ", ".join(f"@{self._handle(turn.ai_id)}" for turn in turns)
            raise typed_wrong(f"several AIs are at work: /steer @HANDLE TEXT, with one of {handles}")
        return (turns[0] if turns else None), rest

    def _is_open(self, filling: FormFilling) -> bool:
        message = self._room.view.messages.get(filling.message_id)
        return message is not None and message.form is not None and message.form.answered_by is None

    def _last(self, is_it: Callable[[Message], bool]) -> Message | None:
        """Return the newest message that is not deleted and that `is_it` holds for."""
        messages = reversed(self._room.view.messages.values())
        return next((message for message in messages if not message.is_deleted and is_it(message)), None)

    def _is_by_person(self, message: Message) -> bool:
        author = self._room.view.members.get(message.author_id)
        return message.turn_id is None and (author is None or author.kind is not AccountKind.AI)

    def _handle(self, account_id: AccountId) -> str:
        member = self._room.view.members.get(account_id)
        return member.handle if member is not None else account_id
