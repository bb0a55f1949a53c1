"""The file tools on the command line, as a process: a JSON call a line in, a JSON result a line out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import JsonValue

from multiplayer.tools.files.command_line import MAX_LINE_BYTES

pytestmark = pytest.mark.slow  # each starts a process


def served(folder: Path, lines: bytes) -> list[dict[str, JsonValue]]:
    """Feed `lines` to the command; it must end well and print nothing but results."""
    done = subprocess.run(
        [sys.executable, "-m", "multiplayer.tools.files", "call", "--workspace", str(folder)],
        input=lines,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return [json.loads(line) for line in done.stdout.splitlines()]


def line(call_id: JsonValue, name: str, **arguments: JsonValue) -> bytes:
    return json.dumps({"id": call_id, "name": name, "arguments": arguments}).encode() + b"\n"


def test_every_tool_answers_on_its_line_and_the_last_needs_no_line_end(tmp_path: Path) -> None:
    answers = served(
        tmp_path,
        line(1, "write_file", path="a/f", content="one\ntwo\n")
        + line(2, "read_file", path="a/f", offset=2)
        + line(3, "edit_file", path="a/f", old="two", new="2")
        + line(4, "list_files", depth=2)
        + line(5, "search_files", query="^2$", is_regex=True)
        + line(6, "move_file", source="a/f", destination="b")
        + line(7, "delete_file", path="a")
        + line("last", "read_file", path="b").removesuffix(b"\n"),
    )
    assert answers == [
        {"id": 1, "ok": True, "text": "wrote 8 bytes to a/f"},
        {"id": 2, "ok": True, "text": "two\n[lines 2-2 of 2]"},
        {"id": 3, "ok": True, "text": "--- a/f\n+++ a/f\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n"},
        {"id": 4, "ok": True, "text": "a/\na/f  6"},
        {"id": 5, "ok": True, "text": "a/f:2: 2"},
        {"id": 6, "ok": True, "text": "moved a/f to b"},
        {"id": 7, "ok": True, "text": "deleted a: 0 files in 1 folder"},
        {"id": "last", "ok": True, "text": "one\n2\n"},
    ]


def test_every_malformed_line_is_answered_and_the_next_one_still_runs(tmp_path: Path) -> None:
    malformed: list[tuple[bytes, JsonValue]] = [
        (b"", None),
        (b"garbage", None),
        (b"{", None),
        (b"null", None),
        (b'"text"', None),
        (b"[" * 100_000, None),
        (b'{"id":1,"name":"list_files"}', 1),
        (b'{"id":"x","name":"list_files","arguments":[]}', "x"),
        (b'{"id":2,"name":3,"arguments":{}}', 2),
        (b'{"id":3,"name":"list_files","arguments":{},"more":1}', 3),
        (b'{"id":true,"name":"list_files","arguments":{}}', None),
        (b'{"id":null,"name":"list_files","arguments":{}}', None),
        (b'{"id":1e3,"name":"list_files","arguments":{}}', None),
        (b'{"id":' + b"9" * 4000 + b',"name":"list_files","arguments":{}}', None),
        (b'{"id":' + b"9" * 9000 + b',"name":"list_files","arguments":{}}', None),
        (b'{"id":"' + b"x" * 9000 + b'","name":"list_files","arguments":{}}', None),
        (b'{"id":4,"name":"list_files","arguments":{"depth":NaN}}', None),
        (b"\xff\xfe{}", None),
        (b'{"id":5,"name":"read_file","arguments":{"path":"\\ud800"}}', None),
        (b'{"id":5,"name":"read_file","arguments":{"path":"\xed\xa0\x80"}}', None),
        (b'{"id":6,"name":"list_files","arguments":{"depth":' + b"1" * 4000 + b"}}", 6),
        (b'{"id":7,"name":"list_files","arguments":{"path":' + b"[" * 150 + b"]" * 150 + b"}}", 7),
    ]
    lines = b"".join(bad + b"\n" + line("next", "list_files") for bad, _ in malformed)
    answers = served(tmp_path, lines)
    assert [answer["id"] for answer in answers[::2]] == [call_id for _, call_id in malformed]
    assert {answer["code"] for answer in answers[::2]} == {"bad_arguments"}
    assert answers[1::2] == [{"id": "next", "ok": True, "text": "[the folder is empty]"}] * len(malformed)


def test_a_line_that_is_too_long_is_passed_over_whole(tmp_path: Path) -> None:
    huge = line(1, "write_file", path="f", content="x" * (2 * MAX_LINE_BYTES + 5))
    answers = served(tmp_path, huge + line(2, "list_files") + b"y" * (MAX_LINE_BYTES + 1))
    assert [(answer["id"], answer["ok"]) for answer in answers] == [(None, False), (2, True), (None, False)]
    assert answers[1]["text"] == "[the folder is empty]"


def test_a_reader_who_goes_away_ends_it_without_a_traceback(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "multiplayer.tools.files", "call", "--workspace", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(line(1, "list_files"))
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.close()
        process.stdin.write(line(2, "list_files"))
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=30) == 0


def test_a_workspace_that_is_no_folder_is_said_to_be_none(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "multiplayer.tools.files", "call", "--workspace", str(tmp_path / "none")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "is not a folder" in done.stderr
    assert "Traceback" not in done.stderr
