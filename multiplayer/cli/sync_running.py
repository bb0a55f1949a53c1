"""Brings a room, a folder and what is said of them together, for `multiplayer sync`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from multiplayer.cli.on_server import client_at, room_of
from multiplayer.cli.sync_words import Words, words
from multiplayer.client import Room
from multiplayer.client.sync.engine import Sync
from multiplayer.client.sync.ledger import opened_ledger
from multiplayer.client.sync.names import OWN_FOLDER
from multiplayer.client.sync.opened_folder import open_folder


@dataclass(frozen=True)
class _Ready:
    room: Room
    sync: Sync
    folder: Path
    words: Words


class Syncing:
    """One command. Each method raises what `Sync.settle` does."""

    def __init__(self, url: str, token: str, room: str, folder: Path, *, allows_removals: bool, as_json: bool) -> None:
        self._url = url
        self._token = token
        self._room = room
        self._folder = folder
        self._allows_removals = allows_removals
        self._as_json = as_json

    async def once(self) -> bool:
        """Make both equal; tell whether they are."""
        async with self._ready() as ready:
            result = await ready.sync.settle(allows_removals=self._allows_removals)
            ready.words.end(result, f"#{ready.room.name}", str(self._folder))
            return result.is_equal

    async def preview(self) -> bool:
        """Say what `once` would do. A folder that remembers nothing yet is left without a trace."""
        with TemporaryDirectory(prefix="multiplayer-") as empty:
            folder = self._folder if self._folder.exists() else Path(empty) / "folder"
            remembers_in = None if (folder / OWN_FOLDER).is_dir() else Path(empty)
            async with self._ready(folder, remembers_in, is_preview=True) as ready:
                result = await ready.sync.preview()
                ready.words.end(result, f"#{ready.room.name}", str(self._folder))
        return True

    async def follow(self) -> None:
        """Keep both equal until cancelled."""
        # Watching costs its start: only whoever wants it pays.
        from multiplayer.client.sync.following import Following

        async with self._ready() as ready:
            await Following(
                ready.sync,
                ready.folder,
                ready.room.events(),
                on_pass=partial(ready.words.passed, room=f"#{ready.room.name}", folder=str(self._folder)),
                on_trouble=ready.words.complain,
                allows_removals=self._allows_removals,
            ).run()

    @asynccontextmanager
    async def _ready(
        self, folder: Path | None = None, remembers_in: Path | None = None, *, is_preview: bool = False
    ) -> AsyncIterator[_Ready]:
        async with client_at(self._url, self._token) as client:
            room = await room_of(client, self._room)
            with (
                closing(open_folder(folder or self._folder, remembers_in=remembers_in)) as opened,
                opened_ledger(opened) as ledger,
                words(as_json=self._as_json, is_preview=is_preview) as said,
            ):
                ledger.bind(_server_of(self._url), room.id)
                sync = Sync(room, opened, ledger, handle=client.account.handle, now=_now, told=said.told)
                yield _Ready(room, sync, opened.path, said)


def _now() -> datetime:
    return datetime.now().astimezone()


def _server_of(url: str) -> str:
    """Return an address in the one form that two spellings of it share."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{parts.hostname}:{port}{parts.path.rstrip('/')}"
