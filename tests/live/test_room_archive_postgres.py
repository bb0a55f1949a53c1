"""Rooms imported into a real database: equal to those that were exported, in one commit."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from multiplayer.protocol.ids import RoomId
from multiplayer.storage.postgres import PostgresStorage
from tests.contracts.databases import migrated_database
from tests.live.test_room_archive import compare_rooms, loaded, plain
from tests.support.archived_rooms import NAMES, Place, place, vector
from tests.support.postgres import ephemeral_postgres

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
async def there(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with ephemeral_postgres() as address:
        dsn = await migrated_database(address)
        async with (
            PostgresStorage.open(dsn, ephemeral=True) as storage,
            place(tmp_path_factory.mktemp("there"), storage) as there,
        ):
            yield there


@pytest.mark.parametrize("name", [name for name in NAMES if name != "with_files"])
async def test_an_import_gives_an_equal_room(there: Place, tmp_path: Path, name: str) -> None:
    async with place(tmp_path / "here") as here:
        old = await here.hold(vector(name))
        await here.export(old, tmp_path / "out")
        # All of them have the same ids: every one after the first is moved.
        done = await there.imports.import_room(tmp_path / "out", origin="cli")
        new = RoomId(str(done.room_id))
        ids = await compare_rooms(here, old, there, new)
        ids.compare(plain(await loaded(here, old)), plain(await loaded(there, new)))
        assert (await loaded(there, new)).turns == {}
        assert await there.storage.verify_audit(new) is None


async def test_files_are_bound_to_their_messages(there: Place, tmp_path: Path) -> None:
    async with place(tmp_path / "here") as here:
        old = await here.hold(vector("with_files"))
        await here.export(old, tmp_path / "out")
        done = await there.imports.import_room(tmp_path / "out", origin="cli")
        new = RoomId(str(done.room_id))
        files = await there.storage.files_of_room(new, limit=100)
        assert len(files) == done.attachments > 0
        messages = {message.id: message for message in await there.messages(new)}
        for file in files:
            assert file.message_id is not None
            assert file.attachment.id in {one.id for one in messages[file.message_id].attachments}
