"""Files of messages through the SDK at a real server: sent in parts, taken up again, fetched with ranges, and checked."""

import io
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from PIL import Image
from typing_extensions import override

from multiplayer.blobs.local import LocalBlobs
from multiplayer.blobs.port import BlobKey, Blobs, BlobsFull, BlobsUnavailable, Stored
from multiplayer.client import Client, ConnectionLost, RefusalCode, Refused, Room
from multiplayer.client.errors import FileChanged, FileDamaged, UploadFailed
from multiplayer.client.files import files_at
from multiplayer.live.uploads import FileLimits
from multiplayer.protocol.attachments import AttachmentState, Upload
from multiplayer.protocol.events import AttachmentChanged, MessagePosted
from multiplayer.protocol.ids import AttachmentId
from multiplayer.tools.extraction.extraction import Extractor
from tests.client.cutting_proxy import CuttingProxy, cutting_proxy
from tests.support.link_store import link_store
from tests.support.server import Known, RunningServer, running_server

pytestmark = pytest.mark.slow
KIB: Final = 1024
SMALL: Final = FileLimits(file=8192 * KIB, part=32 * KIB, room=16_384 * KIB, account=16_384 * KIB, pending=5)
DATA: Final = os.urandom(100 * KIB)  # four parts
LARGE: Final = os.urandom(3000 * KIB)
PATIENCE_S: Final = 20.0


class Watched(LocalBlobs):
    """A folder that tells which parts came and from where on it was read, and breaks or refuses when told to."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.parts: list[int] = []
        self.reads: list[int] = []
        self.breaks_after: list[int] = []
        self.is_full = False

    @override
    async def put(self, key: BlobKey, pieces: object, size: int | None = None) -> Stored:
        if self.is_full and key.startswith("sha256/"):
            raise BlobsFull("full")
        stored = await super().put(key, pieces, size)  # type: ignore[arg-type]  # passed on
        if key.startswith("incoming/"):
            self.parts.append(int(key.rpartition("/")[2]))
        return stored

    @override
    async def read(self, key: BlobKey, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        self.reads.append(start)
        most = self.breaks_after.pop(0) if self.breaks_after and key.startswith("sha256/") else None
        async for piece in super().read(key, start, end):
            yield piece
            if most is not None and (most := most - len(piece)) <= 0:
                raise BlobsUnavailable("it broke")


@dataclass
class Place:
    server: RunningServer
    alice: Known
    bob: Known
    room: Room
    bobs: Room
    here: Path
    blobs: Watched | None

    @property
    def watched(self) -> Watched:
        assert self.blobs is not None, "this place has another store"
        return self.blobs

    def file(self, name: str, data: bytes) -> Path:
        path = self.here / name
        path.write_bytes(data)
        return path

    async def posted(self, name: str, data: bytes, words: str = "") -> AttachmentId:
        """Let alice attach a file."""
        upload = await self.room.send_file(self.file(name, data))
        await self.room.send(words, attachments=[upload.attachment.id])
        return upload.attachment.id


@asynccontextmanager
async def place(
    folder: Path, *, blobs: Blobs | None = None, extractor: Extractor | None = None
) -> AsyncIterator[Place]:
    watched = Watched(folder / "blobs") if blobs is None else None
    here = folder / "here"
    here.mkdir()
    async with (
        running_server(folder / "workspaces", blobs=blobs or watched, file_limits=SMALL, extractor=extractor) as server,
        AsyncExitStack() as stack,
    ):
        alice, bob = await server.know("alice"), await server.know("bob")
        await server.room(alice, bob)
        one = await stack.enter_async_context(Client(server.url, token=alice.token))
        two = await stack.enter_async_context(Client(server.url, token=bob.token))
        yield Place(server, alice, bob, await one.room("demo"), await two.room("demo"), here, watched)


@asynccontextmanager
async def over_a_bad_line(at: Place, known: Known) -> AsyncIterator[tuple[CuttingProxy, Room]]:
    async with cutting_proxy(at.server.port) as proxy, Client(proxy.url, token=known.token) as client:
        yield proxy, await client.room("demo")


def picture() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(made, "PNG")
    return made.getvalue()


async def test_a_file_is_sent_attached_listed_fetched_and_taken_off(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        told: list[tuple[int, int]] = []
        checked: list[tuple[int, int]] = []
        begun: list[Upload] = []
        upload = await at.room.send_file(
            at.file("data.bin", DATA),
            name="report.bin",
            on_begun=begun.append,
            on_check=lambda *how_far: checked.append(how_far),
            on_progress=lambda *how_far: told.append(how_far),
        )
        assert (upload.attachment.name, upload.attachment.state, upload.attachment.size) == (
            "report.bin",
            AttachmentState.READY,
            len(DATA),
        )
        assert [one.attachment.id for one in begun] == [upload.attachment.id]
        assert [checked[0], checked[-1]] == [told[0], told[-1]] == [(0, len(DATA)), (len(DATA), len(DATA))]
        assert told == sorted(told)
        assert at.watched.parts == [1, 2, 3, 4]
        file_id = upload.attachment.id
        sent = await at.room.send("", attachments=[file_id])
        posted = await at.bobs.wait_for(lambda word: isinstance(word, MessagePosted), PATIENCE_S, after=sent.seq - 1)
        assert isinstance(posted, MessagePosted)
        assert [one.id for one in posted.message.attachments] == [file_id]
        [listed] = (await at.bobs.attachments()).files
        assert (listed.attachment.id, listed.message_id, listed.uploaded_by) == (file_id, sent.message_id, at.alice.id)
        assert (await at.bobs.attachments(limit=1, before=sent.seq)).files == ()
        got = await at.bobs.download(file_id, at.here / "got.bin")
        assert (got.path.read_bytes(), got.is_verified, got.size) == (DATA, True, len(DATA))
        with pytest.raises(Refused) as attached:
            await at.room.cancel_upload(file_id)
        assert attached.value.code is RefusalCode.CONFLICT
        await at.room.remove_attachment(sent.message_id, file_id)
        gone = await at.bobs.wait_for(lambda word: isinstance(word, AttachmentChanged), PATIENCE_S, after=sent.seq)
        assert isinstance(gone, AttachmentChanged)
        assert gone.attachment.state is AttachmentState.REMOVED
        with pytest.raises(Refused) as removed:
            await at.bobs.download(file_id, at.here / "again.bin")
        assert removed.value.code is RefusalCode.NOT_FOUND
        assert sorted(path.name for path in at.here.iterdir()) == ["data.bin", "got.bin"]


async def test_the_text_and_the_small_picture_of_a_file_come_to_whoever_may_read_it(tmp_path: Path) -> None:
    async with place(tmp_path, extractor=Extractor()) as at:
        image_id = await at.posted("a.png", picture())
        assert Image.open(io.BytesIO(await at.bobs.thumbnail(image_id))).format == "WEBP"
        text_id = await at.posted("a.txt", "Grüße\n".encode())
        assert (await at.bobs.attachment_text(text_id)).strip() == "Grüße"
        with pytest.raises(Refused) as refused:
            await at.bobs.attachment_text(image_id)
        assert refused.value.message == "no text was found in this file"


async def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        file_id = await at.posted("empty.txt", b"")
        assert (await at.bobs.download(file_id, at.here / "got")).path.read_bytes() == b""


async def test_what_one_can_read_already_is_not_sent_again(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        first = await at.posted("data.bin", DATA)
        at.watched.parts.clear()
        again = await at.room.send_file(at.file("copy.bin", DATA))
        assert (again.attachment.state, again.plan) == (AttachmentState.READY, None)
        assert again.attachment.id != first
        assert at.watched.parts == []


async def test_a_connection_that_is_cut_while_a_file_is_sent_costs_at_most_the_part(tmp_path: Path) -> None:
    async with place(tmp_path) as at, over_a_bad_line(at, at.alice) as (proxy, room):
        cuts = [20 * KIB, 70 * KIB]

        def cut(done: int, _total: int) -> None:
            if cuts and done > cuts[0]:
                cuts.pop(0)
                proxy.cut()

        upload = await room.send_file(at.file("data.bin", DATA), on_progress=cut)
        assert cuts == []
        await at.room.send("here", attachments=[upload.attachment.id])
        assert (await at.bobs.download(upload.attachment.id, at.here / "got")).path.read_bytes() == DATA


async def test_an_upload_that_was_given_up_is_taken_up_with_the_parts_that_are_missing(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        path = at.file("data.bin", DATA)
        async with over_a_bad_line(at, at.alice) as (proxy, room):

            def cut(done: int, _total: int) -> None:
                if done > 70 * KIB:
                    proxy.is_closed = True
                    proxy.cut()

            with pytest.raises(UploadFailed) as failed:
                await room.send_file(path, on_progress=cut, patience_s=0.5)
        assert at.watched.parts == [1, 2]
        upload_id = failed.value.upload_id
        told: list[int] = []
        upload = await at.room.send_file(path, resume=upload_id, on_progress=lambda done, _: told.append(done))
        assert (upload.attachment.id, upload.attachment.state) == (upload_id, AttachmentState.READY)
        assert at.watched.parts == [1, 2, 3, 4]
        assert (told[0], told[-1]) == (64 * KIB, len(DATA))
        assert await at.room.send_file(path, resume=upload_id) == upload, "it is there: nothing is left to do"
        with pytest.raises(FileChanged, match="100 bytes"):
            await at.room.send_file(at.file("other.bin", DATA[:100]), resume=upload_id)


async def test_a_file_that_changes_while_it_is_sent_is_refused_and_nothing_of_it_is_left(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        path = at.file("data.bin", DATA)
        begun: list[Upload] = []

        def write(done: int, _total: int) -> None:
            if done > 40 * KIB:
                with path.open("ab") as file:
                    file.write(b"more")

        with pytest.raises(FileChanged, match="was changed while it was sent"):
            await at.room.send_file(path, on_begun=begun.append, on_progress=write)
        with pytest.raises(Refused) as gone:
            await at.room.upload(begun[0].attachment.id)
        assert gone.value.code is RefusalCode.NOT_FOUND
        assert not [path for path in (tmp_path / "blobs" / "incoming").rglob("*") if path.is_file()]
        cut_short = at.file("short.bin", DATA)

        def truncate(done: int, _total: int) -> None:
            if done:
                os.truncate(cut_short, 10)

        with pytest.raises(FileChanged):
            await at.room.send_file(cut_short, on_check=truncate)


async def test_a_store_that_is_full_makes_a_failed_upload_that_can_be_taken_up(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        path = at.file("data.bin", DATA)
        at.watched.is_full = True
        with pytest.raises(UploadFailed) as failed:
            await at.room.send_file(path)
        assert failed.value.reason == "the file store is full"
        at.watched.is_full = False
        at.watched.parts.clear()
        upload = await at.room.send_file(path, resume=failed.value.upload_id)
        assert (upload.attachment.state, at.watched.parts) == (AttachmentState.READY, [])


async def test_what_is_no_file_or_too_big_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        for path in (at.here / "nowhere", at.here):
            with pytest.raises(OSError, match=r"nowhere|regular file"):
                await at.room.send_file(path)
        os.mkfifo(at.here / "pipe")
        with pytest.raises(OSError, match="regular file"):
            await at.room.send_file(at.here / "pipe")
        large = at.file("large.bin", b"")
        os.truncate(large, SMALL.file + 1)
        with pytest.raises(Refused) as refused:
            await at.room.send_file(large)
        assert refused.value.code is RefusalCode.TOO_BIG


async def test_parts_go_directly_into_a_store_that_signs_links_and_without_our_token(tmp_path: Path) -> None:
    async with link_store(tmp_path / "store") as store, place(tmp_path, blobs=store) as at:
        path = at.file("data.bin", DATA)

        def stop(done: int, _total: int) -> None:
            if done > 70 * KIB:
                raise EOFError

        with pytest.raises(EOFError):
            await at.room.send_file(path, direct=True, on_progress=stop)
        [one] = [*(tmp_path / "store" / "incoming").iterdir()]
        upload_id = AttachmentId(one.name.upper())
        assert (await at.room.upload(upload_id)).plan is not None
        upload = await at.room.send_file(path, direct=True, resume=upload_id)
        assert upload.attachment.state is AttachmentState.READY
        puts = store.does.of("PUT")
        assert len(puts) >= 4
        assert not [put for put in puts if "authorization" in put.headers or "transfer-encoding" in put.headers]
        await at.room.send("", attachments=[upload_id])
        got = await at.bobs.download(upload_id, at.here / "got")
        assert (got.path.read_bytes(), got.is_verified) == (DATA, True)
        [get] = store.does.of("GET")
        assert "authorization" not in get.headers


async def test_a_store_that_takes_no_part_from_others_gets_it_by_the_server(tmp_path: Path) -> None:
    async with link_store(tmp_path / "store") as store, place(tmp_path, blobs=store) as at:
        store.does.refuses_puts = True
        upload = await at.room.send_file(at.file("data.bin", DATA), direct=True)
        assert upload.attachment.state is AttachmentState.READY
        assert len(store.does.of("PUT")) == 2, "it is not asked for ever"


async def test_a_server_whose_store_signs_nothing_takes_direct_uploads_itself(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        upload = await at.room.send_file(at.file("data.bin", DATA), direct=True)
        assert (upload.attachment.state, at.watched.parts) == (AttachmentState.READY, [1, 2, 3, 4])


async def test_a_download_that_breaks_goes_on_where_it_was(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        file_id = await at.posted("large.bin", LARGE)
        at.watched.reads.clear()
        at.watched.breaks_after = [1500 * KIB, 400 * KIB]
        told: list[int] = []
        got = await at.bobs.download(file_id, at.here / "got", on_progress=lambda done, _: told.append(done))
        assert (got.path.read_bytes(), got.is_verified) == (LARGE, True)
        assert (at.watched.reads[0], len(at.watched.reads)) == (0, 3)
        assert 0 < at.watched.reads[1] < at.watched.reads[2]
        assert (told, told[-1]) == (sorted(told), len(LARGE))


async def test_a_download_from_the_store_goes_on_where_it_was_with_a_new_link(tmp_path: Path) -> None:
    async with link_store(tmp_path / "store") as store, place(tmp_path, blobs=store) as at:
        file_id = await at.posted("large.bin", LARGE)
        store.does.breaks_after = [2000 * KIB]
        got = await at.bobs.download(file_id, at.here / "got")
        assert (got.path.read_bytes(), got.is_verified) == (LARGE, True)
        first, second = store.does.of("GET")
        assert "range" not in first.headers
        assert second.headers["range"].startswith("bytes=")
        assert second.headers["if-range"].startswith('"')


async def test_other_bytes_than_the_files_are_thrown_away(tmp_path: Path) -> None:
    async with link_store(tmp_path / "store") as store, place(tmp_path, blobs=store) as at:
        file_id = await at.posted("data.bin", DATA)
        store.does.spoils = True
        with pytest.raises(FileDamaged):
            await at.bobs.download(file_id, at.here / "got")
        assert [path.name for path in at.here.iterdir()] == ["data.bin"]


async def test_nothing_is_written_over_unless_it_is_asked_for(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        file_id = await at.posted("data.bin", DATA)
        there = at.file("there.bin", b"mine")
        link = at.here / "link"
        link.symlink_to(at.here / "nowhere")
        for taken in (there, link):
            with pytest.raises(FileExistsError):
                await at.bobs.download(file_id, taken)
        made = at.here / "made"

        def come(_done: int, _total: int) -> None:
            made.write_bytes(b"came meanwhile")

        with pytest.raises(FileExistsError):
            await at.bobs.download(file_id, made, on_progress=come)
        assert (there.read_bytes(), made.read_bytes()) == (b"mine", b"came meanwhile")
        await at.bobs.download(file_id, there, replaces=True)
        assert there.read_bytes() == DATA
        assert not [path for path in at.here.iterdir() if path.name.endswith(".part")]


async def test_a_file_is_fetched_by_its_id_alone_by_who_may_read_it(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        file_id = await at.posted("Grüße & more.bin", DATA)
        async with files_at(at.server.url, at.bob.token, user_agent="test") as files:
            head = await files.about(file_id)
            assert (head.name, head.size) == ("Grüße & more.bin", len(DATA))
            assert (await files.download(file_id, at.here / "got")).sha256 == head.sha256
        mallory = await at.server.know("mallory")
        async with files_at(at.server.url, mallory.token, user_agent="test") as files:
            for unknown in (file_id, AttachmentId("../rooms"), AttachmentId("")):
                with pytest.raises((Refused, ConnectionLost)) as refused:
                    await files.download(unknown, at.here / "stolen")
                assert getattr(refused.value, "code", RefusalCode.NOT_FOUND) is RefusalCode.NOT_FOUND
        assert not (at.here / "stolen").exists()
        with pytest.raises(ValueError, match="http"):
            async with files_at("ftp://127.0.0.1", "x", user_agent="test"):
                pass
