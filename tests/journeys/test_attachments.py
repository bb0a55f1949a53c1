"""A newcomer's files on a real server: attached by the command line and over HTTP, fetched byte for byte, told by the demo."""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx
import pytest
from PIL import Image

from multiplayer.client import Client
from multiplayer.protocol.attachments import FileFamily
from multiplayer.protocol.codec import JsonValue
from multiplayer.protocol.events import MessagePosted
from multiplayer.protocol.ids import RoomId
from tests.journeys.house import House, Ran, multiplayer
from tests.support.server import Known

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PATIENCE_S = 60.0
WORDS = "The budget for spring is 4,711 ducats."
Object = dict[str, JsonValue]


def picture() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (320, 200), "teal").save(made, "PNG")
    return made.getvalue()


def pdf(words: str) -> bytes:
    """Return a PDF of one page that says `words`."""
    content = f"BT /F1 24 Tf 72 720 Td ({words}) Tj ET".encode()
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
            b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
    )
    made, places = b"%PDF-1.4\n", list[int]()
    for number, body in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    trailer = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(made))
    return made + head + table + trailer


@dataclass(frozen=True)
class Shell:
    house: House
    known: Known

    async def run(self, *arguments: str) -> Ran:
        here = {**self.house.environment, "MULTIPLAYER_URL": self.house.url, "MULTIPLAYER_TOKEN": self.known.token}
        return await multiplayer(*arguments, environment=here)

    async def read(self, *arguments: str) -> Object:
        ran = await self.run(*arguments, "--json")
        assert (ran.code, ran.err) == (0, ""), ran
        return cast("Object", json.loads(ran.out))


async def sent_in_parts(house: House, known: Known, room_id: RoomId, name: str, data: bytes) -> str:
    """Send a file as docs/files.md tells programs to."""

    async def ask(method: str, path: str, **more: object) -> httpx.Response:
        answer = await house.http.request(method, f"/api/v1/{path}", headers=known.bearer, **more)  # type: ignore[arg-type]  # as httpx takes them
        assert answer.is_success, answer.text
        return answer

    body = {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    begun = (await ask("POST", f"rooms/{room_id}/uploads", json=body)).json()
    upload_id, part = begun["attachment"]["id"], begun["plan"]["part_bytes"]
    for number, at in enumerate(range(0, len(data), part), 1):
        await ask("PUT", f"uploads/{upload_id}/parts/{number}", content=data[at : at + part])
    done = (await ask("POST", f"uploads/{upload_id}/complete")).json()
    assert done["attachment"]["state"] == "ready"
    return str(upload_id)


async def test_a_picture_a_pdf_and_a_text_come_whole_to_somebody_else_and_the_ai_tells_what_is_in_them(
    house: House, alice: Known, bob: Known, room_id: RoomId, tmp_path: Path
) -> None:
    files = {"photo.png": picture(), "budget.pdf": pdf(WORDS), "notes.txt": "Grüße from alice\n".encode()}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    at_alices, at_bobs = Shell(house, alice), Shell(house, bob)

    # By the command line, by parts over HTTP, and whole over HTTP: one message with the last two.
    photo = await at_alices.read("attach", room_id, str(tmp_path / "photo.png"), "--text", "our office")
    pdf_id = await sent_in_parts(house, alice, room_id, "budget.pdf", files["budget.pdf"])
    whole = await house.http.post(
        f"/api/v1/rooms/{room_id}/files", params={"name": "notes.txt"}, content=files["notes.txt"], headers=alice.bearer
    )
    assert whole.status_code == 201, whole.text
    text_id = str(whole.json()["attachment"]["id"])

    async with Client(house.url, token=alice.token) as client:
        room = await client.room(room_id)
        sent = await room.send("@ai what is in the files?", attachments=[pdf_id, text_id])  # type: ignore[list-item]  # ids as JSON gave them
        answered = await room.wait_for(
            lambda word: isinstance(word, MessagePosted) and word.message.turn_id is not None,
            PATIENCE_S,
            after=sent.seq,
        )
        assert isinstance(answered, MessagePosted)
        for told in (WORDS, "Grüße from alice", "budget.pdf", "I read the attached file."):
            assert told in answered.message.text, answered.message.text
        assert "photo.png" not in answered.message.text
        assert [one.value for one in answered.message.taint] == ["file"]

    listed = cast("list[Object]", (await at_bobs.read("attachments", room_id))["files"])
    found = {str(cast("Object", one["attachment"])["name"]): cast("Object", one["attachment"]) for one in listed}
    assert {name: one["family"] for name, one in found.items()} == {
        "photo.png": FileFamily.IMAGE,
        "budget.pdf": FileFamily.PDF,
        "notes.txt": FileFamily.TEXT,
    }
    assert (found["photo.png"]["width"], found["budget.pdf"]["pages"]) == (320, 1)
    assert cast("list[Object]", photo["attachments"])[0]["id"] == found["photo.png"]["id"]
    for name, data in files.items():
        to = tmp_path / f"bobs-{name}"
        got = await at_bobs.read("download", str(found[name]["id"]), "-o", str(to))
        assert (got["is_verified"], to.read_bytes()) == (True, data)
    assert WORDS in (await at_bobs.run("download", pdf_id, "--text")).out
    small = await house.http.get(f"/api/v1/files/{found['photo.png']['id']}/thumbnail", headers=bob.bearer)
    assert Image.open(io.BytesIO(small.content)).format == "WEBP"

    # Who is not in the room learns nothing, not even that there is a file.
    mallory = Shell(house, await house.know("mallory"))
    refused = await mallory.run("download", pdf_id, "-o", str(tmp_path / "stolen"))
    assert (refused.code, "there is no such file" in refused.err) == (1, True)
