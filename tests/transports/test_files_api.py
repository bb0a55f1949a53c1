"""Files over HTTP: whole, in parts that can be taken up again, attached, handed out by right, and removed for good."""

import hashlib
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx
import pytest
from PIL import Image
from typing_extensions import override

from multiplayer.blobs.local import LocalBlobs
from multiplayer.blobs.port import BlobKey, BlobsFull, BlobsUnavailable, Stored
from multiplayer.live.uploads import FileLimits
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.members import Role
from multiplayer.tools.extraction.extraction import Extractor
from tests.support.pods import Guest, Line
from tests.support.server import Known, RunningServer, running_server

KIB = 1024
SMALL = FileLimits(file=200 * KIB, part=32 * KIB, room=400 * KIB, account=300 * KIB, pending=3)
DATA = bytes(range(256)) * 400  # 100 KiB: four parts


@dataclass
class Stage:
    server: RunningServer
    alice: Known
    bob: Known
    room_id: RoomId

    async def send(self, who: Known, name: str, data: bytes, **query: str) -> httpx.Response:
        return await self.server.http.post(
            f"/api/v1/rooms/{self.room_id}/files",
            params={"name": name, **query},
            content=data,
            headers={**who.bearer, "Content-Type": "application/octet-stream"},
        )

    async def sent(self, who: Known, name: str, data: bytes) -> str:
        """Send a file whole and return its id."""
        answer = await self.send(who, name, data)
        assert answer.status_code == 201, answer.text
        assert answer.json()["attachment"]["state"] == "ready"
        return str(answer.json()["attachment"]["id"])

    async def begun(self, who: Known, size: int, **more: object) -> httpx.Response:
        body = {"name": "data.bin", "size": size, **more}
        return await self.server.http.post(f"/api/v1/rooms/{self.room_id}/uploads", json=body, headers=who.bearer)

    async def ask(self, who: Known, method: str, path: str, **more: object) -> httpx.Response:
        return await self.server.http.request(method, f"/api/v1/{path}", headers=who.bearer, **more)  # type: ignore[arg-type]  # as httpx takes them

    async def part(self, who: Known, upload_id: str, number: int, data: bytes) -> httpx.Response:
        return await self.ask(who, "PUT", f"uploads/{upload_id}/parts/{number}", content=data)

    async def attached(self, who: Known, *ids: str, text: str = "see this") -> tuple[Guest, Line]:
        guest = await Guest.enter(self.server.pod, who.account.handle)
        await guest.join(self.room_id)
        await guest.ask(type="post_message", room_id=self.room_id, key=f"k{ids}", text=text, attachments=list(ids))
        return guest, await guest.expect_type("message_posted")


@asynccontextmanager
async def stage(folder: Path, **more: object) -> AsyncIterator[Stage]:
    async with running_server(folder / "w", **{"file_limits": SMALL, **more}) as server:  # type: ignore[arg-type]  # by name
        alice, bob = await server.know("alice"), await server.know("bob")
        yield Stage(server, alice, bob, await server.room(alice, bob))


def parts_of(data: bytes) -> list[bytes]:
    return [data[at : at + SMALL.part] for at in range(0, len(data), SMALL.part)]


def picture(width: int = 64, height: int = 48) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(made, "PNG")
    return made.getvalue()


async def test_a_file_sent_whole_is_attached_listed_and_downloaded_by_members_only(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        file_id = await at.sent(at.alice, "notes.txt", b"hello\n")
        assert (await at.ask(at.bob, "GET", f"files/{file_id}")).status_code == 404, "it is attached to nothing yet"
        _, posted = await at.attached(at.alice, file_id)
        [told] = cast("list[Line]", cast("Line", posted["message"])["attachments"])
        assert (told["id"], told["name"], told["size"], told["state"], told["family"]) == (
            file_id,
            "notes.txt",
            6,
            "ready",
            "text",
        )
        got = await at.ask(at.bob, "GET", f"files/{file_id}")
        assert (got.status_code, got.content) == (200, b"hello\n")
        assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''notes.txt"
        assert (got.headers["content-type"], got.headers["x-content-type-options"]) == (
            "application/octet-stream",
            "nosniff",
        )
        [listed] = (await at.ask(at.bob, "GET", f"rooms/{at.room_id}/files")).json()["files"]
        assert (listed["attachment"]["id"], listed["uploaded_by"]) == (file_id, at.alice.id)
        mallory = await at.server.know("mallory")
        outside = [await at.ask(mallory, "GET", path) for path in (f"files/{file_id}", f"files/{'0' * 26}")]
        assert [(answer.status_code, answer.json()["detail"]) for answer in outside] == [
            (404, "there is no such file")
        ] * 2


async def test_ranges_etags_and_heads_are_answered_as_rfc_9110_says(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        file_id = await at.sent(at.alice, "data.bin", DATA)

        async def get(**headers: str) -> httpx.Response:
            return await at.server.http.get(f"/api/v1/files/{file_id}", headers={**at.alice.bearer, **headers})

        whole = await get()
        assert (whole.content, whole.headers["accept-ranges"]) == (DATA, "bytes")
        for asked, expected in (("bytes=0-9", DATA[:10]), ("bytes=100-", DATA[100:]), ("bytes=-7", DATA[-7:])):
            part = await get(Range=asked)
            assert (part.status_code, part.content) == (206, expected)
            assert part.headers["content-range"].endswith(f"/{len(DATA)}")
        assert (await get(Range=f"bytes={len(DATA)}-")).status_code == 416
        for asked in ("bytes=0-1,4-5", "lines=1-2", "bytes=-"):
            assert (await get(Range=asked)).content == DATA
        assert (await get(Range="bytes=0-9", **{"If-Range": '"other"'})).content == DATA
        assert (await get(**{"If-None-Match": whole.headers["etag"]})).status_code == 304
        head = await at.ask(at.alice, "HEAD", f"files/{file_id}")
        assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(DATA)), b"")


async def test_parts_come_in_any_order_again_and_after_a_break(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        begun = (await at.begun(at.alice, len(DATA))).json()
        upload_id, pieces = begun["attachment"]["id"], parts_of(DATA)
        assert (begun["plan"]["part_bytes"], begun["plan"]["parts"]) == (SMALL.part, len(pieces))
        assert (await at.part(at.alice, upload_id, 3, pieces[2])).json()["plan"]["received"] == [3]
        early = await at.ask(at.alice, "POST", f"uploads/{upload_id}/complete")
        assert (early.status_code, early.json()["code"]) == (409, "conflict")
        assert (await at.part(at.alice, upload_id, 1, pieces[0][:-1])).json()["code"] == "malformed"
        assert (await at.part(at.alice, upload_id, 9, b"x")).json()["code"] == "malformed"
        for number in (4, 1, 2, 1):
            assert (await at.part(at.alice, upload_id, number, pieces[number - 1])).status_code == 200
        assert (await at.ask(at.alice, "GET", f"uploads/{upload_id}")).json()["plan"]["received"] == [1, 2, 3, 4]
        assert (await at.part(at.bob, upload_id, 1, pieces[0])).status_code == 404, "nobody else's upload"
        done = (await at.ask(at.alice, "POST", f"uploads/{upload_id}/complete")).json()
        assert (done["attachment"]["state"], done.get("plan")) == ("ready", None)
        assert (await at.ask(at.alice, "GET", f"files/{upload_id}")).content == DATA
        assert (await at.ask(at.alice, "POST", f"uploads/{upload_id}/complete")).json() == done
        assert not list((tmp_path / "w-blobs" / "incoming").rglob("*0000*")), "nothing is left of the parts"


async def test_a_file_may_be_attached_while_it_comes_and_the_room_hears_when_it_is_there(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        upload_id = (await at.begun(at.alice, len(DATA))).json()["attachment"]["id"]
        guest, posted = await at.attached(at.alice, upload_id, text="")
        [told] = cast("list[Line]", cast("Line", posted["message"])["attachments"])
        assert told["state"] == "pending"
        assert (await at.ask(at.bob, "GET", f"files/{upload_id}")).status_code == 409
        for number, piece in enumerate(parts_of(DATA), 1):
            await at.part(at.alice, upload_id, number, piece)
        await at.ask(at.alice, "POST", f"uploads/{upload_id}/complete")
        changed = await guest.expect_type("attachment_changed")
        assert cast("Line", changed["attachment"])["state"] == "ready"
        assert (await at.ask(at.bob, "GET", f"files/{upload_id}")).content == DATA


async def test_other_bytes_than_were_said_make_no_file(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        wrong = await at.send(at.alice, "a.txt", b"hello", sha256="0" * 64)
        assert (wrong.status_code, wrong.json()["code"]) == (400, "malformed")
        begun = (await at.begun(at.alice, 5, sha256="0" * 64)).json()
        upload_id = begun["attachment"]["id"]
        guest, _ = await at.attached(at.alice, upload_id)
        await at.part(at.alice, upload_id, 1, b"hello")
        done = (await at.ask(at.alice, "POST", f"uploads/{upload_id}/complete")).json()
        assert (done["attachment"]["state"], done["attachment"]["reason"]) == (
            "failed",
            "the bytes have another checksum than was said",
        )
        changed = await guest.expect_type("attachment_changed")
        assert cast("Line", changed["attachment"])["state"] == "failed"
        assert (await at.ask(at.bob, "GET", f"files/{upload_id}")).status_code == 409
        lengths = await at.server.http.post(
            f"/api/v1/rooms/{at.room_id}/files", params={"name": "x"}, content=chunks(), headers=at.alice.bearer
        )
        assert lengths.status_code == 411


async def chunks() -> AsyncIterator[bytes]:
    yield b"no length is said"


async def test_what_a_person_can_read_already_need_not_be_sent_again_and_a_checksum_alone_is_no_way_in(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as at:
        file_id = await at.sent(at.alice, "data.bin", DATA)
        sha256 = hashlib.sha256(DATA).hexdigest()
        again = (await at.begun(at.alice, len(DATA), sha256=sha256)).json()
        assert again["attachment"]["state"] == "ready"
        assert again["attachment"]["id"] != file_id
        # bob cannot read it: he has to send it, and then it lies there once.
        other = (await at.begun(at.bob, len(DATA), sha256=sha256)).json()
        assert other["attachment"]["state"] == "pending"
        for number, piece in enumerate(parts_of(DATA), 1):
            await at.part(at.bob, other["attachment"]["id"], number, piece)
        done = (await at.ask(at.bob, "POST", f"uploads/{other['attachment']['id']}/complete")).json()
        assert done["attachment"]["state"] == "ready"
        assert [path.name for path in (tmp_path / "w-blobs" / "sha256").rglob("*") if path.is_file()] == [sha256]


async def test_quotas_names_and_rights_are_refused_by_name(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        assert (await at.begun(at.alice, SMALL.file + 1)).json()["code"] == "too_big"
        gus = await at.server.know("gus")
        await at.server.add(at.room_id, at.alice, gus, Role.GUEST)
        assert (await at.begun(gus, 5)).json()["code"] == "forbidden"
        for name in ("..", "/", "a\nb", "\u202e", ""):
            assert (await at.begun(at.alice, 5, name=name)).json()["code"] == "malformed", name
        named = (await at.begun(at.alice, 5, name="C:\\Users\\me\\plan.txt")).json()
        assert named["attachment"]["name"] == "plan.txt"
        for _ in range(2):
            assert (await at.begun(at.alice, 5)).status_code == 201
        assert (await at.begun(at.alice, 5)).json()["code"] == "limit_reached"
        assert (await at.ask(at.alice, "DELETE", f"uploads/{named['attachment']['id']}")).status_code == 204
        assert (await at.begun(at.alice, 5)).status_code == 201
        assert (await at.begun(at.bob, SMALL.file)).status_code == 201
        assert (await at.begun(at.bob, SMALL.file)).json()["code"] == "limit_reached"


@pytest.mark.slow
async def test_a_picture_is_measured_and_made_small_and_only_harmless_kinds_are_shown_in_a_page(tmp_path: Path) -> None:
    async with stage(tmp_path, extractor=Extractor()) as at:
        image_id = await at.sent(at.alice, "photo.gif.exe", picture())
        about = (await at.ask(at.alice, "GET", f"uploads/{image_id}")).json()["attachment"]
        assert (about["content_type"], about["width"], about["height"], about["has_thumbnail"]) == (
            "image/png",
            64,
            48,
            True,
        )
        shown = await at.ask(at.alice, "GET", f"files/{image_id}", params={"inline": "true"})
        assert (shown.headers["content-type"], shown.headers["content-disposition"].split(";")[0]) == (
            "image/png",
            "inline",
        )
        small = await at.ask(at.alice, "GET", f"files/{image_id}/thumbnail")
        assert Image.open(io.BytesIO(small.content)).format == "WEBP"
        page_id = await at.sent(at.alice, "page.png", b"<html><script>alert(1)</script></html>")
        page = await at.ask(at.alice, "GET", f"files/{page_id}", params={"inline": "true"})
        assert (page.headers["content-type"], page.headers["content-disposition"].split(";")[0]) == (
            "application/octet-stream",
            "attachment",
        )
        text = await at.ask(at.alice, "GET", f"files/{page_id}/text")
        assert text.headers["content-type"].startswith("text/plain")
        assert (await at.ask(at.alice, "GET", f"files/{image_id}/text")).status_code == 404


async def test_a_removed_file_and_a_deleted_messages_files_are_gone_and_their_bytes_are_swept(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        first, second = await at.sent(at.alice, "a.txt", b"a"), await at.sent(at.alice, "b.txt", b"b")
        guest, posted = await at.attached(at.alice, first, second)
        message_id = cast("Line", posted["message"])["id"]
        await guest.ask(
            type="remove_attachment", room_id=at.room_id, key="r", message_id=message_id, attachment_id=first
        )
        assert (await at.ask(at.bob, "GET", f"files/{first}")).status_code == 404
        assert (await at.ask(at.bob, "GET", f"files/{second}")).content == b"b"
        await guest.ask(type="delete_message", room_id=at.room_id, key="d", message_id=message_id)
        assert (await at.ask(at.bob, "GET", f"files/{second}")).status_code == 404
        await at.server.pod.files.sweep.look()
        assert len(stored(tmp_path)) == 2, "somebody may be about to refer to them: they are claimed for an hour"


def stored(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "w-blobs" / "sha256").rglob("*") if path.is_file())


class Broken(LocalBlobs):
    """A folder that refuses to put things in place as long as it is told to."""

    fault: Callable[[], Exception] | None = None

    @override
    async def copy(self, key: BlobKey, to: BlobKey) -> None:
        if self.fault is not None:
            raise self.fault()
        await super().copy(key, to)

    @override
    async def put(self, key: BlobKey, pieces: object, size: int | None = None) -> Stored:
        if self.fault is not None and key.startswith("sha256/"):
            raise self.fault()
        return await super().put(key, pieces, size)  # type: ignore[arg-type]  # passed on


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda: BlobsUnavailable("away"), "the file store did not answer: try again"),
        (lambda: BlobsFull("full"), "the file store is full"),
    ],
)
async def test_a_store_that_fails_is_told_in_the_message_and_tried_again(
    tmp_path: Path, fault: Callable[[], Exception], words: str
) -> None:
    blobs = Broken(tmp_path / "w-blobs")
    async with stage(tmp_path, blobs=blobs) as at:
        upload_id = (await at.begun(at.alice, len(DATA))).json()["attachment"]["id"]
        guest, _ = await at.attached(at.alice, upload_id)
        for number, piece in enumerate(parts_of(DATA), 1):
            await at.part(at.alice, upload_id, number, piece)
        blobs.fault = fault
        failed = (await at.ask(at.alice, "POST", f"uploads/{upload_id}/complete")).json()
        assert (failed["attachment"]["state"], failed["attachment"]["reason"]) == ("failed", words)
        assert cast("Line", (await guest.expect_type("attachment_changed"))["attachment"])["state"] == "failed"
        start = len(guest.heard)
        blobs.fault = None
        again = (await at.ask(at.alice, "POST", f"uploads/{upload_id}/complete")).json()
        assert again["attachment"]["state"] == "ready"
        told = await guest.expect_type("attachment_changed", start=start)
        assert cast("Line", told["attachment"])["state"] == "ready"
        assert (await at.ask(at.bob, "GET", f"files/{upload_id}")).content == DATA
