"""Finds which message or turn of a room an argument means."""

from multiplayer.cli.failures import Failure
from multiplayer.cli.on_data_dir import Pod, owner_of
from multiplayer.live.room_host import RoomHost
from multiplayer.protocol.ids import MessageId, TurnId
from multiplayer.protocol.members import AccountKind

LOOKED_AT = 200
"""How far back a person's message is looked for."""


def is_id(text: str) -> bool:
    """Ids are ASCII; the database cannot take every string that an argument can hold."""
    return text.isascii() and text.isalnum()


async def is_message(pod: Pod, host: RoomHost, text: str) -> bool:
    """Tell whether this is the id of a message of the room. Raises `Failure` for what cannot be an id at all."""
    if not is_id(text):
        raise Failure(f"there is no message or turn {text!r}", hint="multiplayer room turns ROOM shows turns")
    return MessageId(text) in await pod.storage.messages(host.room_id, [MessageId(text)])


async def last_of_person(pod: Pod, host: RoomHost) -> MessageId:
    """Return what was said last by somebody who is no AI. Raises `Failure`."""
    members = host.room.state.members
    for message in reversed(await pod.storage.recent_messages(host.room_id, limit=LOOKED_AT)):
        author = members.get(message.author_id)
        is_by_ai = message.turn_id is not None or (author is not None and author.kind is AccountKind.AI)
        if not message.is_deleted and not is_by_ai:
            return message.id
    raise Failure("no person has said anything here lately")


async def last_turn(pod: Pod, host: RoomHost) -> TurnId:
    """Return the turn that ended last. Raises `Failure`."""
    page = await pod.insights.turns.page(host.room_id, owner_of(host), limit=1)
    if not page.ended:
        raise Failure("no AI has ended a turn here yet")
    return page.ended[0].turn_id
