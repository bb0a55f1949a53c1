"""One sitting of `multiplayer chat`: what comes is shown, what is typed is sent, and it knows when to end."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence

from rich.console import Console

from multiplayer.cli.chat_screen import Screen
from multiplayer.cli.failures import USAGE, Failure
from multiplayer.cli.stdin_lines import stdin_lines
from multiplayer.cli.visible import visible
from multiplayer.client import Client, Connectivity, Refused, Room, Sent
from multiplayer.client.lines import Line, Lines
from multiplayer.protocol.commands import StopTurn
from multiplayer.protocol.errors import RefusalCode
from multiplayer.protocol.events import TurnEnded
from multiplayer.protocol.ids import TurnId
from multiplayer.protocol.signals import Reset
from multiplayer.protocol.turns import TurnOutcome

CONNECT_S = 5.0
HELP = "/members who is here · /me who you are · /stop ends what the AI is at · /quit ends this · // sends a slash"
ILL = frozenset({TurnOutcome.FAILED, TurnOutcome.REFUSED})


class Progress:
    """How far the shown room has come, for whoever waits for it."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._seq = room.view.seq
        self._ended: dict[TurnId, TurnOutcome] = {}
        self._was_reset = False
        self._moved = asyncio.Event()

    def note(self, line: Line) -> None:
        if line.seq is not None:
            self._seq = line.seq
        if isinstance(line.word, TurnEnded):
            self._ended[line.word.turn_id] = line.word.outcome
        if isinstance(line.word, Reset):
            self._was_reset = True
            self._seq = self._room.view.seq
        self._moved.set()

    async def until_shown(self, sent: Sent) -> None:
        await self._until(lambda: self._seq >= sent.seq)

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
    try:
        client = Client(url, token=token, transport="sse" if uses_sse else "ws", connect_timeout_s=CONNECT_S)
    except ValueError as error:
        raise Failure(str(error), exit_code=USAGE) from None
    async with client:
        try:
            room = await client.room(room_name)
        except Refused as refused:
            if refused.code is RefusalCode.CONFLICT:
                raise Failure(refused.message, hint="give the id", exit_code=USAGE) from None
            raise
        sitting = Sitting(client, room, None if as_json else Screen(Console(highlight=False), lambda: room.view))
        return await sitting.run(once)


class Sitting:
    def __init__(self, client: Client, room: Room, screen: Screen | None) -> None:
        """Without a screen each line is printed exactly as it came."""
        self._client = client
        self._room = room
        self._screen = screen
        self._progress = Progress(room)
        self._turns: list[TurnId] = []
        self._is_well = True

    async def run(self, once: str | None) -> int:
        lines = self._room.lines()
        if self._screen is not None and once is None:
            self._screen.open()
        async with asyncio.TaskGroup() as tasks:
            beside = [tasks.create_task(self._show(lines)), tasks.create_task(self._tell_status())]
            if once is not None:
                await self._send(once)
                self._is_well &= await self._progress.until_ended(self._turns)
            else:
                await self._converse()
            for task in beside:
                task.cancel()
        if self._screen is not None:
            self._screen.close()
        return 0 if self._is_well else 1

    async def _converse(self) -> None:
        is_typed = sys.stdin is not None and sys.stdin.isatty()
        if sys.stdin is not None:
            async for text in stdin_lines(sys.stdin.fileno()):
                if text.strip() == "/quit":
                    return
                await self._guarded(self._act(text, waits=not is_typed))
        if not is_typed:
            self._is_well &= await self._progress.until_ended(self._turns)

    async def _guarded(self, work: Awaitable[None]) -> None:
        """A refusal of one line does not end the sitting."""
        try:
            await work
        except Refused as refused:
            self._is_well = False
            _complain(f"refused ({refused.code.value}): {refused.message}")

    async def _act(self, text: str, *, waits: bool) -> None:
        match text.strip().split(" ", 1)[0]:
            case "":
                return
            case "/help":
                self._note(HELP)
            case "/members":
                if self._screen is not None:
                    self._screen.members()
            case "/me":
                account = self._client.account
                member = self._room.view.members.get(account.id)
                self._note(
                    f"{account.display_name} @{account.handle}, {member.role.value if member else 'not a member'}"
                )
            case "/stop":
                for turn_id in tuple(self._room.view.turns):
                    await self._room.command(StopTurn(turn_id=turn_id))
            case word if word.startswith("/") and not word.startswith("//"):
                self._note(f"{word} is no command here; {HELP}")
            case _:
                await self._send(text[1:] if text.startswith("//") else text, waits=waits)

    async def _send(self, text: str, *, waits: bool = False) -> None:
        """Send, and note the turns that follow. `waits`: a pipe is as slow as the server's limits want it."""
        sent: Sent | None = None
        while sent is None:
            try:
                sent = await self._room.send(text)
            except Refused as refused:
                if not waits or refused.code is not RefusalCode.RATE_LIMITED or refused.retry_after_s is None:
                    raise
                await asyncio.sleep(refused.retry_after_s)
        await self._progress.until_shown(sent)
        self._turns += await self._room.turns_of(sent)

    async def _show(self, lines: Lines) -> None:
        async for line in lines:
            if self._screen is None:
                sys.stdout.write(line.text + "\n")
                sys.stdout.flush()
            elif line.word is not None:
                self._screen.show(line.word)
            self._progress.note(line)
        raise Failure("you are not in this room any more", hint="it was deleted, or your membership ended")

    async def _tell_status(self) -> None:
        async for status in self._client.status.subscribe():
            if status.state is Connectivity.RECONNECTING:
                _complain(f"reconnecting: {status.reason}")

    def _note(self, text: str) -> None:
        if self._screen is not None:
            self._screen.note(text)


def _complain(text: str) -> None:
    sys.stderr.write(f"multiplayer: {visible(text)}\n")
    sys.stderr.flush()
