"""One sitting of `multiplayer chat`: what comes is shown, what is typed is sent, and it knows when to end."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

from rich.console import Console
from rich.text import Text

from multiplayer.cli.chat_commands import Commands
from multiplayer.cli.chat_desk import Desk
from multiplayer.cli.chat_reading import Reading
from multiplayer.cli.chat_refusals import in_words
from multiplayer.cli.chat_screen import Screen
from multiplayer.cli.chat_work import Work
from multiplayer.cli.failures import Failure
from multiplayer.cli.on_server import client_at, room_of
from multiplayer.cli.printer import Printer
from multiplayer.cli.stdin_lines import stdin_lines
from multiplayer.cli.visible import visible
from multiplayer.client import Client, ConnectionLost, Connectivity, Refused, Room
from multiplayer.client.lines import Line, Lines
from multiplayer.protocol.budgets import UsageGroup
from multiplayer.protocol.errors import RefusalCode
from multiplayer.protocol.ids import TurnId
from multiplayer.protocol.signals import Reset
from multiplayer.protocol.turn_events import TurnEnded
from multiplayer.protocol.turns import TurnOutcome

T = TypeVar("T")
COST_S = 2.0
"""How long what comes next may wait for what a turn cost."""
LINES_AT_ONCE = 200
"""Shown in one write, if so many wait."""
ILL = frozenset({TurnOutcome.FAILED, TurnOutcome.REFUSED})


class Progress:
    """How far the shown room has come, for whoever waits for it."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._seq = room.view.seq
        self._ended: dict[TurnId, TurnOutcome] = {}
        self._was_reset = False
        self._moved = asyncio.Event()

    def begin(self) -> None:
        """Take all that the room holds now as shown."""
        self._seq = self._room.view.seq

    def note(self, line: Line) -> None:
        if line.seq is not None:
            self._seq = line.seq
        if isinstance(line.word, TurnEnded):
            self._ended[line.word.turn_id] = line.word.outcome
        if isinstance(line.word, Reset):
            self._was_reset = True
            self._seq = self._room.view.seq
        self._moved.set()

    def seq(self) -> int:
        """Return the newest event that was shown."""
        return self._seq

    async def until_shown(self, seq: int) -> None:
        await self._until(lambda: self._seq >= seq)

    async def until_waiting(self, turns: Sequence[TurnId], work: Work) -> None:
        """Wait until a call waits for a person, or the turns have ended without one."""
        await self._until(lambda: bool(work.waiting()) or all(self._is_over(turn_id) for turn_id in turns))

    async def until_ended(self, turns: Sequence[TurnId]) -> bool:
        """Wait for the turns' ends; False if one went ill."""
        await self._until(lambda: all(self._is_over(turn_id) for turn_id in turns))
        return not any(self._ended.get(turn_id) in ILL for turn_id in turns)

    def _is_over(self, turn_id: TurnId) -> bool:
        # Over a reset the end itself may never be shown.
        return turn_id in self._ended or (self._was_reset and turn_id not in self._room.view.turns)

    async def _until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            self._moved.clear()
            await self._moved.wait()


async def run_chat(url: str, token: str, room_name: str, *, once: str | None, as_json: bool, uses_sse: bool) -> int:
    """Return the exit code. Raises what ends it otherwise."""
    async with client_at(url, token, uses_sse=uses_sse) as client:
        room = await room_of(client, room_name)
        console = Console(highlight=False)
        work = Work(lambda: room.view, client.account.id)
        screen = None if as_json else Screen(console, lambda: room.view, time.monotonic, work)
        sitting = Sitting(client, room, console, screen, work)
        return await sitting.run(once)


class Sitting:
    def __init__(self, client: Client, room: Room, console: Console, screen: Screen | None, work: Work) -> None:
        """Without a screen each line is printed exactly as it came."""
        self._printer = Printer(sys.stdout.fileno(), encoding=sys.stdout.encoding)
        self._console = console
        self._client = client
        self._room = room
        self._screen = screen
        self._progress = Progress(room)
        self._work = work
        self._commands = Commands(room, Desk(self._write, _complain, self._progress.until_shown), work)
        self._reading = Reading(room, self._progress.seq, self._progress.until_shown)
        self._turns: list[TurnId] = []
        self._unsent: tuple[str, str | None] = ("", None)
        """The last words that the server did not answer, and their key: typed again, they are never there twice."""
        self._is_well = True

    async def run(self, once: str | None) -> int:
        if self._screen is not None:
            await self._learn_currency(self._screen)
        # What came meanwhile is shown with the rest below, and only there.
        lines = self._room.lines()
        self._progress.begin()
        self._work.begin()
        if self._screen is not None:
            self._screen.begin()
        if self._screen is not None and once is None:
            await self._print(self._screen.open)
        # Only here what came before was shown, too.
        is_read = self._screen is not None and once is None
        async with asyncio.TaskGroup() as tasks:
            beside = [tasks.create_task(self._show(lines)), tasks.create_task(self._tell_status())]
            if is_read:
                beside.append(tasks.create_task(self._reading.keep()))
            if once is not None:
                await self._send(once)
                self._is_well &= await self._progress.until_ended(self._turns)
            else:
                await self._converse()
            if is_read and self._client.status.now.state is Connectivity.ONLINE:
                await self._reading.end()
            for task in beside:
                task.cancel()
        if self._screen is not None:
            await self._print(self._screen.close)
        return 0 if self._is_well else 1

    async def _converse(self) -> None:
        is_typed = sys.stdin is not None and sys.stdin.isatty()
        if sys.stdin is not None:
            async for text in stdin_lines(sys.stdin.fileno()):
                if text.strip() == "/quit" and not self._commands.is_filling_in:
                    return
                await self._guarded(self._act(text, waits=not is_typed), is_typed=is_typed)
        if not is_typed:
            # A form that was left half filled in is a script's mistake.
            self._is_well &= not self._commands.is_filling_in
            self._is_well &= await self._progress.until_ended(self._turns)

    async def _guarded(self, work: Awaitable[None], *, is_typed: bool) -> None:
        """A refusal of one line does not end the sitting. Who types has seen it; a script learns it from the exit."""
        try:
            await work
        except Refused as refused:
            self._is_well &= is_typed
            _complain(in_words(refused))

    async def _act(self, text: str, *, waits: bool) -> None:
        commands, line = self._commands, text.strip()
        if commands.is_filling_in:
            await self._carry_out(lambda: commands.fill_in(text), text, waits=waits)
        elif line.startswith("/") and not line.startswith("//"):
            if waits and not commands.is_at_once(line):
                # A script's next line is about the answer to the one before.
                self._is_well &= await self._progress.until_ended(self._turns)
            if waits and commands.is_decision(line):
                await self._progress.until_waiting(self._turns, self._work)
            await self._carry_out(lambda: commands.run(line), line, waits=waits)
        elif line:
            await self._say(text[1:] if text.startswith("//") else text, waits=waits)

    async def _carry_out(self, command: Callable[[], Awaitable[Sequence[TurnId]]], line: str, *, waits: bool) -> None:
        """Carry out a command, and note the turns that follow. Unanswered, it is not the end of the sitting."""
        try:
            self._turns += await self._patiently(command, waits=waits)
        except ConnectionLost as lost:
            self._is_well &= not waits
            _complain(f"{lost}; not done: {line}")

    async def _say(self, text: str, *, waits: bool) -> None:
        """Send what was said. Who types goes on when the server cannot be reached, and keeps the words."""
        try:
            await self._send(text, waits=waits)
        except ConnectionLost as lost:
            if waits:
                raise
            if lost.key is None:
                # It was sent; only what follows from it is not known.
                _complain(str(lost))
                return
            self._unsent = (text, lost.key)
            _complain(f"not sent: {text}")
            _complain(f"({lost}; type it again to send it)")

    async def _send(self, text: str, *, waits: bool = False) -> None:
        """Send, and note the turns that follow. `waits`: a pipe is as slow as the server's limits want it."""
        unsent, key = self._unsent
        sent = await self._patiently(lambda: self._room.send(text, key=key if text == unsent else None), waits=waits)
        self._unsent = ("", None)
        await self._progress.until_shown(sent.seq)
        self._turns += await self._room.turns_of(sent)

    async def _patiently(self, ask: Callable[[], Awaitable[T]], *, waits: bool) -> T:
        while True:
            try:
                return await ask()
            except Refused as refused:
                if not waits or refused.code is not RefusalCode.RATE_LIMITED or refused.retry_after_s is None:
                    raise
                await asyncio.sleep(refused.retry_after_s)

    async def _show(self, lines: Lines) -> None:
        with suppress(StopAsyncIteration):
            while True:
                batch = await lines.batch(LINES_AT_ONCE)
                if self._screen is None:
                    await self._printer.print("".join(f"{line.text}\n" for line in batch))
                    for line in batch:
                        if line.word is not None:
                            self._work.note(line.word)
                else:
                    await self._show_batch(self._screen, batch)
                for line in batch:
                    self._progress.note(line)
        raise Failure("you are not in this room any more", hint="it was deleted, or your membership ended")

    async def _show_batch(self, screen: Screen, batch: Sequence[Line]) -> None:
        """Show lines; right after each end of a turn, what the turn cost."""
        begin = 0
        for number, line in enumerate(batch, 1):
            is_end = isinstance(line.word, TurnEnded) and line.word.usage is not None and screen.tells_costs
            if is_end or number == len(batch):
                await self._print(partial(_show_all, screen, batch[begin:number]))
                begin = number
            if is_end and isinstance(line.word, TurnEnded):
                await self._tell_cost(screen, line.word.turn_id)

    async def _tell_cost(self, screen: Screen, turn_id: TurnId) -> None:
        """Ask for it: the room is not told of money. Whoever may not see it, or cannot now, is told nothing."""
        with suppress(Refused, ConnectionLost, TimeoutError):
            async with asyncio.timeout(COST_S):
                used = (await self._room.turn(turn_id)).usage
            if used is not None:
                await self._print(partial(screen.cost, used))

    async def _tell_status(self) -> None:
        """Say once that the connection broke, and once that it is there again."""
        is_broken = False
        async for status in self._client.status.subscribe():
            if status.state is Connectivity.RECONNECTING and not is_broken:
                is_broken = True
                _complain(f"reconnecting: {status.reason}")
            elif status.state is Connectivity.ONLINE and is_broken:
                is_broken = False
                _complain("connected again")

    async def _learn_currency(self, screen: Screen) -> None:
        """Costs are told in the currency of the server's prices, to whoever may see them at all."""
        # An older server does not know the question.
        with suppress(Refused, ConnectionLost):
            screen.know_currency((await self._room.usage(UsageGroup.AI)).currency)

    async def _write(self, lines: Iterable[Text | str]) -> None:
        if self._screen is not None:
            await self._print(partial(self._screen.write, lines))

    async def _print(self, shows: Callable[[], None]) -> None:
        """Let the screen show something, and write that at once."""
        with self._console.capture() as captured:
            shows()
        await self._printer.print(captured.get())


def _show_all(screen: Screen, lines: Sequence[Line]) -> None:
    for line in lines:
        if line.word is not None:
            screen.show(line.word)


def _complain(text: str) -> None:
    sys.stderr.write(f"multiplayer: {visible(text)}\n")
    sys.stderr.flush()
