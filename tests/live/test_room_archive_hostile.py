"""Archives that somebody has tampered with, or made to do harm: each is refused by the name of what is wrong with it."""

import hashlib
import json
import os
import shutil
import stat
import struct
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from multiplayer.live.room_archive_format import METADATA, NO_CHECKSUM, ArchiveLimits
from multiplayer.live.room_archive_reading import open_archive
from multiplayer.live.room_archive_writing import ArchiveForm
from multiplayer.protocol.errors import RefusalCode, Refused
from tests.support.archived_rooms import Place, place, vector

Body = dict[str, object]


@dataclass
class Given:
    """An archive of a room with a file, as a folder and as a zip, and a server that has never seen it."""

    there: Place
    folder: Path
    zipped: Path

    async def refuses(self, path: Path, saying: str, limits: ArchiveLimits | None = None) -> None:
        with pytest.raises(Refused) as refused:
            await self.there.imports_within(limits or ArchiveLimits()).import_room(path, origin="cli")
        assert saying in refused.value.message, refused.value.message
        assert refused.value.code in {RefusalCode.MALFORMED, RefusalCode.TOO_BIG}
        # Nobody and nothing of it is here.
        assert len(await self.there.storage.list_accounts()) == 2
        assert [stored async for stored in self.there.blobs.listing("")] == []

    def attachment(self) -> Path:
        return next((self.folder / "attachments").iterdir())

    def seal(self) -> None:
        """Make sizes, checksums and counts those of what lies there now: only what is meant is wrong then."""
        metadata = self.metadata()
        for file in cast("list[Body]", metadata["files"]):
            data = (self.folder / str(file["path"])).read_bytes()
            file |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            if "lines" in file:
                file["lines"] = data.count(b"\n")
                if file["path"] == "events.jsonl":
                    metadata["seq"] = metadata["events"] = file["lines"]
        self.put(metadata)

    def metadata(self) -> Body:
        return cast("Body", json.loads((self.folder / METADATA).read_text()))

    def put(self, metadata: Body) -> None:
        metadata["checksum"] = NO_CHECKSUM
        data = json.dumps(metadata)
        checksum = hashlib.sha256(data.encode()).hexdigest()
        (self.folder / METADATA).write_text(data.replace(NO_CHECKSUM, checksum, 1))

    def events(self, change: Callable[[list[Body]], list[Body]]) -> None:
        path = self.folder / "events.jsonl"
        lines = change([json.loads(line) for line in path.read_text().splitlines()])
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        self.seal()


@pytest.fixture
async def given(tmp_path: Path) -> AsyncIterator[Given]:
    async with place(tmp_path / "here") as here, place(tmp_path / "there") as there:
        room_id = await here.hold(vector("conversation"))
        host = await here.directory.host(room_id)
        alice = host.room.state.owners()[0].account_id
        await here.post(room_id, alice, "a file", await here.upload(room_id, alice, "a.txt", b"hello\n" * 50))
        here.directory.drop_all()
        await here.export(room_id, tmp_path / "room")
        await here.export(room_id, tmp_path / "room.zip", ArchiveForm.ZIP)
        yield Given(there, tmp_path / "room", tmp_path / "room.zip")


async def test_a_changed_byte_in_any_file_is_refused_by_that_files_name(given: Given) -> None:
    paths = [path for path in given.folder.rglob("*") if path.is_file()]
    assert len(paths) == 7
    for path in paths:
        before = path.read_bytes()
        # Everywhere in small files, here and there in large ones.
        for place_ in range(0, len(before), max(1, len(before) // 25)):
            path.write_bytes(before[:place_] + bytes([before[place_] ^ 1]) + before[place_ + 1 :])
            with pytest.raises(Refused) as refused, open_archive(given.folder) as archive:
                archive.verify()
            assert path.name in refused.value.message, (path.name, place_, refused.value.message)
        path.write_bytes(before)
    with open_archive(given.folder) as archive:
        archive.verify()


async def test_a_changed_byte_anywhere_in_a_zip_changes_nothing_that_is_read_or_is_refused(given: Given) -> None:
    whole = given.zipped.read_bytes()
    with open_archive(given.zipped) as archive:
        metadata = archive.metadata
    refusals = 0
    for place_ in range(0, len(whole), max(1, len(whole) // 400)):
        given.zipped.write_bytes(whole[:place_] + bytes([whole[place_] ^ 0x5A]) + whole[place_ + 1 :])
        try:
            with open_archive(given.zipped) as archive:
                archive.verify()
                # A date or a mark of the zip itself: nothing that anybody reads.
                assert archive.metadata == metadata
        except Refused:
            refusals += 1
    assert refusals > 300


async def test_a_zip_whose_files_lie_before_its_beginning_is_refused(given: Given) -> None:
    whole = given.zipped.read_bytes()
    # The end of a zip says where its table begins (APPNOTE 4.3.16); from that the places of the files are reckoned.
    place = whole.rindex(b"PK\x05\x06") + 16
    moved = int.from_bytes(whole[place : place + 4], "little") + len(whole)
    given.zipped.write_bytes(whole[:place] + moved.to_bytes(4, "little") + whole[place + 4 :])
    await given.refuses(given.zipped, "it lies outside of the zip")


async def test_a_zip_that_is_cut_off_is_refused(given: Given) -> None:
    whole = given.zipped.read_bytes()
    for part in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        given.zipped.write_bytes(whole[:part])
        await given.refuses(given.zipped, "neither a folder nor a whole zip")


@pytest.mark.parametrize(
    "name",
    ["../evil", "/etc/evil", "attachments/../../evil", "attachments/.hidden", "a/b", "x.jsonl", "attachments/\\x"],
)
async def test_names_that_lead_elsewhere_are_refused(given: Given, name: str) -> None:
    with zipfile.ZipFile(given.zipped, "a") as zipped:
        zipped.writestr(name, "evil")
    await given.refuses(given.zipped, "does not belong into an archive")


async def test_names_in_the_metadata_that_lead_elsewhere_are_refused(given: Given) -> None:
    for name in ("../secret", "/etc/passwd", "attachments/../metadata.json"):
        metadata = given.metadata()
        cast("list[Body]", metadata["files"])[0]["path"] = name
        before = (given.folder / METADATA).read_bytes()
        given.put(metadata)
        await given.refuses(given.folder, "")
        (given.folder / METADATA).write_bytes(before)


async def test_links_and_other_files_that_are_no_plain_ones_are_refused(given: Given, tmp_path: Path) -> None:
    path = given.attachment()
    data = path.read_bytes()
    path.unlink()
    (tmp_path / "elsewhere").write_bytes(data)
    path.symlink_to(tmp_path / "elsewhere")
    await given.refuses(given.folder, "no plain file")
    path.unlink()
    os.mkfifo(path)
    await given.refuses(given.folder, "no plain file")
    shutil.rmtree(given.folder / "attachments")
    (given.folder / "attachments").symlink_to(tmp_path)
    await given.refuses(given.folder, "attachments: it is no plain file")
    link = zipfile.ZipInfo("attachments/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(given.zipped, "a") as zipped:
        zipped.writestr(link, "/etc/passwd")
    await given.refuses(given.zipped, "no plain file")


async def test_a_file_more_or_less_than_said_is_refused(given: Given) -> None:
    extra = given.folder / "attachments" / "one-more"
    extra.write_text("x")
    await given.refuses(given.folder, "the metadata do not name it")
    extra.unlink()
    given.attachment().unlink()
    await given.refuses(given.folder, "it is missing")
    (given.folder / METADATA).unlink()
    await given.refuses(given.folder, "this is no exported room")


async def test_bombs_are_refused_before_they_grow(given: Given, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr(METADATA, b"0" * 50_000_000)
    await given.refuses(bomb, "grow too much")
    # One whose table of contents lies about its size.
    data = given.zipped.read_bytes()
    at = data.rindex(b"PK\x01\x02")
    lying = data[: at + 24] + struct.pack("<I", 100) + data[at + 28 :]
    given.zipped.write_bytes(lying)
    await given.refuses(given.zipped, "")


@pytest.mark.filterwarnings("ignore:Duplicate name")
async def test_a_name_twice_in_a_zip_is_refused(given: Given) -> None:
    with zipfile.ZipFile(given.zipped, "a") as zipped:
        zipped.writestr("events.jsonl", "another log\n")
    await given.refuses(given.zipped, "it is there twice")


async def test_what_is_larger_than_a_server_takes_is_refused_by_what_is_said(given: Given) -> None:
    await given.refuses(given.folder, "may have 3 events", ArchiveLimits(events=3))
    await given.refuses(given.folder, "larger than 100 bytes", ArchiveLimits(total=100))
    await given.refuses(given.folder, "larger than 100 bytes", ArchiveLimits(metadata=100))
    await given.refuses(given.folder, "more than 3 files", ArchiveLimits(files=3))
    await given.refuses(given.zipped, "more than 3 files", ArchiveLimits(files=3))
    await given.refuses(given.folder, "longer than 10 bytes", ArchiveLimits(line=10))


async def test_counts_and_fields_that_are_not_so_are_refused(given: Given) -> None:
    before = given.metadata()
    for change, saying in (
        ({"events": 10**15}, "counts events.jsonl in two ways"),
        ({"messages": 1}, "counts messages.jsonl in two ways"),
        ({"seq": 10**9}, "cannot end at seq"),
        ({"version": 2}, "of version 2"),
        ({"format": "a-room"}, "no exported room"),
        ({"surprise": 1}, "unknown field surprise"),
        ({"attachments": []}, "its attachments are not those of the log"),
        ({"events": -1}, "events"),
        ({"room": {**cast("Body", before["room"]), "id": "../../etc"}}, "it is of another room"),
    ):
        given.put({**before, **change})
        await given.refuses(given.folder, saying)
    (given.folder / METADATA).write_text("[" * 100_000)
    await given.refuses(given.folder, "metadata.json")


def swapped(lines: list[Body]) -> list[Body]:
    return [lines[0], lines[2], lines[1], *lines[3:]]


def renumbered(lines: list[Body]) -> list[Body]:
    return [{**line, "seq": number} for number, line in enumerate(lines, 1)]


def first_of(kind: str, lines: list[Body]) -> int:
    return next(number for number, line in enumerate(lines) if line["type"] == kind)


def changed(kind: str, **fields: object) -> Callable[[list[Body]], list[Body]]:
    def change(lines: list[Body]) -> list[Body]:
        number = first_of(kind, lines)
        return [*lines[:number], {**lines[number], **fields}, *lines[number + 1 :]]

    return change


@pytest.mark.parametrize(
    ("change", "saying"),
    [
        (swapped, "line 2: it is event 3"),
        (lambda lines: lines[1:], "line 1: it is event 2"),
        (lambda lines: renumbered(lines[1:]), "a room is created once"),
        (lambda lines: renumbered([lines[0], *lines]), "a room is created once"),
        (lambda lines: renumbered([*lines[:2], lines[1], *lines[2:]]), "there twice"),
        (changed("message_posted", id="01KDV2GM000000000000000000"), "the id of its event is there twice"),
        (changed("message_posted", room_id="01KDV2GM000000000000000R01"), "of another room"),
        (changed("message_posted", actor_id="mallory"), "somebody who is not in accounts.jsonl"),
        (changed("message_posted", surprise=1), "unknown field surprise"),
        (changed("message_posted", type="nothing"), "unknown `type`"),
        (changed("message_posted", at="yesterday"), "`at`"),
        (changed("message_edited", message_id="01KDV2GM0099999999999999ZZ"), "does not follow"),
        (changed("message_edited", type="room_deleted", text=None), "line"),
        (
            lambda lines: [
                *lines,
                {
                    **{n: lines[1][n] for n in ("room_id", "id", "at", "actor_id")},
                    "seq": len(lines) + 1,
                    "type": "room_deleted",
                },
            ],
            "a deleted room is not imported",
        ),
    ],
)
async def test_logs_that_no_server_has_written_are_refused_by_line(
    given: Given, change: Callable[[list[Body]], list[Body]], saying: str
) -> None:
    given.events(change)
    await given.refuses(given.folder, saying)


@pytest.mark.parametrize(
    ("line", "saying"),
    [
        (b'{"type":"message_posted","type":"message_posted"}', "stands twice"),
        (b'{"seq":NaN}', "NaN is not JSON"),
        (b'{"text":"\\u0000"}', "NUL"),
        (b'{"text":"\\ud800"}', "lone surrogate"),
        (b'{"seq":99999999999999999999}', "out of range"),
        (b"[" * 60 + b"]" * 60, "deeper"),
        (b"\xff\xfe", "not UTF-8"),
        (b"", "not JSON"),
        (b"5", "must be one JSON object"),
    ],
)
async def test_lines_that_the_codec_does_not_take_are_refused(given: Given, line: bytes, saying: str) -> None:
    path = given.folder / "events.jsonl"
    path.write_bytes(line + b"\n" + path.read_bytes())
    given.seal()
    await given.refuses(given.folder, saying)
