"""The built-in demo with tests and tools: it writes tests that run, and says in words what came of a call."""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from multiplayer.live.first_room_words import FILES
from multiplayer.models.demo_requests import ToolWish, understand
from multiplayer.models.port import ChatRequest, PromptMessage, TextDelta, ToolCall
from multiplayer.models.scripted import DemoModel

READ, RUN = "read_file", "execute_command"


async def words_after_tool(
    request: str, tool: str, args: Mapping[str, str], result: str, *, has_failed: bool = False
) -> str:
    async def no_pause(_seconds: float) -> None:
        return

    messages = (
        PromptMessage("user", json.dumps({"author": "alice", "text": request}, ensure_ascii=False)),
        PromptMessage("assistant", "", (ToolCall("demo_1", tool, json.dumps(args)),)),
        PromptMessage("tool", result, tool_call_id="demo_1", has_failed=has_failed),
    )
    chunks = DemoModel(sleep=no_pause).stream(ChatRequest(messages, ()))
    return "".join([chunk.text async for chunk in chunks if isinstance(chunk, TextDelta)])


@pytest.mark.parametrize(
    ("text", "tests"),
    [
        ("@ai write a test file", 1),
        ("please add a unit test", 1),
        ("@ai 请写一个测试文件", 1),
        ("fix the tests", 2),
        ("@ai 帮我修复测试吧", 2),
    ],
)
async def test_tests_are_written_that_python_runs_and_passes(text: str, tests: int, tmp_path: Path) -> None:
    wish = understand(text)
    assert isinstance(wish, ToolWish)
    (tmp_path / wish.arguments["path"]).write_text(wish.arguments["content"])
    command = (sys.executable, "-m", "unittest")
    ran = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, stderr=asyncio.subprocess.PIPE)
    _, said = await ran.communicate()
    assert ran.returncode == 0
    assert f"Ran {tests} test" in said.decode()


@pytest.mark.parametrize("request_text", ["run the tests", "运行测试"])
async def test_tests_of_the_first_room_print_a_line_each_with_how_it_went(request_text: str, tmp_path: Path) -> None:
    wish = understand(request_text)
    assert isinstance(wish, ToolWish)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    command = (sys.executable, *wish.arguments["command"].split()[1:])
    ran = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    printed = (await ran.communicate())[0].decode().splitlines()
    assert ran.returncode == 0
    told = [line for line in printed if "test_" in line]
    assert len(told) == 3
    assert all(line.startswith("test_") and line.endswith(") ... ok") for line in told)


@pytest.mark.parametrize(
    ("result", "says"),
    [
        ("...\nRan 3 tests in 0.001s\n\nOK\n[exit status 0]", "I ran the tests: all 3 passed."),
        (".\nRan 1 test in 0.001s\n\nOK\n[exit status 0]", "I ran the tests: the one there is passed."),
        ("F.\nRan 2 tests in 0.01s\n\nFAILED (failures=1)\n[exit status 1]", "of 2, not all passed (exit status 1)."),
        ("Ran 0 tests in 0.000s\n\nNO TESTS RAN\n[exit status 5]", "I ran the tests, and there are none yet"),
        (
            "python3: not found\n[exit status 127]",
            "I tried `execute_command` on `python3 -m unittest -v`, and it did not",
        ),
    ],
)
async def test_what_came_of_the_tests_is_said_in_words_and_quoted(result: str, says: str) -> None:
    words = await words_after_tool("run the tests", RUN, {"command": "python3 -m unittest -v"}, result)
    assert says in words
    assert result in words


@pytest.mark.parametrize(
    ("text", "result", "says"),
    [
        ("run `ls`", "not run: @olga rejected this call", "on `ls`. It was not run: @olga rejected this call."),
        (
            "run `ls`",
            "not run: nobody approved this call in time",
            "It was not run: nobody approved this call in time.",
        ),
        (
            "run `ls`",
            "not run: guests may not have this tool run",
            "It was not run: guests may not have this tool run.",
        ),
        ("运行 `ls`", "not run: @olga rejected this call", "但没有运行：@olga 拒绝了这次调用。"),
        ("运行 `ls`", "not run: nobody approved this call in time", "但没有运行：没有人及时批准这次调用。"),
    ],
)
async def test_a_call_that_people_did_not_let_run_is_said_not_to_have_run_and_why(
    text: str, result: str, says: str
) -> None:
    words = await words_after_tool(text, RUN, {"command": "ls"}, result, has_failed=True)
    assert says in words
    assert "I ran" not in words


async def test_a_file_that_says_it_was_not_run_was_read_all_the_same() -> None:
    words = await words_after_tool("read a.txt", READ, {"path": "a.txt"}, "not run: says the file")
    assert "It was not run" not in words
    assert "not run: says the file" in words
