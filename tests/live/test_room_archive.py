"""Exporting rooms and importing them again: an equal room, on the same server and on another one."""

import hashlib
import json
import zipfile
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from typing_extensions import override

from multiplayer.blobs.local import LocalBlobs
from multiplayer.blobs.port import BlobKey, BlobsFull, Stored, content_key
from multiplayer.live.room_archive import RoomExports
from multiplayer.live.room_archive_format import METADATA, RoomMetadata
from multiplayer.live.room_archive_ids import shifted
from multiplayer.live.room_archive_writing import ArchiveForm
from multiplayer.live.room_transcript import Transcript
from multiplayer.protocol.attachments import AttachmentState
from multiplayer.protocol.codec import encode
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import AttachmentChanged, Event, MessageEdited, RoomCreated, RoomRenamed
from multiplayer.protocol.ids import AccountId, MessageId, RoomId
from multiplayer.protocol.members import Role
from multiplayer.protocol.messages import Message
from multiplayer.protocol.turn_events import TurnEnded
from multiplayer.protocol.turns import TurnOutcome
from multiplayer.rooms.state import RoomState, created
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import Append, Appended, NewEvent, StorageUnavailable
from tests.support.archived_rooms import NAMES, Place, differences, place, vector

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001"
    "a5f645400000000049454e44ae426082"
)
_WORDS = (".text", ".handle", ".display_name", ".name", ".topic", ".persona", ".prompt", ".note", ".reason")


def as_json(value: "Event | Message") -> object:
    decoded: object = json.loads(encode(value))
    return decoded


class Ids:
    """Which id became which, as two equal things show it: always the same one, and never two the same."""

    def __init__(self) -> None:
        self.after: dict[object, object] = {}

    def compare(self, before: object, after: object) -> None:
        for path, (one, other) in differences(before, after).items():
            assert not path.endswith(_WORDS), f"{path}: {one!r} became {other!r}"
            assert self.after.setdefault(one, other) == other, f"{path}: {one!r} became {other!r}"
        assert len(set(self.after.values())) == len(self.after)


async def compare_rooms(before: Place, old: RoomId, after: Place, new: RoomId) -> Ids:
    ids = Ids()
    old_events, new_events = await before.events(old), await after.events(new)
    for one, other in zip(old_events, new_events, strict=False):
        ids.compare(as_json(one), as_json(other))
    old_messages, new_messages = await before.messages(old), await after.messages(new)
    assert len(old_messages) == len(new_messages)
    for old_message, new_message in zip(old_messages, new_messages, strict=True):
        ids.compare(as_json(old_message), as_json(new_message))
        revisions = await before.storage.revisions(old, old_message.id)
        assert list(await after.storage.revisions(new, new_message.id)) == list(revisions)
    return ids


def plain(state: RoomState) -> Mapping[str, object]:
    """What a snapshot shows of a room, without its running turns."""
    return {
        "room": json.loads(encode(state.room)),
        "members": [
            json.loads(encode(member)) for member in sorted(state.members.values(), key=lambda one: one.handle)
        ],
        "banned": sorted(state.banned),
        "pins": list(state.pins),
        "summary": json.loads(encode(state.summary)) if state.summary else None,
        "notes": [json.loads(encode(fact)) for fact in state.notes.facts],
        "proposals": [json.loads(encode(proposal)) for proposal in state.notes.proposals],
        "budget": json.loads(encode(state.notes.budget)),
    }


async def loaded(there: Place, room_id: RoomId) -> RoomState:
    state = await there.storage.load(room_id)
    assert state is not None
    return state


# What a server finds out of a file's bytes is its own: files have their own test.
@pytest.mark.parametrize("form", [ArchiveForm.FOLDER, ArchiveForm.ZIP])
@pytest.mark.parametrize("name", [name for name in NAMES if name != "with_files"])
async def test_an_import_elsewhere_gives_an_equal_room(tmp_path: Path, name: str, form: ArchiveForm) -> None:
    async with place(tmp_path / "here") as here, place(tmp_path / "there") as there:
        old = await here.hold(vector(name))
        await here.export(old, tmp_path / "out", form)
        done = await there.imports.import_room(tmp_path / "out", origin="cli")
        # Nothing of it was there, so every id but those of accounts stays.
        assert done.room_id == old
        ids = await compare_rooms(here, old, there, old)
        people = {one.id for one in await here.storage.list_accounts()}
        assert set(ids.after) <= people
        before, after = plain(await loaded(here, old)), plain(await loaded(there, old))
        ids.compare(before, after)
        assert (await loaded(there, old)).turns == {}
        for one in await there.storage.list_accounts():
            assert one.disabled is (one.handle not in {"host", "ai"})


@pytest.mark.parametrize("name", NAMES)
async def test_an_import_beside_the_room_changes_every_id_of_it_and_keeps_their_order(
    tmp_path: Path, name: str
) -> None:
    async with place(tmp_path / "here") as here:
        old = await here.hold(vector(name))
        await here.export(old, tmp_path / "out")
        done = await here.imports.import_room(tmp_path / "out", origin="cli")
        assert done.room_id not in {None, old}
        assert not done.keeps_ids
        assert all(not one.is_new for one in done.people)
        new = RoomId(str(done.room_id))
        ids = await compare_rooms(here, old, here, new)
        events = await here.events(old)
        moved = [ids.after[event.id] for event in events]
        assert moved == sorted(moved, key=str)
        # Whatever is an id there is another one here, wherever it stands.
        kept = {old, *(event.id for event in events)}
        lines = [encode(event).decode() for event in await here.events(new)]
        for one in kept:
            assert not any(f'"{one}"' in line for line in lines), one
        ids.compare(plain(await loaded(here, old)), plain(await loaded(here, new)))


async def test_the_export_of_an_import_is_the_export(tmp_path: Path) -> None:
    async with place(tmp_path / "here") as here, place(tmp_path / "there") as there:
        old = await here.hold(vector("conversation"))
        await here.export(old, tmp_path / "one")
        await there.imports.import_room(tmp_path / "one", origin="cli")
        await there.export(old, tmp_path / "two")
        one, two = metadata_of(tmp_path / "one"), metadata_of(tmp_path / "two")
        ids = await compare_rooms(here, old, there, old)
        for path in ("messages.jsonl", "events.jsonl", "accounts.jsonl"):
            before = sorted_lines(tmp_path / "one" / path)
            after = sorted_lines(tmp_path / "two" / path)
            assert len(before) == len(after)
            if path != "accounts.jsonl":
                for line, other in zip(before, after, strict=True):
                    ids.compare(line, other)
        assert (one.events, one.messages, one.seq) == (two.events, two.messages, two.seq)


def sorted_lines(path: Path) -> list[object]:
    lines: list[object] = [json.loads(line) for line in path.read_text().splitlines()]
    return lines


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def metadata_of(folder: Path) -> RoomMetadata:
    return RoomMetadata.model_validate_json((folder / METADATA).read_bytes())


async def room_with_files(here: Place) -> tuple[RoomId, AccountId]:
    room_id = await here.hold(vector("conversation"))
    alice = (await loaded(here, room_id)).owners()[0].account_id
    picture = await here.upload(room_id, alice, "../../pic <b>.png", PNG)
    words = await here.upload(room_id, alice, "notes.txt", b"hello\n" * 1000)
    await here.post(room_id, alice, "<script>alert(1)</script> & [a](javascript:b)\n# no\n1. no", picture, words)
    await here.post(room_id, alice, "the same again", await here.upload(room_id, alice, "", PNG))
    return room_id, alice


@pytest.mark.parametrize("form", [ArchiveForm.FOLDER, ArchiveForm.ZIP])
async def test_files_come_along_and_are_ready_for_their_messages(tmp_path: Path, form: ArchiveForm) -> None:
    async with place(tmp_path / "here") as here, place(tmp_path / "there") as there:
        room_id, _ = await room_with_files(here)
        exported = await here.export(room_id, tmp_path / "out", form)
        assert exported.metadata.missing == ()
        for to in (there, here):
            done = await to.imports.import_room(tmp_path / "out", origin="cli")
            new = RoomId(str(done.room_id))
            assert (done.attachments, done.missing, done.seq) == (3, 0, exported.metadata.seq)
            await compare_rooms(here, room_id, to, new)
            files = await to.storage.files_of_room(new, limit=10)
            assert sorted(file.attachment.size for file in files) == sorted([len(PNG), len(PNG), 6000])
            for file in files:
                assert file.sha256 is not None
                data = b"".join([piece async for piece in to.blobs.read(content_key(file.sha256))])
                assert hashlib.sha256(data).hexdigest() == file.sha256


async def test_a_file_that_cannot_be_had_is_named_and_is_removed_where_the_room_is_imported(tmp_path: Path) -> None:
    async with place(tmp_path / "here") as here, place(tmp_path / "there") as there:
        room_id, _ = await room_with_files(here)
        await here.blobs.delete([content_key(hashlib.sha256(b"hello\n" * 1000).hexdigest())])
        exported = await here.export(room_id, tmp_path / "out.zip", ArchiveForm.ZIP)
        assert len(exported.metadata.missing) == 1
        assert len(exported.metadata.attachments) == 3
        done = await there.imports.import_room(tmp_path / "out.zip", origin="cli")
        assert (done.attachments, done.missing) == (2, 1)
        events = await there.events(RoomId(str(done.room_id)))
        assert isinstance(events[-1], AttachmentChanged)
        assert events[-1].attachment.state is AttachmentState.REMOVED
        assert "were not in the archive" in events[-1].attachment.reason


async def test_what_a_hostile_archive_says_of_a_files_kind_is_not_believed(tmp_path: Path) -> None:
    async with place(tmp_path / "here") as here, place(tmp_path / "there") as there:
        room_id = await here.hold(vector("conversation"))
        alice = (await loaded(here, room_id)).owners()[0].account_id
        page = await here.upload(room_id, alice, "page.html", b"<html><script>alert(1)</script></html>")
        assert not page.is_inline_safe
        lie = page.model_copy(update={"content_type": "image/png", "is_inline_safe": True})
        await here.post(room_id, alice, "look", lie)
        await here.export(room_id, tmp_path / "out")
        await there.imports.import_room(tmp_path / "out", origin="cli")
        [*_, last] = await there.messages(room_id)
        assert last.attachments == (page,)


async def test_transcripts_hold_words_only_as_words(tmp_path: Path) -> None:
    async with place(tmp_path / "here") as here:
        room_id, alice = await room_with_files(here)
        await here.post(room_id, alice, "turned \u202e round \x1b[31m")
        await here.export(room_id, tmp_path / "out")
        html = (tmp_path / "out" / "transcript.html").read_text()
        assert "<script" not in html
        assert "&lt;script&gt;" in html
        assert "default-src &#x27;none&#x27;" in html or "default-src 'none'" in html
        markdown = (tmp_path / "out" / "transcript.md").read_text()
        for text in (html, markdown):
            assert not {"\u202e", "\x1b"} & set(text)
        assert "> \\# no" in markdown
        assert "> 1\\. no" in markdown
        assert "\\[a\\]\\(javascript\\:b\\)" in markdown
        names = [path.name for path in (tmp_path / "out" / "attachments").iterdir()]
        assert any(name.endswith("pic_b_.png") for name in names), names


@pytest.mark.parametrize("form", [ArchiveForm.MD, ArchiveForm.HTML, ArchiveForm.JSONL])
async def test_one_file_to_read_is_one_file(tmp_path: Path, form: ArchiveForm) -> None:
    async with place(tmp_path / "here") as here:
        room_id, _ = await room_with_files(here)
        await here.export(room_id, tmp_path / "room.out", form)
        assert (tmp_path / "room.out").is_file()
        assert names_in(tmp_path) == ["here", "room.out"]


async def test_only_owners_and_admins_export_and_the_trail_says_who(tmp_path: Path) -> None:
    async with place(tmp_path / "here") as here:
        room_id = await here.hold(vector("conversation"))
        exported = await here.export(room_id, tmp_path / "one")
        state = await loaded(here, room_id)
        others = [one for one in state.members.values() if one.role not in {Role.OWNER, Role.ADMIN}]
        host = await here.directory.host(room_id)
        assert others
        exports = RoomExports(here.storage, here.blobs, here.directory, here.clock)
        with pytest.raises(Refused) as refused:
            await exports.export(host.room_id, others[0].account_id, tmp_path / "two", ArchiveForm.ZIP, origin="http")
        assert refused.value.code is RefusalCode.FORBIDDEN
        assert not (tmp_path / "two").exists()
        rows = await here.storage.audit_after(None, 0, limit=100)
        told = [row.entry for row in rows if row.entry.action == "room_exported"]
        assert [(entry.actor_id, entry.subject) for entry in told] == [
            (exported.metadata.exported_by.account_id, room_id)
        ]


async def test_nothing_is_written_over_but_an_export_and_only_if_wanted(tmp_path: Path) -> None:
    async with place(tmp_path / "here") as here:
        room_id = await here.hold(vector("conversation"))
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.txt").write_text("years of work")
        exports = RoomExports(here.storage, here.blobs, here.directory, here.clock)
        owner = (await loaded(here, room_id)).owners()[0].account_id
        for replaces in (False, True):
            with pytest.raises(Refused) as refused:
                await exports.export(
                    room_id, owner, tmp_path / "mine", ArchiveForm.FOLDER, replaces=replaces, origin="cli"
                )
            assert refused.value.code is RefusalCode.CONFLICT
        assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
        await here.export(room_id, tmp_path / "out")
        with pytest.raises(Refused):
            await here.export(room_id, tmp_path / "out")
        await exports.export(room_id, owner, tmp_path / "out", ArchiveForm.FOLDER, replaces=True, origin="cli")
        assert names_in(tmp_path) == ["here", "mine", "out"]


async def test_turns_that_ran_are_interrupted_where_the_room_is_imported(tmp_path: Path) -> None:
    events = vector("ai_turn")
    ends = [place_ for place_, event in enumerate(events) if isinstance(event, TurnEnded)]
    async with place(tmp_path / "here") as here, place(tmp_path / "there") as there:
        room_id = await here.hold(events[: ends[0]])
        running = (await loaded(here, room_id)).turns
        assert running
        await here.export(room_id, tmp_path / "out")
        await there.imports.import_room(tmp_path / "out", name="Again", origin="cli")
        tail = (await there.events(room_id))[ends[0] :]
        assert [event.outcome for event in tail if isinstance(event, TurnEnded)] == [TurnOutcome.INTERRUPTED] * len(
            running
        )
        assert isinstance(tail[-1], RoomRenamed)
        state = await loaded(there, room_id)
        assert (state.turns, state.room.name) == ({}, "Again")


async def test_a_dry_run_says_what_would_come_and_makes_nothing(tmp_path: Path) -> None:
    async with place(tmp_path / "here") as here, place(tmp_path / "there") as there:
        room_id, _ = await room_with_files(here)
        await here.export(room_id, tmp_path / "out")
        dry = await there.imports.import_room(tmp_path / "out", origin="cli", is_dry_run=True)
        assert dry.room_id is None
        assert {one.here for one in dry.people if one.is_new} == {"alice", "bob"}
        assert len(await there.storage.list_accounts()) == 2
        assert await there.storage.seqs([room_id]) == {}
        assert [stored async for stored in there.blobs.listing("")] == []
        real = await there.imports.import_room(tmp_path / "out", origin="cli")
        assert {**asdict(real), "room_id": None} == asdict(dry)


async def test_whoever_has_a_handle_here_is_that_person_and_another_kind_is_not(tmp_path: Path) -> None:
    async with place(tmp_path / "here") as here, place(tmp_path / "there") as there:
        room_id = await here.hold(vector("ai_turn"))
        alice = await there.lobby.create_account("alice", origin="cli")
        await there.lobby.create_account("bot", origin="cli")
        await here.export(room_id, tmp_path / "out")
        await there.imports.import_room(tmp_path / "out", origin="cli")
        members = {member.handle: member for member in (await loaded(there, room_id)).members.values()}
        assert set(members) == {"alice", "bob", "bot-2"}
        assert members["alice"].account_id == alice.id
        stored = await there.storage.find_account_by_handle("bot-2")
        assert stored is not None
        assert stored.disabled


class Failing(MemoryStorage):
    """A database that is away when a room is to be made."""

    @override
    async def create_room(self, append: Append, *, direct_key: str | None) -> RoomId:
        raise StorageUnavailable("away")


class Full(LocalBlobs):
    """A store with room for one file."""

    puts = 0

    @override
    async def put(self, key: BlobKey, pieces: AsyncIterable[bytes], size: int | None = None) -> Stored:
        self.puts += 1
        if self.puts > 1:
            raise BlobsFull("full")
        return await super().put(key, pieces, size)


async def test_an_import_that_fails_leaves_nothing_of_the_room(tmp_path: Path) -> None:
    async with place(tmp_path / "here") as here:
        room_id, _ = await room_with_files(here)
        await here.export(room_id, tmp_path / "out")
        names = [one.id for message in await here.messages(room_id) for one in message.attachments]
        async with place(tmp_path / "away", Failing()) as away, place(tmp_path / "full") as full:
            full.blobs = Full(tmp_path / "full" / "blobs")
            for there, fault in ((away, StorageUnavailable), (full, BlobsFull)):
                with pytest.raises(fault):
                    await there.imports.import_room(tmp_path / "out", origin="cli")
                assert await there.storage.seqs([room_id]) == {}
                assert await there.storage.uploads(names) == {}
        async with place(tmp_path / "there") as there:
            assert (await there.imports.import_room(tmp_path / "out", origin="cli")).room_id == room_id


class Busy(MemoryStorage):
    """A room in which something happens while its messages are being read."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    @override
    async def recent_messages(
        self, room_id: RoomId, *, limit: int, before_seq: int | None = None, from_seq: int = 0
    ) -> Sequence[Message]:
        happens, self.meanwhile = self.meanwhile, None
        if happens is not None:
            await happens()
        return await super().recent_messages(room_id, limit=limit, before_seq=before_seq, from_seq=from_seq)


async def test_a_room_that_goes_on_is_exported_as_it_was_at_the_beginning(tmp_path: Path) -> None:
    storage = Busy()
    async with place(tmp_path / "here", storage) as here:
        room_id = await here.hold(vector("conversation"))
        alice = (await loaded(here, room_id)).owners()[0].account_id
        await here.post(room_id, alice, "before")
        await here.directory.host(room_id)
        before = await here.messages(room_id)

        async def meanwhile() -> None:
            seq = (await storage.seqs([room_id]))[room_id]
            head = {"room_id": room_id, "id": here.clock.new_id(), "at": here.clock.now(), "actor_id": alice}
            edited = MessageEdited.model_validate(
                {**head, "seq": seq + 1, "message_id": before[-1].id, "text": "after", "revision": 2}
            )
            append = Append(room_id, seq, (NewEvent(edited, encode(edited)),))
            assert await storage.append(append) is Appended.COMMITTED
            await here.post(room_id, alice, "one more")

        storage.meanwhile = meanwhile
        await here.export(room_id, tmp_path / "out")
        written = [json.loads(line) for line in (tmp_path / "out" / "messages.jsonl").read_text().splitlines()]
        assert written == [as_json(message) for message in before]
        assert "> after" not in (tmp_path / "out" / "transcript.md").read_text()


@given(
    st.lists(st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=16, max_size=16), unique=True),
    st.integers(1, 2**80 - 1),
)
def test_ids_move_alike_and_never_onto_each_other(randoms: list[str], shift: int) -> None:
    ids = [f"01KDV2GM00{random}" for random in randoms]
    moved = [shifted(one, shift) for one in ids]
    assert len(set(moved)) == len(ids)
    assert not any(one == other for one, other in zip(ids, moved, strict=True))
    assert [shifted(one, 2**80 - shift) for one in moved] == ids


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[tuple[str, str]] = set()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen |= {(tag, name) for name, _ in attrs} or {(tag, "")}


_NASTY = st.lists(
    st.sampled_from(
        [
            "<script>",
            "</pre>",
            "<!--",
            "&lt;",
            "[a](javascript:x)",
            "![i](//x)",
            "```",
            "    ",
            "\t",
            "# ",
            "- ",
            "1. ",
            "===",
            "|",
            "~~~",
            "\\",
            "`",
            "*",
            "_",
            "\n",
            "https://x.y",
            "<a@b.c>",
            "words",
            "]",
            "[",
            '"',
            "'",
            "$x$",
        ]
    ),
    max_size=12,
).map("".join)


@given(_NASTY)
def test_no_words_become_markup_in_a_transcript(text: str) -> None:
    room = vector("conversation")[0]
    assert isinstance(room, RoomCreated)
    view = created(room).room.model_copy(update={"name": text, "topic": text})
    message = Message(
        id=MessageId("01KDV2GM000000000000000001"), seq=2, author_id=AccountId("alice"), at=room.at, text=text
    )
    transcript = Transcript(view, {AccountId("alice"): text}, ())
    html = Tags()
    html.feed(transcript.html(message))
    assert html.seen == {("article", "id"), ("header", ""), ("b", ""), ("bdi", ""), ("pre", "dir")}
    rendered = Tags()
    rendered.feed(MarkdownIt("commonmark", {"html": True}).enable("table").render(transcript.md(message)))
    assert rendered.seen <= {("p", ""), ("strong", ""), ("blockquote", ""), ("br", "")}


async def test_a_zip_of_many_bytes_says_what_is_in_it(tmp_path: Path) -> None:
    async with place(tmp_path / "here") as here:
        room_id, _ = await room_with_files(here)
        exported = await here.export(room_id, tmp_path / "out.zip", ArchiveForm.ZIP)
        with zipfile.ZipFile(tmp_path / "out.zip") as zipped:
            assert zipped.testzip() is None
            assert sorted(zipped.namelist()) == sorted([METADATA, *(file.path for file in exported.metadata.files)])
        assert (tmp_path / "out.zip").stat().st_mode & 0o777 == 0o600
