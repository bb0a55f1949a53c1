"""What the built-in demo says, in English and Chinese."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from multiplayer.models.demo_requests import TESTS_COMMAND, Envelope, read_result
from multiplayer.models.word_pieces import has_chinese

_MAX_QUOTED_LINES = 20
_MAX_ENDING_LINES = 8
"""Of what a command printed: everyone has seen it on its card, and what matters is at the end."""
_MAX_QUOTED_CHARACTERS = 1500
_MAX_POINTS = 6
_MAX_POINT_CHARACTERS = 160
_FAILURE = re.compile(
    r"\W{0,4}(?:not run\b|(?:error|refused|failed|denied|not allowed|not found|cannot|timed out|unknown|拒绝|失败|错误)\s?[\]:：(])",
    re.IGNORECASE,
)
_BAD_EXIT = re.compile(r"\bexit(?:ed with)?[ _]?(?:code|status)\W{1,4}(?!0\b)-?\d", re.IGNORECASE)
_STATUS = re.compile(r"\bexit status (-?\d{1,4})\b")
_RAN = re.compile(r"^Ran (\d{1,6}) tests? in ", re.MULTILINE)
_NOT_RUN = re.compile(r"not run:?\s+(?P<why>.+)", re.DOTALL)
_REJECTED = re.compile(r"(?P<who>@\S+|a member) rejected this call")
_TOO_LATE = "nobody approved this call in time"
_WEIGHTY = re.compile(
    r"\?|？|\b(?:decid|agree|will|must|should|need|todo|deadline|because|plan|ship|fix|bug)|决定|同意|需要|必须|应该|计划|问题|截止|完成",
    re.IGNORECASE,
)


class DemoWords(Protocol):
    """One language of the demo."""

    @property
    def demo_line(self) -> str:
        """Says that this is a demo; ends every answer."""
        ...

    def introduction(self, offered: Collection[str]) -> str:
        """What the demo is, a few things to try with the tools `offered`, and how a real model is connected."""
        ...

    def not_offered(self, tool: str) -> str: ...

    def quote(self, result: str) -> str: ...

    def report(self, tool: str, arguments: Mapping[str, JsonValue], result: str, *, has_failed: bool) -> str:
        """Say what was run and quote what came of it, without claiming more than the result says."""
        ...

    def summary(self, conversation: Sequence[Envelope]) -> str: ...


class English:
    demo_line = "_I am the built-in demo, a script and not a real model._"

    def introduction(self, offered: Collection[str]) -> str:
        tries = (
            ("list_files", "`list the files`"),
            ("execute_command", "`run the tests`"),
            ("write_file", "`write a test file`"),
            ("list_attachments", "`what is in the file?`, with a file attached"),
            ("", "`summarise`"),
        )
        return (
            "Hello, I am the built-in demo: I follow a script, but the tools I use are real. "
            f"Call me by my name and try:\n\n{_listed(tries, offered)}\n\n"
            "For a real model the operator sets `DEEPSEEK_API_KEY`, or `OPENAI_BASE_URL` and `OPENAI_API_KEY`, "
            "and restarts the server."
        )

    def not_offered(self, tool: str) -> str:
        return f"I understand the request, but the tool it needs (`{tool}`) is not available to me in this room."

    def quote(self, result: str) -> str:
        return "The tool answered:\n\n" + _fenced(result, "the tool answered nothing", "… shortened")

    def _quote_end(self, result: str) -> str:
        ending, is_all = _ending(result)
        return self.quote(ending) if is_all else f"It ended with:\n\n{_fenced(ending, '', '')}"

    def report(self, tool: str, arguments: Mapping[str, JsonValue], result: str, *, has_failed: bool) -> str:
        what, said = _subject(arguments, "it", "the attached file"), read_result(result)
        quoted = self._quote_end(said) if tool == "execute_command" else self.quote(said)
        why = _why_not_run(said) if has_failed else ""
        if why:
            return f"I asked to use `{tool}` on {what}. It was not run: {why}."
        if _is_test_run(tool, arguments) and (tests := _tests_in(said)) is not None:
            return f"{self._of_tests(tests)} {quoted}"
        did = {
            "list_files": f"I listed the files in {what}.",
            "read_file": f"I read {what}.",
            "write_file": f"I wrote {what}.",
            "execute_command": f"I ran {what}.",
            "list_attachments": "I looked which files are attached.",
            "read_attachment": "I read the attached file.",
        }.get(tool, f"I used `{tool}`.")
        failed = f"I tried `{tool}` on {what}, and it did not work."
        return f"{failed if has_failed or reads_as_failure(tool, result) else did} {quoted}"

    def _of_tests(self, tests: "_Tests") -> str:
        if not tests.ran:
            return "I ran the tests, and there are none yet: “write a test file” makes one."
        if tests.status == 0:
            return f"I ran the tests: {'the one there is passed' if tests.ran == 1 else f'all {tests.ran} passed'}."
        return f"I ran the tests: of {tests.ran}, not all passed (exit status {tests.status})."

    def summary(self, conversation: Sequence[Envelope]) -> str:
        points = _points(conversation)
        if not points:
            return "There is nothing to summarise yet: I see no earlier messages."
        people = ", ".join(dict.fromkeys(envelope.author for envelope in conversation))
        return (
            f"An extract, not an understanding: {len(points)} of the {len(conversation)} messages I see, "
            f"by {people}:\n\n" + "\n".join(f"- **{point.author}**: {point.text}" for point in points)
        )


class Chinese:
    demo_line = "_我是内置演示，按脚本回答，不是真正的模型。_"

    def introduction(self, offered: Collection[str]) -> str:
        tries = (
            ("list_files", "`列出文件`"),
            ("execute_command", "`运行测试`"),
            ("write_file", "`写一个测试文件`"),
            ("list_attachments", "`附件里有什么`，并添加一个附件"),
            ("", "`总结`"),
        )
        return (
            "你好，我是内置演示：按脚本回答，但使用的工具是真的。"
            f"叫我的名字，再试试：\n\n{_listed(tries, offered)}\n\n"
            "要连接真正的模型，请服务器管理员设置 `DEEPSEEK_API_KEY`，或者 `OPENAI_BASE_URL` 和 `OPENAI_API_KEY`，"
            "然后重启服务器。"
        )

    def not_offered(self, tool: str) -> str:
        return f"我明白这个请求，但它需要的工具（`{tool}`）在这个房间里不可用。"

    def quote(self, result: str) -> str:
        return "工具的回答：\n\n" + _fenced(result, "工具没有返回任何内容", "……已截短")

    def _quote_end(self, result: str) -> str:
        ending, is_all = _ending(result)
        return self.quote(ending) if is_all else f"输出的最后几行：\n\n{_fenced(ending, '', '')}"

    def report(self, tool: str, arguments: Mapping[str, JsonValue], result: str, *, has_failed: bool) -> str:
        what, said = _subject(arguments, "它", "附件"), read_result(result)
        quoted = self._quote_end(said) if tool == "execute_command" else self.quote(said)
        why = _why_not_run(said) if has_failed else ""
        if why:
            rejected = _REJECTED.fullmatch(why)
            if rejected:
                why = f"{'一位成员' if rejected['who'] == 'a member' else rejected['who']} 拒绝了这次调用"
            elif why == _TOO_LATE:
                why = "没有人及时批准这次调用"
            return f"我请求对 {what} 使用 `{tool}`，但没有运行：{why}。"
        if _is_test_run(tool, arguments) and (tests := _tests_in(said)) is not None:
            return f"{self._of_tests(tests)}{quoted}"
        did = {
            "list_files": f"我列出了 {what} 里的文件。",
            "read_file": f"我读取了 {what}。",
            "write_file": f"我写入了 {what}。",
            "execute_command": f"我运行了 {what}。",
            "list_attachments": "我查看了附件列表。",
            "read_attachment": "我读取了附件。",
        }.get(tool, f"我使用了 `{tool}`。")
        failed = f"我尝试对 {what} 使用 `{tool}`，但没有成功。"
        return f"{failed if has_failed or reads_as_failure(tool, result) else did}{quoted}"

    def _of_tests(self, tests: "_Tests") -> str:
        if not tests.ran:
            return "我运行了测试，但还没有测试：“写一个测试文件”可以创建一个。"
        if tests.status == 0:
            return f"我运行了测试：{tests.ran} 个测试全部通过。"
        return f"我运行了测试：{tests.ran} 个测试没有全部通过（退出状态 {tests.status}）。"

    def summary(self, conversation: Sequence[Envelope]) -> str:
        points = _points(conversation)
        if not points:
            return "还没有可以总结的内容：我看不到更早的消息。"
        people = "、".join(dict.fromkeys(envelope.author for envelope in conversation))
        return (
            f"这是摘录，不是理解：我看到的 {len(conversation)} 条消息中的 {len(points)} 条，来自 {people}：\n\n"
            + "\n".join(f"- **{point.author}**：{point.text}" for point in points)
        )


def words_for(text: str) -> DemoWords:
    """Return the language in which `text` was written."""
    return Chinese() if has_chinese(text) else English()


@dataclass(frozen=True)
class _Tests:
    """What came of a run of the tests."""

    ran: int
    status: int


def _is_test_run(tool: str, arguments: Mapping[str, JsonValue]) -> bool:
    return tool == "execute_command" and arguments.get("command") == TESTS_COMMAND


def _tests_in(said: str) -> _Tests | None:
    """Return how many tests ran; None if the command did not come so far as to say it."""
    ran, status = _RAN.search(said), _STATUS.search(said.strip().rpartition("\n")[2])
    return _Tests(int(ran[1]), int(status[1])) if ran and status else None


def _why_not_run(said: str) -> str:
    """Return why a call was not run at all, without a full stop; empty if it was."""
    found = _NOT_RUN.fullmatch(said.strip())
    return " ".join(found["why"].split()).rstrip(".") if found else ""


def _subject(arguments: Mapping[str, JsonValue], it: str, the_file: str) -> str:
    """Return what a call is about; an attached file has only an id there, which says nothing to people."""
    subject = arguments.get("path", arguments.get("command"))
    return f"`{subject}`" if isinstance(subject, str) else the_file if "file" in arguments else it


def reads_as_failure(tool: str, result: str) -> bool:
    """Whether a tool's answer begins as failures do, or ends with a command's bad exit status."""
    lines = [line.strip() for line in result.split("\n") if line.strip()] or [""]
    ends_badly = any(_BAD_EXIT.search(line) for line in (lines[0], lines[-1]))
    return _FAILURE.match(lines[0]) is not None or (tool == "execute_command" and ends_badly)


def _listed(tries: Sequence[tuple[str, str]], offered: Collection[str]) -> str:
    """Return a list of the things to try for which the tool, where one is needed, is there."""
    return "\n".join(f"- {what}" for tool, what in tries if not tool or tool in offered)


def _ending(result: str) -> tuple[str, bool]:
    """Return the last lines of what a command printed, and whether they are all."""
    text = result.strip("\n")
    ending = "\n".join(text.splitlines()[-_MAX_ENDING_LINES:])[-_MAX_QUOTED_CHARACTERS:]
    return ending, ending == text


def _fenced(result: str, if_empty: str, if_cut: str) -> str:
    text = result.strip("\n")
    if not text.strip():
        return f"({if_empty})"
    lines = text.splitlines()
    shown = "\n".join(lines[:_MAX_QUOTED_LINES])[:_MAX_QUOTED_CHARACTERS]
    # Longer than any fence inside, so the quotation cannot end early.
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    return f"{fence}\n{shown}\n{fence}" + (f"\n\n({if_cut})" if shown != text else "")


def _points(conversation: Sequence[Envelope]) -> list[Envelope]:
    """Choose the messages that carry most, in their order: decisions, questions and plans before small talk."""
    spoken = [(at, envelope) for at, envelope in enumerate(conversation) if envelope.text.strip()]
    ranked = sorted(
        spoken,
        key=lambda item: (len(_WEIGHTY.findall(item[1].text)), min(len(item[1].text), 80), item[0]),
        reverse=True,
    )
    return [
        Envelope(envelope.author, _shorten(envelope.text)) for _, envelope in sorted(ranked[:_MAX_POINTS], key=_place)
    ]


def _place(item: tuple[int, Envelope]) -> int:
    return item[0]


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_POINT_CHARACTERS else line[:_MAX_POINT_CHARACTERS] + "…"
