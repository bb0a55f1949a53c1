"""What is read out of files, and what a hostile one can do: end its own extraction, and nothing else."""

import asyncio
import base64
import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from multiplayer.tools.extraction.answers import READY, extracted
from multiplayer.tools.extraction.extraction import (
    EXTRACTION_UIDS,
    Extracted,
    ExtractionBusy,
    ExtractionFailed,
    ExtractionLimits,
    Extractor,
)
from multiplayer.tools.extraction.sniff import HEAD_BYTES, kind_of
from multiplayer.tools.sandbox.landlock import landlock_abi
from multiplayer.tools.sandbox.processes import tree_of
from tests.support.file_corpus import (
    MIB,
    QUICK,
    SAMPLES,
    SECRET,
    Sample,
    packed_blanks,
    pdf_of_pages,
    picture,
    said,
    slow_pdf,
    word_file,
    word_file_with_dtd,
    zip_of,
)

_LIMITS = ExtractionLimits()


@contextlib.contextmanager
def _file(data: bytes) -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        yield file.fileno()


async def _read(
    data: bytes, name: str = "", limits: ExtractionLimits = _LIMITS, by: Extractor | None = None
) -> Extracted:
    with _file(data) as fd:
        return await (by or Extractor()).extract(fd, kind_of(data[:HEAD_BYTES], name), limits)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


@pytest.mark.slow
async def test_every_file_of_the_corpus_gives_what_it_holds_or_a_plain_problem_and_harms_nobody() -> None:
    extractor = Extractor()
    made = [(sample, sample.make()) for sample in SAMPLES]
    await _read(b"warm", by=extractor)
    before, memory, children = _descriptors(), _resident(), set(tree_of(os.getpid()))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        results = await asyncio.gather(*(_read(data, sample.name, by=extractor) for sample, data in made))
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert _descriptors() == before
    assert set(tree_of(os.getpid())) == children
    assert _resident() - memory < 32 * MIB
    for (sample, _), found in zip(made, results, strict=True):
        _check(sample, found)


def _check(sample: Sample, found: Extracted) -> None:
    about = f"{sample.name}: {found}"
    if sample.problem is None:
        assert found.problem is None, about
    else:
        assert found.problem is not None, about
        assert sample.problem in found.problem, about
    if sample.text is not None:
        assert found.text is not None, about
        assert sample.text in found.text, about
    if found.text is not None:
        assert len(found.text) <= _LIMITS.max_characters
        assert not set(found.text) & {"\0", "\x1b", "\r", "\u202e", "\u2066", "\U000e0041"}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
async def test_a_picture_is_turned_upright_and_made_small_and_tells_nothing_of_alice(kind: str) -> None:
    data = picture(kind, orientation=6, size=(1200, 600))
    assert SECRET.encode() in data
    found = await _read(data)
    assert (found.width, found.height, found.thumbnail_type, found.problem) == (600, 1200, "image/webp", None)
    assert found.thumbnail is not None
    assert not any(word in found.thumbnail for word in (SECRET.encode(), b"EXIF", b"Exif", b"XMP ", b"ICCP"))
    with Image.open(io.BytesIO(found.thumbnail)) as small:
        assert (small.format, small.size) == ("WEBP", (240, 480))
        colours = [small.convert("RGB").getpixel(at) for at in ((120, 40), (120, 440))]
    assert [_dominant(colour) for colour in colours] == ["red", "blue"]


def _dominant(colour: object) -> str:
    assert isinstance(colour, tuple)
    return ("red", "green", "blue")[colour.index(max(colour))]


async def test_a_picture_that_is_refused_still_has_its_size() -> None:
    flood = next(sample for sample in QUICK if sample.name == "flood.png")
    found = await _read(flood.make())
    assert (found.width, found.height, found.thumbnail) == (50_000, 50_000, None)
    assert found.problem == "The picture has more than 50 million pixels."


async def test_a_picture_of_many_greys_keeps_them_apart() -> None:
    out = io.BytesIO()
    image = Image.new("I;16", (40, 40), 60_000)
    image.paste(20_000, (0, 0, 20, 40))
    image.save(out, "PNG")
    found = await _read(out.getvalue())
    assert found.thumbnail is not None
    with Image.open(io.BytesIO(found.thumbnail)) as small:
        row = small.convert("L").tobytes()[20 * 40 : 21 * 40]
    assert row[35] - row[5] > 200


async def test_a_see_through_picture_stays_so() -> None:
    out = io.BytesIO()
    Image.new("LA", (40, 40), (255, 0)).save(out, "PNG")
    found = await _read(out.getvalue())
    assert found.thumbnail is not None
    with Image.open(io.BytesIO(found.thumbnail)) as small:
        assert small.convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]  # a pixel of RGBA is a tuple


async def test_a_text_is_cut_where_it_is_too_long_and_says_so() -> None:
    limits = ExtractionLimits(max_characters=1000)
    long = await _read("ü".encode() * 1001, limits=limits)
    assert (long.text, long.is_text_cut) == ("ü" * 1000, True)
    exact = await _read("ü".encode() * 1000, limits=limits)
    assert (exact.text, exact.is_text_cut) == ("ü" * 1000, False)
    huge = await _read(b"a" * 9000, limits=limits)
    assert (huge.text, huge.is_text_cut) == ("a" * 1000, True)


async def test_a_text_in_an_unnamed_encoding_is_read_and_said_to_be_guessed() -> None:
    assert (await _read("Grüße".encode("latin-1"))).is_encoding_guessed
    assert not (await _read("Grüße".encode())).is_encoding_guessed


async def test_of_a_long_document_the_first_pages_are_read_and_all_are_counted() -> None:
    pages = [said(f"page {at}") for at in range(12)]
    found = await _read(pdf_of_pages(pages), limits=ExtractionLimits(max_pages=10))
    assert found.pages == 12
    assert found.is_text_cut
    assert found.text is not None
    assert ("page 9" in found.text, "page 10" in found.text) == (True, False)


async def test_one_broken_page_costs_only_itself() -> None:
    pages = [zlib.compress(said("first")), packed_blanks(200 * MIB), zlib.compress(said("third"))]
    found = await _read(pdf_of_pages(pages, b"/Filter/FlateDecode"))
    assert found.text is not None
    assert "first" in found.text
    assert "third" in found.text
    assert found.problem == "Some of its pages are damaged: their text is missing."


async def test_an_entity_is_neither_fetched_nor_read_from_the_disk() -> None:
    with tempfile.NamedTemporaryFile() as canary, socket.create_server(("127.0.0.1", 0)) as listener:
        canary.write(b"canary-of-the-host")
        canary.flush()
        os.fchmod(canary.fileno(), 0o644)
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x.dtd"
        for dtd in (
            f'<!DOCTYPE w:document [<!ENTITY e SYSTEM "file://{canary.name}">]>',
            f'<!DOCTYPE w:document [<!ENTITY e SYSTEM "{url}">]>',
            f'<!DOCTYPE w:document SYSTEM "{url}" [<!ENTITY % p SYSTEM "{url}"> %p; <!ENTITY e "x">]>',
        ):
            found = await _read(word_file_with_dtd(dtd, "&e;"))
            assert "canary" not in repr(found)
            assert found.problem is not None or "before" in (found.text or "")
        with pytest.raises(BlockingIOError):
            listener.accept()


async def test_the_given_descriptor_is_left_as_it_was() -> None:
    with _file(b"one two three") as fd:
        os.lseek(fd, 4, os.SEEK_SET)
        await Extractor().extract(fd, kind_of(b"one", ""), _LIMITS)
        assert os.read(fd, 3) == b"two"


async def test_a_file_that_nothing_is_read_of_costs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    assert await _read(b"\x7fELF\2\1\1" + bytes(9)) == Extracted()


async def test_what_the_world_fails_at_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ExtractionFailed, match="get ready"):
        await _read(word_file(), limits=ExtractionLimits(memory_bytes=8 * MIB))
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    with pytest.raises(ExtractionFailed, match="No such file"):
        await _read(b"words")


@pytest.mark.slow
async def test_a_file_that_takes_too_long_keeps_what_was_read_by_then() -> None:
    cases = ((ExtractionLimits(cpu_s=2), "more time or memory"), (ExtractionLimits(wall_s=8.0), "too long"))
    results = await asyncio.gather(*(_read(slow_pdf(), limits=limits) for limits, _ in cases))
    for found, (_, words) in zip(results, cases, strict=True):
        assert found.problem is not None
        assert words in found.problem
        assert found.pages == 200
        assert found.is_text_cut or found.text is None


async def test_a_file_that_needs_too_much_memory_costs_only_itself() -> None:
    out = io.BytesIO()
    Image.new("RGB", (6900, 6900)).save(out, "PNG")
    found = await _read(out.getvalue(), limits=ExtractionLimits(memory_bytes=200 * MIB))
    assert found.problem == "Reading it takes more memory than a file may cost."
    assert found.width == 6900


async def test_files_beyond_the_queue_are_turned_away_and_the_others_have_their_turns() -> None:
    extractor = Extractor(uids=EXTRACTION_UIDS[:1], max_waiting=1)
    results = await asyncio.gather(*(_read(b"words", by=extractor) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [Extracted, Extracted, ExtractionBusy]
    assert (await _read(b"again", by=extractor)).text == "again"


async def test_an_extraction_that_is_cancelled_leaves_no_process_and_no_descriptor() -> None:
    extractor = Extractor(uids=EXTRACTION_UIDS[:1])
    await _read(b"warm", by=extractor)
    before, children = _descriptors(), set(tree_of(os.getpid()))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await _read(slow_pdf(), by=extractor)
    assert set(tree_of(os.getpid())) == children
    assert _descriptors() == before
    assert (await _read(b"next", by=extractor)).text == "next"


_HOSTILE = """
import ctypes, os, resource, signal, socket, sys, threading
from multiplayer.tools.extraction.confine import bound, confine
from multiplayer.tools.extraction.job import ExtractionLimits

uid = int(sys.argv[1]) or None
canary, port, abi, kept = sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
if uid is None and os.geteuid() == 0:
    os.setgroups([]); os.setgid(61234); os.setuid(61234)
bound(ExtractionLimits())
confine(uid, abi, os.getppid())
tcp = lambda: socket.socket().connect(("127.0.0.1", port))
tries = {
    "read a file": lambda: os.open(canary, os.O_RDONLY),
    "write a file": lambda: os.open(canary, os.O_WRONLY),
    "make a file": lambda: os.open(canary + ".new", os.O_WRONLY | os.O_CREAT),
    "remove a file": lambda: os.unlink(canary),
    "rename a file": lambda: os.rename(canary, canary + ".new"),
    "list a folder": lambda: os.listdir("/"),
    "look at a file": lambda: os.stat(canary),
    "make a link": lambda: os.symlink(canary, canary + ".new"),
    "write to the file": lambda: os.ftruncate(kept, 0),
    "connect": tcp,
    "make a pair of sockets": socket.socketpair,
    "make a pipe": os.pipe,
    "copy a descriptor": lambda: os.dup(0),
    "make memory files": lambda: os.memfd_create("x"),
    "fork": os.fork,
    "start a thread": lambda: threading.Thread(target=print).start(),
    "run a program": lambda: os.execv("/bin/true", ["true"]),
    "signal": lambda: os.kill(os.getppid(), 0),
    "raise a limit": lambda: resource.setrlimit(resource.RLIMIT_NPROC, (9, 9)),
    "change who it is": lambda: os.setuid(0),
    "trace": lambda: 1 / (ctypes.CDLL(None).ptrace(0, 0, 0, 0) + 1),
}
for name, attempt in tries.items():
    try:
        attempt()
        print("did", name)
    except (OSError, RuntimeError, ValueError, ZeroDivisionError):
        print("could not", name)
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.parametrize("has_landlock", [True, False])
@pytest.mark.parametrize("is_root", [True, False])
def test_a_process_that_is_shut_in_can_open_connect_start_and_signal_nothing(has_landlock: bool, is_root: bool) -> None:
    if is_root and os.geteuid() != 0:
        pytest.skip("needs root, to become somebody else")
    abi = landlock_abi() if has_landlock else 0
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        Path(folder).chmod(0o777)
        canary = Path(folder, "canary")
        canary.write_text("whole")
        canary.chmod(0o666)
        kept = os.open(canary, os.O_RDONLY)
        port = listener.getsockname()[1]
        words = [str(EXTRACTION_UIDS[0] if is_root else 0), str(canary), str(port), str(abi), str(kept)]
        root = str(Path(__file__).parents[2])
        ran = subprocess.run(
            [sys.executable, "-c", _HOSTILE, *words],
            cwd=root,
            env={"PYTHONPATH": root},
            pass_fds=[kept],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        os.close(kept)
        said_lines = ran.stdout.splitlines()
        assert len(said_lines) == 21, ran.stderr
        assert [line for line in said_lines if line.startswith("did")] == []
        assert [entry.name for entry in Path(folder).iterdir()] == ["canary"]
        assert canary.read_text() == "whole"
        with pytest.raises(BlockingIOError):
            listener.accept()


def _answer(*lines: object, end: str = "\n") -> Extracted:
    said_bytes = READY + "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines).encode()
    return extracted(said_bytes + end.encode(), _LIMITS, is_late=False, is_flood=False)


def _thumbnail(data: bytes) -> dict[str, str]:
    return {"thumbnail": base64.b64encode(data).decode()}


_DONE = {"done": True}


def test_an_honest_answer_is_taken() -> None:
    found = _answer({"width": 3, "height": 4}, _thumbnail(picture("WEBP")), {"text": "hello"}, _DONE)
    assert (found.width, found.height, found.text, found.problem) == (3, 4, "hello", None)
    assert found.thumbnail == picture("WEBP")


@pytest.mark.parametrize(
    "lie",
    [
        "no json",
        "[]",
        {"width": "3", "height": 4},
        {"width": 0, "height": 4},
        {"width": 2**40, "height": 4},
        {"pages": -1},
        {"pages": 1.5},
        {"text": 3},
        {"text": "a" * 200_001},
        {"unknown": 1},
        {"problem": "a sentence of its own"},
        {"thumbnail": "not base64!"},
        _thumbnail(b"<svg onload='alert(1)'/>"),
        _thumbnail(b"RIFF\x04\0\0\0WEBP"),
        _thumbnail(picture("WEBP") + b"<script>"),
        _thumbnail(picture("WEBP", size=(481, 10))),
        _thumbnail(picture("WEBP")[:-20]),
        _thumbnail(picture("PNG")),
        _thumbnail(b"RIFF" + (300_000 - 8).to_bytes(4, "little") + picture("WEBP")[8:].ljust(299_992, b"\0")),
    ],
    ids=lambda lie: str(lie)[:40],
)
def test_an_answer_that_makes_no_sense_is_left_as_a_whole(lie: object) -> None:
    assert _answer({"width": 3, "height": 4}, lie, _DONE) == Extracted(
        problem="What was read out of it makes no sense, so it was left."
    )


def test_an_answer_that_breaks_off_is_a_problem() -> None:
    for found in (_answer({"text": "half"}), _answer({"text": "half"}, '{"te', end="")):
        assert (found.text, found.is_text_cut) == ("half", True)
        assert found.problem is not None


def test_what_a_process_did_not_clean_is_cleaned_again() -> None:
    assert _answer({"text": "a\0\u202eb\x1b[31m"}, _DONE).text == "ab[31m"


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_mutation_of_any_file_raises(data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from(QUICK))
    changed = bytearray(sample.make())
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, max(len(changed) - 1, 0)))
        match data.draw(st.sampled_from(["flip", "cut", "drop", "double", "grow"])):
            case "flip" if changed:
                changed[at] = data.draw(st.integers(0, 255))
            case "cut":
                del changed[at:]
            case "drop":
                del changed[at : at + data.draw(st.integers(1, 64))]
            case "double":
                changed[at:at] = changed[at : at + 512]
            case _:
                changed[at:at] = data.draw(st.binary(max_size=16))
    kind = kind_of(sample.make()[:HEAD_BYTES], sample.name)  # its reader gets it, whatever it looks like now
    with _file(bytes(changed)) as fd:
        found = asyncio.run(Extractor().extract(fd, kind, ExtractionLimits(cpu_s=5, wall_s=15.0)))
    assert found.text is None or len(found.text) <= _LIMITS.max_characters


async def test_a_zip_in_a_zip_is_never_opened() -> None:
    inner = zip_of({"zeros": bytes(4 * MIB)})
    found = await _read(zip_of({"inner.zip": inner}))
    assert found.text is not None
    assert found.text.split() == [str(len(inner)), "inner.zip"]
