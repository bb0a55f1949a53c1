"""Files' names and what is said in recordings, as both storages keep it: found, and gone with the file or its message."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from multiplayer.protocol.attachments import Transcript, TranscriptState
from multiplayer.protocol.events import AttachmentChanged
from multiplayer.protocol.ids import MessageId
from multiplayer.rooms.attachment_rules import without_content
from multiplayer.storage.attachment_port import StoredUpload
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import Storage
from multiplayer.storage.postgres import PostgresStorage
from tests.contracts.attachment_suite import attach, content_of, new_upload, ready
from tests.contracts.databases import migrated_database
from tests.contracts.room_scripts import RoomScript, ulid
from tests.contracts.storage_suite import found, put, stored
from tests.support.postgres import ephemeral_postgres


@asynccontextmanager
async def _memory() -> AsyncIterator[Storage]:
    yield MemoryStorage()


@asynccontextmanager
async def _postgres() -> AsyncIterator[Storage]:
    async with (
        ephemeral_postgres() as address,
        PostgresStorage.open(await migrated_database(address), ephemeral=True) as storage,
    ):
        yield storage


@pytest.fixture(
    scope="module", params=[_memory, pytest.param(_postgres, marks=pytest.mark.slow)], ids=["memory", "postgres"]
)
async def storage(request: pytest.FixtureRequest) -> AsyncIterator[Storage]:
    async with request.param() as storage:
        yield storage


async def spoken(storage: Storage, script: RoomScript, file: StoredUpload, message_id: MessageId, text: str) -> None:
    """Write down what is said in a file of a message."""
    since = script.seq
    transcript = Transcript(state=TranscriptState.DONE, text=text)
    told = file.attachment.model_copy(update={"transcript": transcript})
    script.add(AttachmentChanged, message_id=message_id, attachment=told)
    await put(storage, script, since)


async def log_of(storage: Storage, script: RoomScript) -> bytes:
    return b"\n".join(one.line for one in await storage.events_after(script.room_id, 0, limit=100))


async def test_a_message_is_found_by_what_is_said_in_its_recordings(storage: Storage) -> None:
    script = await stored(storage, RoomScript())
    file = await ready(storage, new_upload(script.room_id, "note.ogg"), content_of(ulid()))
    message_id = await attach(storage, script, file)
    await spoken(storage, script, file, message_id, "about rhubarb")
    assert len(await found(storage, script, "rhubarb")) == 1
    assert await storage.messages(script.room_id, [message_id]) == {message_id: script.messages()[-1]}
    await spoken(storage, script, file, message_id, "about gooseberries")
    assert await found(storage, script, "rhubarb") == []


async def test_what_is_said_goes_with_the_file_and_what_others_say_stays(storage: Storage) -> None:
    script = await stored(storage, RoomScript())
    gone = await ready(storage, new_upload(script.room_id, "a.ogg"), content_of(ulid()))
    kept = await ready(storage, new_upload(script.room_id, "b.ogg"), content_of(ulid()))
    message_id = await attach(storage, script, gone, kept)
    for text in ("the first secret", "the second secret"):
        await spoken(storage, script, gone, message_id, text)
    await spoken(storage, script, kept, message_id, "something harmless")
    since = script.seq
    script.add(AttachmentChanged, message_id=message_id, attachment=without_content(gone.attachment))
    await put(storage, script, since)
    log = await log_of(storage, script)
    assert b"secret" not in log
    assert b"something harmless" in log
    assert await found(storage, script, "secret") == []
    assert len(await found(storage, script, "harmless")) == 1


async def test_a_files_name_goes_with_the_file_and_those_of_others_stay(storage: Storage) -> None:
    script = await stored(storage, RoomScript())
    gone = await ready(storage, new_upload(script.room_id, "secret plan.pdf"), content_of(ulid()))
    kept = await ready(storage, new_upload(script.room_id, "menu.pdf"), content_of(ulid()))
    message_id = await attach(storage, script, gone, kept)
    quoting, other = [await storage.put_part(script.room_id, body) for body in ('a file "secret plan.pdf"', "menu.pdf")]
    since = script.seq
    script.add(AttachmentChanged, message_id=message_id, attachment=gone.attachment)
    script.add(AttachmentChanged, message_id=message_id, attachment=without_content(gone.attachment))
    await put(storage, script, since)
    log = await log_of(storage, script)
    assert b"secret plan" not in log
    assert b"menu.pdf" in log
    assert await storage.parts(script.room_id, [quoting, other]) == {other: "menu.pdf"}


async def test_a_removal_that_names_another_message_takes_no_words(storage: Storage) -> None:
    script = await stored(storage, RoomScript())
    file = await ready(storage, new_upload(script.room_id, "a.ogg"), content_of(ulid()))
    message_id = await attach(storage, script, file)
    await spoken(storage, script, file, message_id, "it stays")
    since = script.seq
    other = script.post("other")
    script.add(AttachmentChanged, message_id=other, attachment=without_content(file.attachment))
    await put(storage, script, since)
    assert b"it stays" in await log_of(storage, script)


async def test_what_is_said_goes_with_its_message(storage: Storage) -> None:
    script = await stored(storage, RoomScript())
    file = await ready(storage, new_upload(script.room_id, "a.ogg"), content_of(ulid()))
    message_id = await attach(storage, script, file)
    await spoken(storage, script, file, message_id, "the secret")
    since = script.seq
    script.delete(message_id)
    await put(storage, script, since)
    assert b"secret" not in await log_of(storage, script)
    assert await found(storage, script, "secret") == []
