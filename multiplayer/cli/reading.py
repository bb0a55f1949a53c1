"""What the commands that read have in common: whose eyes they read with, names for ids, and both ways to print."""

import json
from collections import Counter
from collections.abc import Callable, Iterable

from pydantic import BaseModel

from multiplayer.cli.on_data_dir import Pod
from multiplayer.cli.output import Json, print_json, say
from multiplayer.cli.visible import visible
from multiplayer.protocol.ids import AccountId

Handle = Callable[[AccountId], str]


async def handles(pod: Pod) -> Handle:
    """Return what tells the handle of an account; the id for one that is not there."""
    known = {account.id: account.handle for account in await pod.storage.list_accounts()}
    return lambda account_id: known.get(account_id, account_id)


async def room_names(pod: Pod) -> dict[str, str]:
    """Return the names of the rooms that are there, with their ids where several have one."""
    names: dict[str, str] = {}
    for account in await pod.storage.list_accounts():
        names |= {listing.room.id: listing.room.name for listing in await pod.storage.rooms_of(account.id)}
    counts = Counter(names.values())
    return {room_id: name if counts[name] == 1 else f"{name} ({room_id})" for room_id, name in names.items()}


def json_of(found: BaseModel) -> Json:
    value: Json = json.loads(found.model_dump_json())
    return value


def show(found: BaseModel, lines: Iterable[str], *, as_json: bool) -> None:
    """Print a report: all of it as JSON, or its lines, each on one line whatever people wrote into it."""
    if as_json:
        print_json(json_of(found))
        return
    for line in lines:
        say(visible(line))
