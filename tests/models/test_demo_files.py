"""The built-in demo and attached files: it lists them, reads those of the message, and says what came of it."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiplayer.models.demo_files import FileWish, understand_with_files, without_files
from multiplayer.models.demo_requests import Request, ToolWish
from multiplayer.models.port import ChatRequest, PromptMessage, TextDelta, ToolCall, ToolCallsReady, ToolDefinition
from multiplayer.models.scripted import DemoModel

TEXT, PDF, PICTURE = (f"01K{number}" + "0" * 22 for number in "ABC")
LISTING = (
    f"{TEXT}: 'notes.txt' (text/plain, 6 bytes)\n"
    f"{PICTURE}: 'a.png' (image/png, 64×48, 170 bytes, no text)\n"
    f"{PDF}: 'old.pdf' (application/pdf, 2 pages, 900 bytes)"
)
OFFERED = ("list_attachments", "read_attachment")


def lines(*ids: str) -> str:
    return "".join(f"\n[file: x.txt (text/plain, 6 bytes, {one})]" for one in ids)


def said(text: str, **more: str) -> PromptMessage:
    return PromptMessage("user", json.dumps({"author": "alice", "text": text, **more}, ensure_ascii=False))


def called(*calls: ToolCall) -> PromptMessage:
    return PromptMessage("assistant", "", calls)


def result(call: ToolCall, text: str, *, has_failed: bool = False) -> PromptMessage:
    return PromptMessage("tool", text, tool_call_id=call.id, has_failed=has_failed)


async def answer(*messages: PromptMessage, tools: Sequence[str] = OFFERED) -> tuple[str, list[ToolCall]]:
    async def no_pause(_seconds: float) -> None:
        return

    request = ChatRequest(messages, tuple(ToolDefinition(name, name, {"type": "object"}) for name in tools))
    words, calls = "", list[ToolCall]()
    async for chunk in DemoModel(sleep=no_pause).stream(request):
        words += chunk.text if isinstance(chunk, TextDelta) else ""
        calls += chunk.calls if isinstance(chunk, ToolCallsReady) else ()
    return words, calls


@pytest.mark.parametrize(
    "text",
    [
        "@ai what is in the file",
        "@ai, what's in this PDF?",
        "what are these files?",
        "What does the document say?",
        "please read the attachment",
        "list all attachments",
        "@ai tell me what is in the picture",
        "@ai 附件里有什么",
        "@ai 文件里有什么？",
    ],
)
async def test_a_question_about_files_lists_them_first(text: str) -> None:
    _, [call] = await answer(said(text))
    assert (call.name, call.arguments) == ("list_attachments", "{}")


@pytest.mark.parametrize(
    ("files", "reads"), [((TEXT, PICTURE), [TEXT]), ((PDF,), [PDF]), ((TEXT, PDF), [TEXT, PDF]), ((), [TEXT])]
)
async def test_the_files_of_the_message_are_read_that_have_a_text_else_the_newest(
    files: tuple[str, ...], reads: list[str]
) -> None:
    asked = said("@ai what is in the file?" + lines(*files))
    _, [first] = await answer(asked)
    _, calls = await answer(asked, called(first), result(first, LISTING))
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [
        ("read_attachment", {"file": one}) for one in reads
    ]


async def test_what_was_read_is_quoted_and_other_files_are_not_named() -> None:
    asked = said("@ai what is in the file?" + lines(TEXT))
    first, second = ToolCall("1", "list_attachments", "{}"), ToolCall("2", "read_attachment", f'{{"file":"{TEXT}"}}')
    told = [called(first), result(first, LISTING), called(second), result(second, "['notes.txt']\nhello")]
    # The server says the request again behind the results; the file may be told differently by then.
    again = said("@ai what is in the file?" + lines(TEXT).replace("6 bytes", "still on its way"), kind="request")
    words, calls = await answer(asked, *told, again)
    assert calls == []
    assert "I read the attached file." in words
    assert "hello" in words
    assert "'notes.txt' (text/plain, 6 bytes)" in words
    assert TEXT not in words
    assert "old.pdf" not in words
    assert "built-in demo" in words


async def test_a_picture_is_told_by_what_is_known_of_it_and_a_failure_as_one() -> None:
    asked = said("@ai what is in the picture?" + lines(PICTURE))
    first = ToolCall("1", "list_attachments", "{}")
    words, calls = await answer(asked, called(first), result(first, LISTING))
    assert (calls, "image/png, 64×48" in words) == ([], True)
    words, calls = await answer(asked, called(first), result(first, "not run: refused", has_failed=True))
    assert (calls, "It was not run: refused" in words) == ([], True)
    read = ToolCall("2", "read_attachment", f'{{"file":"{PICTURE}"}}')
    words, _ = await answer(
        asked, called(first), result(first, LISTING), called(read), result(read, "no", has_failed=True)
    )
    assert "I tried `read_attachment` on the attached file, and it did not work." in words
    assert PICTURE not in words
    words, calls = await answer(asked, tools=["read_file"])
    assert (calls, "`list_attachments`" in words) == ([], True)


def test_other_requests_mean_what_they_meant_with_a_file_below_them() -> None:
    assert understand_with_files("@ai write a.txt: hello" + lines(TEXT)) == ToolWish(
        "write_file", {"path": "a.txt", "content": "hello"}
    )
    assert understand_with_files("@ai list the files" + lines(TEXT)) == ToolWish("list_files", {"path": "."})
    assert understand_with_files("@ai read the file") == ToolWish("read_file", {"path": "file"})
    assert understand_with_files("@ai read the file" + lines(TEXT)) == FileWish((TEXT,))
    assert understand_with_files("@ai hello?" + lines(TEXT, PDF)) == FileWish((TEXT, PDF))
    assert understand_with_files(lines(TEXT).lstrip()) == FileWish((TEXT,))
    assert understand_with_files("@ai hello?") is Request.OTHER
    spoken = f'{lines(TEXT)}\n[voice note x.ogg: "first\nand second"]{lines(PDF)}'
    assert without_files("@ai hello" + spoken) == ("@ai hello", (TEXT, PDF))
    assert without_files("no [file]\n[voice note x]") == ("no [file]\n[voice note x]", ())


@given(st.text(), st.lists(st.sampled_from([TEXT, PDF, PICTURE]), max_size=3))
def test_what_was_said_stays_whole_without_the_lines_of_its_files(text: str, files: list[str]) -> None:
    if without_files(text)[1]:
        return
    assert without_files(text + lines(*files)) == (text, tuple(files))
