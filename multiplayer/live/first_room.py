"""The room that a new server begins with: made once for each database, and finished if a start was cut short."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Final

from ulid import ULID

from multiplayer.live.directory import Directory
from multiplayer.live.first_room_words import FILES, LESSONS, NAME, TOPIC, lessons
from multiplayer.live.lobby import Lobby
from multiplayer.live.workspace_door import WorkspaceDoor
from multiplayer.protocol.commands import PostMessage
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.tools import ApprovalPolicy
from multiplayer.storage.port import Storage

_KEY: Final = "first-room"
_FILES_KEY: Final = f"{_KEY}-files"
_LESSON_KEYS: Final = tuple(f"{_KEY}-{number}" for number in range(1, LESSONS + 1))
_SETTINGS: Final = RoomSettings(approvals=ApprovalPolicy(admins_confirm=True, members_confirm=True))
"""Whoever asks confirms the command, so that the owner, alone at first, meets a card."""


def first_room_id(operator_id: AccountId) -> RoomId:
    """Return the id that this room has in the database of this operator: the same on every server and at every start."""
    when = ULID.from_str(operator_id).bytes[:6]
    return RoomId(str(ULID.from_bytes(when + sha256(f"{_KEY} of {operator_id}".encode()).digest()[:10])))


@dataclass(frozen=True)
class FirstRoom:
    """All is done as people do it: the operator makes the room and its files, the AI posts."""

    storage: Storage
    directory: Directory
    lobby: Lobby
    door: WorkspaceDoor

    async def prepare(self, *, is_demo: bool, has_terminal: bool) -> None:
        """Make the room if this database never had any, or finish what a start has left undone.

        Does nothing where it is finished, or was deleted. Raises `Refused`, `StorageUnavailable`, `OutcomeUnknown`: the
        next start goes on from there. Of servers that do this at once each step is taken by one.
        """
        operator, ai = await self.lobby.ensure_built_ins()
        room_id = first_room_id(operator.id)
        keys = [(operator.id, _FILES_KEY), *((ai.id, key) for key in _LESSON_KEYS)]
        taken = await self.storage.find_keys(room_id, keys)
        if keys[-1] in taken:
            return
        if room_id not in await self.storage.seqs([room_id]):
            # It is none of ours any more when it was deleted, or when people made theirs.
            if ai.disabled or await self.storage.has_rooms():
                return
            await self.lobby.create_room(
                operator.id, NAME, topic=TOPIC, settings=_SETTINGS, room_id=room_id, origin="server"
            )
        files = {path: text.encode() for path, text in FILES.items()}
        steps: list[Callable[[], Awaitable[object]]] = [
            partial(self.door.add, room_id, operator.id, files, key=_FILES_KEY)
        ]
        steps += [
            partial(self._post, room_id, ai.id, text, key)
            for text, key in zip(lessons(is_demo=is_demo, has_terminal=has_terminal), _LESSON_KEYS, strict=True)
        ]
        for key, step in zip(keys, steps, strict=True):
            if key not in taken:
                try:
                    await step()
                except Refused as refused:
                    # Another server took this step meanwhile, and in other words.
                    if refused.code is not RefusalCode.KEY_REUSED:
                        raise

    async def _post(self, room_id: RoomId, ai_id: AccountId, text: str, key: str) -> None:
        host = await self.directory.host(room_id)
        await host.ask(ai_id, PostMessage(text=text), key=key, origin="server")
