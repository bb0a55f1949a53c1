"""Makes accounts, tokens and rooms in a data folder, as the command line does: `python -m benchmarks.seed_rooms`.

Reads what is wanted as a line of JSON on stdin and writes what was made as one: tokens stand in no argument list.
"""

import asyncio
import sys
from collections.abc import Coroutine, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from multiplayer.compose import command_line
from multiplayer.live.pod import Pod
from multiplayer.protocol.commands import InviteMember, PostMessage, SetRoomSettings
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.members import Account
from multiplayer.protocol.profiles import AiProfile
from multiplayer.protocol.trigger_rules import MentionRule
from multiplayer.settings import load_settings

_AT_ONCE = 8
_SAID_AT_ONCE = 200
_MENTIONS_PER_MIN = 600
T = TypeVar("T")


class RoomWanted(BaseModel):
    name: str
    members: int
    """People, the owner with them."""
    first: int = 0
    """Which of the accounts is the first of them, and the owner."""
    with_ai: bool = False
    ai: AiProfile | None = None
    """A further AI, which is asked as often as a machine can ask."""
    said: int = 0
    """So many messages stand in it, by turns of its people."""


class Wanted(BaseModel):
    data_dir: Path
    accounts: int
    rooms: list[RoomWanted]
    links: int = 0
    """How many of the accounts, from the first on, are given a link to sign in by at a browser."""


class Made(BaseModel):
    tokens: list[str]
    room_ids: list[str]
    links: list[str] = []
    """What stands behind the # of each."""


async def make(wanted: Wanted) -> Made:
    most = max(room.members for room in wanted.rooms)
    async with command_line(load_settings(wanted.data_dir, room_members=most + 10)) as pod:
        profiles = {room.ai.handle: room.ai for room in wanted.rooms if room.ai is not None}
        for profile in profiles.values():
            await pod.profiles.create(profile, by=None, origin="cli")
        people = await _in_parallel(_account(pod, f"member{number:04}") for number in range(wanted.accounts))
        room_ids = await _in_parallel(_room(pod, room, [account for account, _ in people]) for room in wanted.rooms)
        links = [await pod.doors.local.create_login_link(account.id) for account, _ in people[: wanted.links]]
        return Made(tokens=[token for _, token in people], room_ids=list(room_ids), links=[link.text for link in links])


async def _account(pod: Pod, handle: str) -> tuple[Account, str]:
    account = await pod.lobby.create_account(handle, origin="cli")
    return account, (await pod.doors.access_tokens.create(account.id, "benchmarks", None)).text


async def _room(pod: Pod, room: RoomWanted, accounts: list[Account]) -> RoomId:
    owner, *others = accounts[room.first : room.first + room.members]
    room_id = await pod.lobby.create_room(owner.id, room.name, with_ai=room.with_ai, origin="cli")
    host = await pod.directory.host(room_id)
    async with asyncio.TaskGroup() as tasks:
        for account in others:
            # All at once: the room takes them in one batch.
            tasks.create_task(host.ask(owner.id, InviteMember(handle=account.handle), origin="cli"))
        if room.ai is not None:
            tasks.create_task(host.ask(owner.id, InviteMember(handle=room.ai.handle), origin="cli"))
    if room.ai is not None:
        often = (MentionRule(id="mention", per_min=_MENTIONS_PER_MIN),)
        settings = host.room.state.room.settings.model_copy(update={"triggers": often})
        await host.ask(owner.id, SetRoomSettings(settings=settings), origin="cli")
    people = [account for account in (owner, *others) if account.id in host.room.state.members]
    for first in range(0, room.said, _SAID_AT_ONCE):
        async with asyncio.TaskGroup() as tasks:
            for number in range(first, min(room.said, first + _SAID_AT_ONCE)):
                words = PostMessage(text=_words(room.name, number))
                tasks.create_task(host.ask(_speaker(people, number).id, words, origin="cli"))
    return room_id


def _speaker(people: Sequence[Account], number: int) -> Account:
    """Everyone says up to three things before the next one does."""
    return people[(number // 3 + number // 7) % len(people)]


def _words(room: str, number: int) -> str:
    """What people write: mostly a line, at times a paragraph, a list or code; each names its room."""
    line = f"message {number} in {room}: the room keeps one order of everything that is said"
    match number % 20:
        case 3 | 13:
            return " ".join([line] * 4)
        case 7:
            return f"{line}\n\n- first **this**\n- then `that`\n- and [a link](https://example.com/{number})"
        case 17:
            return f"{line}\n\n```python\ndef answer(question: str) -> str:\n    return question * {number}\n```"
        case _:
            return line


async def _in_parallel(work: Iterable[Coroutine[None, None, T]]) -> list[T]:
    """Carry all out, a few at a time, and return the results in the order of `work`."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def gated(one: Coroutine[None, None, T]) -> T:
        async with gate:
            return await one

    async with asyncio.TaskGroup() as tasks:
        started = [tasks.create_task(gated(one)) for one in work]
    return [task.result() for task in started]


if __name__ == "__main__":
    made = asyncio.run(make(Wanted.model_validate_json(sys.stdin.readline())))
    sys.stdout.write(made.model_dump_json() + "\n")
