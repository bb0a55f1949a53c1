"""A folder whose database is somewhere else: nothing empty is begun in its place."""

from pathlib import Path

import pytest

from multiplayer.compose.database import EXTERNAL_FILE, own_database
from multiplayer.settings import BadSettings, load_settings
from multiplayer.storage.embedded import DataDirLock


async def test_a_server_that_was_not_told_its_database_begins_no_empty_one_beside_the_rooms_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    lock = await DataDirLock.acquire(tmp_path / "data")
    try:
        (lock.data_dir / EXTERNAL_FILE).write_text("")
        with pytest.raises(BadSettings, match="DATABASE_URL"):
            async with own_database(load_settings(data_dir=lock.data_dir), lock):
                raise AssertionError("it began an empty one")
        assert not (lock.data_dir / "postgres").exists()
    finally:
        lock.release()
