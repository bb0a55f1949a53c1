"""Files of messages as rooms have them: what became of one is told in its room, however late it is known."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

from multiplayer.live.directory import Directory
from multiplayer.live.room_host import RoomHost
from multiplayer.protocol.attachments import AttachmentState
from multiplayer.protocol.errors import Refused
from multiplayer.protocol.events import Event, MessagePosted
from multiplayer.protocol.ids import AttachmentId
from multiplayer.protocol.inner_commands import SettleAttachment
from multiplayer.storage.attachment_port import StoredUpload
from multiplayer.storage.port import OutcomeUnknown, Storage, StorageUnavailable


class Attachments:
    """Owns the tasks that look what became of files which were still coming when their message was posted."""

    def __init__(self, storage: Storage, directory: Directory) -> None:
        self._storage = storage
        self._directory = directory
        self._tasks = asyncio.TaskGroup()
        self._is_open = False

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._is_open = True
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._is_open = False
        await self._tasks.__aexit__(None, None, None)

    def hear(self, _host: RoomHost, events: Sequence[Event]) -> None:
        """A file may have arrived while its message was being written."""
        coming = [
            one.id
            for event in events
            if isinstance(event, MessagePosted)
            for one in event.message.attachments
            if one.state is AttachmentState.PENDING
        ]
        if coming and self._is_open:
            self._tasks.create_task(self._look(coming))

    async def settled(self, attachment_id: AttachmentId) -> StoredUpload:
        """Return an upload as it stands, its room told of it if a message has it. Raises as `Storage` does."""
        found = (await self._storage.uploads([attachment_id]))[attachment_id]
        if found.message_id is not None and found.attachment.state is not AttachmentState.PENDING:
            host = await self._directory.host(found.room_id)
            command = SettleAttachment(message_id=found.message_id, attachment=found.attachment)
            # Refused: it is known, or the message is gone.
            with suppress(Refused):
                await host.ask(found.uploader_id, command, origin="server")
        return found

    async def _look(self, attachment_ids: Sequence[AttachmentId]) -> None:
        # Away: the sweep tells it later.
        with suppress(StorageUnavailable, OutcomeUnknown, Refused):
            for attachment_id in attachment_ids:
                await self.settled(attachment_id)
