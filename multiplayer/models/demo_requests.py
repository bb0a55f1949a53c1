"""What the built-in demo understands: a handful of plain requests in English and Chinese."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message of the room as it stands in the prompt. `is_repeated`: it asks once more what was asked before."""

    author: str
    text: str
    is_repeated: bool = False


@dataclass(frozen=True)
class ToolWish:
    """The person wants `tool` to run with `arguments`."""

    tool: str
    arguments: dict[str, str]


class Request(Enum):
    SUMMARY = auto()
    OTHER = auto()


Wish: TypeAlias = ToolWish | Request

_CALLED = r"(?:(?:hi|hey|hello|ok|okay|你好|嗨)[\s,，!！]+)?"
_MENTIONS = re.compile(rf"^\s*{_CALLED}(?:@[A-Za-z0-9_.\-]+[\s,，:：]*)*", re.IGNORECASE)
# Possessive (`*+`, `{1,3}`): these patterns meet text that anyone may write, and must not be made to backtrack.
_POLITE = r"(?:please\b|(?:can|could|would|will)\s++you\b|请你?|麻烦你?|帮我|帮忙|你能|能不能|\s)*+"
_END = r"(?:\s*+(?:,\s*+)?please|\s*+(?:吧|吗|谢谢))?\s*+[.!?。！？]*+\s*+$"
_PATH = r"(?:`(?P<p1>[^`\n]+)`|\"(?P<p2>[^\"\n]+)\"|“(?P<p3>[^”\n]+)”|(?P<p4>[^\s`\"“”:：，。！？]{1,300}?))"
_FLAGS = re.IGNORECASE | re.DOTALL

_LIST = [
    re.compile(rf"{_POLITE}(?:list|show)(?:\s+(?:me|us))?(?:\s+all)?(?:\s+(?:the|of|our|my))*\s+files{_END}", _FLAGS),
    re.compile(
        rf"{_POLITE}(?:list|show)(?:\s+(?:me|us))?(?:\s+all)?(?:\s+(?:the|our|my))*\s+files\s+(?:in|of|under)\s+{_PATH}{_END}",
        _FLAGS,
    ),
    re.compile(rf"(?:what|which)\s+files\s+(?:are\s+there|do\s+we\s+have|exist){_END}", _FLAGS),
    re.compile(rf"ls(?:\s+{_PATH})?{_END}", _FLAGS),
    re.compile(
        rf"{_POLITE}(?:列出|列一下|列|显示|看看|查看|有哪些|有什么)(?:一下)?(?:所有的?|全部的?|当前的?)?文件(?:列表|清单)?{_END}",
        _FLAGS,
    ),
    re.compile(
        rf"{_POLITE}(?:列出|显示|查看)(?:一下)?\s*{_PATH}\s*(?:目录|文件夹)?(?:里|中|下)?面?的?(?:所有|全部)?文件{_END}",
        _FLAGS,
    ),
]
_READ = [
    re.compile(rf"{_POLITE}(?:read|open|cat)(?:\s+(?:me|us))?(?:\s+the)?(?:\s+file)?\s+{_PATH}{_END}", _FLAGS),
    re.compile(rf"{_POLITE}(?:读取|读一下|读|打开|查看)(?:一下)?(?:文件)?\s*{_PATH}{_END}", _FLAGS),
]
_WRITE = [
    re.compile(
        rf"{_POLITE}(?:write|create|save)(?:\s+to)?(?:\s+(?:the|a))?(?:\s+file)?\s+{_PATH}\s*[:：][^\S\n]?(?P<text>.*)$",
        _FLAGS,
    ),
    re.compile(rf"{_POLITE}(?:写入|写到|写|创建|保存到?)(?:文件)?\s*{_PATH}\s*[:：][^\S\n]?(?P<text>.*)$", _FLAGS),
]
_TESTS = [
    re.compile(rf"{_POLITE}(?:run|execute|start)(?:\s+(?:all|the|our|my|unit))*\s+tests{_END}", _FLAGS),
    re.compile(rf"{_POLITE}(?:运行|执行|跑)(?:一下|所有|全部)*(?:单元)?测试{_END}", _FLAGS),
]
_TEST_FILE = [
    re.compile(
        rf"{_POLITE}(?:write|create|add|make)(?:\s+(?:me|us))?(?:\s+(?:a|an|one|some|unit))*\s+tests?(?:\s+file)?{_END}",
        _FLAGS,
    ),
    re.compile(rf"{_POLITE}(?:写|创建|加|添加)(?:一个|个|一些)?(?:单元)?测试(?:文件)?{_END}", _FLAGS),
]
_FIX = [
    re.compile(rf"{_POLITE}(?:fix|repair|improve)(?:\s+(?:all|the|our|my|unit))*\s+tests?{_END}", _FLAGS),
    re.compile(rf"{_POLITE}(?:修复|修好|修|改进)(?:一下|所有|全部)*(?:单元)?测试{_END}", _FLAGS),
]
_FILE = [
    re.compile(rf"{_POLITE}(?:write|create|make)(?:\s+(?:me|us))?\s+(?:a|some)\s+file{_END}", _FLAGS),
    re.compile(rf"{_POLITE}(?:写|创建)(?:一个|个)文件{_END}", _FLAGS),
]
_RUN = [
    re.compile(
        rf"{_POLITE}(?:run|execute)(?:\s+the)?(?:\s+command)?\s*[:：]?\s*(`{{1,3}})(?P<command>.+?)\1{_END}", _FLAGS
    ),
    re.compile(rf"{_POLITE}(?:运行|执行)(?:一下)?(?:命令)?\s*[:：]?\s*(`{{1,3}})(?P<command>.+?)\1{_END}", _FLAGS),
    # A shell eats backticks, so the terminal client also takes the rest of the line, unless it reads as prose.
    re.compile(
        r"(?:run|execute)(?:\s+command)?\s*[:：]?\s+(?!(?:the|a|an|my|our|this|that|it|to)\b)(?P<command>[^`\n]+)$",
        _FLAGS,
    ),
    re.compile(r"(?:运行|执行)(?:命令)?\s*[:：]?\s*(?P<command>[!-~][^`\n]*)$", _FLAGS),
]
_SUMMARY = [
    re.compile(
        rf"{_POLITE}(?:summari[sz]e|sum\s+up|tl;?dr|(?:give|write)\s+(?:(?:me|us)\s+)?a\s+summary)(?![\w]).*$", _FLAGS
    ),
    re.compile(rf"{_POLITE}(?:总结|概括|归纳|摘要|小结).*$", _FLAGS),
]
_MAX_ONE_LINE_REQUEST = 2000
TESTS_COMMAND = "python3 -m unittest -v"
_A_TEST = """import unittest


class DemoTest(unittest.TestCase):
    def test_two_and_two_are_four(self):
        self.assertEqual(2 + 2, 4)
"""
_TWO_TESTS = (
    _A_TEST
    + """
    def test_words_are_split(self):
        self.assertEqual("a b".split(), ["a", "b"])
"""
)
_RESULT = re.compile(r"\[result (?P<mark>\w+)[^\n]*\]\n(?P<said>.*)\n\[end (?P=mark)\]\s*", re.DOTALL)
_CODE_BLOCK = re.compile(r"\s*```[^\n`]*\n(?P<code>.*?)\n?```\s*$", re.DOTALL)


def without_mentions(text: str) -> str:
    """Return what is said behind a greeting and the names that it is for."""
    return _MENTIONS.sub("", text, count=1).lstrip()


def understand(text: str) -> Wish:
    """Return what `text` asks for. Mentions before the request do not matter."""
    said = without_mentions(text)
    if match := _first(_WRITE, said):
        return ToolWish("write_file", {"path": _path(match), "content": _content(match["text"])})
    if len(said) > _MAX_ONE_LINE_REQUEST:
        return Request.OTHER
    if match := _first(_LIST, said):
        return ToolWish("list_files", {"path": _path(match) or "."})
    if _first(_TESTS, said):
        return ToolWish("execute_command", {"command": TESTS_COMMAND})
    if _first(_TEST_FILE, said):
        return ToolWish("write_file", {"path": "test_demo.py", "content": _A_TEST})
    if _first(_FIX, said):
        return ToolWish("write_file", {"path": "test_demo.py", "content": _TWO_TESTS})
    if _first(_FILE, said):
        return ToolWish("write_file", {"path": "demo.txt", "content": "Written by the built-in demo.\n"})
    if match := _first(_RUN, said):
        return ToolWish("execute_command", {"command": match["command"].strip()})
    if match := _first(_READ, said):
        return ToolWish("read_file", {"path": _path(match)})
    return Request.SUMMARY if _first(_SUMMARY, said) else Request.OTHER


def read_envelope(content: str) -> Envelope | None:
    """Find the last JSON object on one line that has `author` and `text`; `None` when there is none."""
    for line in reversed(content.split("\n")):
        start, end = line.find("{"), line.rfind("}")
        if start < 0 or end < start:
            continue
        try:
            value = json.loads(line[start : end + 1])
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            author, text = value.get("author"), value.get("text")
            if isinstance(author, str) and isinstance(text, str):
                return Envelope(author, text, value.get("kind") == "request")
    return None


def read_result(content: str) -> str:
    """Return what a tool said, without the lines that mark it as a result."""
    marked = _RESULT.fullmatch(content)
    return marked["said"] if marked else content


def envelopes_in(content: str, read: Callable[[str], Envelope | None]) -> list[Envelope]:
    """Return every envelope of a prompt message, whether `read` wants one line or all of them."""
    found = [envelope for line in content.split("\n") if (envelope := read(line)) is not None]
    if not found and (whole := read(content)) is not None:
        found = [whole]
    return found


def _first(patterns: list[re.Pattern[str]], said: str) -> re.Match[str] | None:
    return next((match for pattern in patterns if (match := pattern.match(said))), None)


def _path(match: re.Match[str]) -> str:
    groups = match.groupdict()
    return next((groups[name].strip() for name in ("p1", "p2", "p3", "p4") if groups.get(name)), "")


def _content(text: str) -> str:
    block = _CODE_BLOCK.match(text)
    return block["code"] + "\n" if block else text.removeprefix("\n")
