"""The tool that fetches a page: what the model gets to read, in parts, marked as the web's; and pages made to hang it."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiplayer.protocol.cards import Taint
from multiplayer.protocol.members import Role
from multiplayer.protocol.tools import ToolClass
from multiplayer.tools.net.fetch_url import PAGE_BYTES, fetch_url
from multiplayer.tools.net.guarded_http import MAX_BYTES, Fetched, GuardedHttp
from multiplayer.tools.net.page_markup import MAX_DEPTH, visible_markup
from multiplayer.tools.net.page_text import page_text
from multiplayer.tools.registry import ToolRegistry, ToolResult
from multiplayer.tools.workspace import Workspaces
from tests.support.tool_calls import Caller, fresh_workspace
from tests.support.web_stage import OTHER_PUBLIC, Answer, WebStage, plain, redirect, web_stage

SECRET = "hunter2hunter2"

PAGE = """<!doctype html><html><head><meta charset=utf-8><title> Bread &amp;
 butter</title><script>evil("<p>script</p>")</script><style>p {color: style}</style></head><body>
<!-- a comment <p>of html</p> -->
<h1>Recipes</h1><p>Use *two* my_spoons, <a href="../b?x=1&amp;y=(2)">as here</a>,
not <a href="javascript:alert(1)">this</a> or <a href="data:text/html,x">that</a>.
<div style="color: red; Display : NONE">hidden by style</div><div hidden>hidden <b>by name</b></div>
<template>in a template</template><noscript>without script</noscript><svg><title>drawn</title><text>drawn</text></svg>
<ul><li>flour<li>water <b>warm</b><ul><li>or cold</ul><li>salt</ul>
<table><tr><th>g<th>what<tr><td>500<td>flour</table>
<pre><code>knead():
    return 1 &lt; 2
</code></pre>
<img src="/cat.png" alt="a cat"> 1 < 2 &copy; <input type=hidden value=unseen>the end</body></html>"""

PAGE_AS_TEXT = """# Recipes

Use *two* my_spoons, [as here](http://example.com/b?x=1&y=%282%29),
not this or that.

- flour
- water **warm**
  - or cold
- salt

| g | what |
| --- | --- |
| 500 | flour |

```
knead():
    return 1 < 2
```

a cat 1 < 2 © the end"""


@pytest.fixture
async def stage() -> AsyncIterator[WebStage]:
    async with web_stage() as built:
        yield built


@pytest.fixture
def caller(stage: WebStage, tmp_path: Path) -> Iterator[Caller]:
    http = GuardedHttp(resolver=stage.resolve, route=stage.route)
    with fresh_workspace(Workspaces(tmp_path)) as workspace:
        yield Caller(ToolRegistry([fetch_url(http, [SECRET])]), workspace)


async def fetched(stage: WebStage, caller: Caller, answer: Answer, path: str = "/") -> ToolResult:
    await stage.site(answer)
    return await caller.call("fetch_url", url=f"http://example.com{path}")


def html(body: str | bytes, **headers: str) -> Answer:
    return plain(body, content_type="text/html", **headers)


async def test_a_page_becomes_text_that_the_web_is_named_for(stage: WebStage, caller: Caller) -> None:
    result = await fetched(stage, caller, html(PAGE), "/a/page.html?q#part")
    head = "Title: Bread & butter\nAddress: http://example.com/a/page.html?q\nStatus: 200\n\n"
    assert result == ToolResult(ok=True, text=head + PAGE_AS_TEXT, taint=Taint.WEB)


async def test_it_is_a_call_to_the_net_that_people_approve(stage: WebStage, caller: Caller) -> None:
    await fetched(stage, caller, plain("fine"))
    assert [(call.name, call.tool_class) for call in caller.gate.asked] == [("fetch_url", ToolClass.NETWORK)]
    caller.gate.role = Role.GUEST
    result = await caller.call("fetch_url", url="http://example.com/")
    assert (result.ok, result.code) == (False, "refused")


async def test_after_redirects_the_last_address_is_named_and_links_begin_there(stage: WebStage, caller: Caller) -> None:
    await stage.site(html("<a href=x>y</a>"), "example.org", at=OTHER_PUBLIC)
    result = await fetched(stage, caller, redirect("http://example.org/there/"))
    assert result.text == "Address: http://example.org/there/\nStatus: 200\n\n[y](http://example.org/there/x)"


async def test_a_page_that_says_it_is_an_error_is_shown_as_the_webs_word_too(stage: WebStage, caller: Caller) -> None:
    result = await fetched(stage, caller, html("<h1>Gone, or so I say</h1>", status="404 Not Found"))
    assert (result.ok, result.code, result.taint) == (False, "net", Taint.WEB)
    assert result.text == "Address: http://example.com/\nStatus: 404\n\n# Gone, or so I say"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain; charset=utf-8", "a <b>plain</b> text"),
        ("application/json", '{"a": ["<b>", 1]}'),
        ("application/ld+json", "{}"),
        ("TEXT/CSV", "a,b\n1,2"),
        ("application/atom+xml", "<feed>x</feed>"),
    ],
)
async def test_other_text_is_shown_as_it_is(stage: WebStage, caller: Caller, content_type: str, body: str) -> None:
    result = await fetched(stage, caller, plain(body, content_type=content_type))
    assert (result.ok, result.text.partition("\n\n")[2]) == (True, body)


@pytest.mark.parametrize(
    ("content_type", "said"),
    [
        ("image/png", "it is an image, 3 bytes"),
        ("application/pdf", "it is a PDF, 3 bytes"),
        ("application/gzip", "it is an archive, 3 bytes"),
        ("application/obey-me-and-send-the-keys", "it is of another type, 3 bytes"),
        (None, "it is of a type that the site does not name, 3 bytes"),
    ],
)
async def test_what_is_no_text_is_refused_with_its_kind_and_size(
    stage: WebStage, caller: Caller, content_type: str | None, said: str
) -> None:
    result = await fetched(stage, caller, plain(b"\x00\x01\x02", content_type=content_type))
    assert (result.ok, result.code) == (False, "net")
    assert result.text == f"what is there cannot be read as text: {said}"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("größe".encode("latin-1"), "text/html; charset=ISO-8859-1"),
        ("größe".encode(), "text/html"),
        (b'<meta charset="windows-1252">' + "größe".encode("cp1252"), "text/html"),
        (b"<meta http-equiv=Content-Type content='text/html; charset=latin1'>" + "größe".encode("cp1252"), "text/html"),
        (b"\xff\xfe" + "größe".encode("utf-16-le"), "text/html; charset=nonsense"),
        (b"\xef\xbb\xbf" + "größe".encode(), "text/plain; charset=latin1"),
        ("größe".encode(), "text/plain; charset=punycode"),
        ("größe".encode(), "text/plain; charset=rot13"),
    ],
)
async def test_a_body_is_read_in_the_charset_it_names_if_that_is_one(
    stage: WebStage, caller: Caller, body: bytes, content_type: str
) -> None:
    result = await fetched(stage, caller, plain(body, content_type=content_type))
    assert result.text.partition("\n\n")[2] == "größe"


async def test_a_long_page_is_read_in_parts_that_join_up(stage: WebStage, caller: Caller) -> None:
    body = "\n".join(f"line {number} – ä" for number in range(6_000))
    await stage.site(plain(body.encode(), content_type="text/plain; charset=utf-8"))
    read, offset, parts = "", 0, 0
    while offset < len(body):
        result = await caller.call("fetch_url", url="http://example.com/", offset=offset)
        head, _, part = result.text.partition("\n\n")
        assert 0 < len(part.encode()) <= PAGE_BYTES
        parts, read, offset = parts + 1, read + part, offset + len(part)
        assert ("this is the end" in head) == (offset == len(body))
        assert (f"go on with offset={offset}" in head) == (offset < len(body))
    assert (read, parts) == (body, -(-len(body.encode()) // PAGE_BYTES))
    beyond = await caller.call("fetch_url", url="http://example.com/", offset=10_000_000)
    assert (beyond.ok, beyond.text.endswith("(no text)")) == (True, True)


async def test_a_line_without_end_is_broken_rather_than_lost(stage: WebStage, caller: Caller) -> None:
    result = await fetched(stage, caller, plain("x" * 10_000 + "end", content_type="application/json"))
    assert result.text.partition("\n\n")[2].replace("\n", "") == "x" * 10_000 + "end"


async def test_more_than_a_megabyte_is_cut_and_said_so(stage: WebStage, caller: Caller) -> None:
    result = await fetched(stage, caller, html("<p>word</p>\n" * 200_000))
    assert "\nCut: " in result.text
    assert "word\n\nword" in result.text


async def test_secrets_and_tricks_with_characters_are_taken_out(stage: WebStage, caller: Caller) -> None:
    body = f"<title>t {SECRET} \u202e</title><p>a{'x' * 1_995} {SECRET}</p>\x1b[31m<p>b \u200b\u202ec {'x' * 1_990}{SECRET}"
    result = await fetched(stage, caller, html(body.encode(), X_Y=SECRET), f"/?{SECRET}")
    assert SECRET not in result.text.replace("\n", "")
    assert not {"\x1b", "\u202e", "\u200b"} & set(result.text)
    assert "Title: t [secret removed]\nAddress: http://example.com/?[secret removed]\n" in result.text


@pytest.mark.parametrize("arguments", [{}, {"url": ""}, {"url": "http://example.com/", "offset": -1}, {"url": 5}])
async def test_wrong_arguments_reach_nobody(stage: WebStage, caller: Caller, arguments: dict[str, str | float]) -> None:
    site = await stage.site(plain("fine"))
    result = await caller.call("fetch_url", **arguments)
    assert (result.code, site.connections) == ("bad_arguments", 0)


def test_the_model_is_told_what_the_arguments_are() -> None:
    schema = fetch_url(GuardedHttp()).definition().parameters
    assert isinstance(schema["properties"], dict)
    assert (set(schema["properties"]), schema["required"]) == ({"url", "offset"}, ["url"])


HOSTILE = {
    "nested": "<div>" * 200_000,
    "nested and written": "<b>x" * 200_000,
    "lists in lists": "<ul><li>" * 120_000 + "x",
    "quotes around much": "<blockquote>" * 50 + "<p>x" * 200_000,
    "indented code": "<ul><li>" * 14 + "<pre>" + "\n" * 1_000_000,
    "tables": "<table><tr><td>" * 60_000,
    "attributes": "<a " + "x=1 " * 250_000 + ">t",
    "quotes in attributes": "<a " + 'x=" ' * 250_000,
    "quotes never closed": "<a x=\"'" * 140_000,
    "angles": "<" * 1_000_000,
    "tags never closed": "<a" * 500_000,
    "comments never closed": "<!--" * 250_000,
    "declarations": "<!a" * 300_000,
    "character data": "<![CDATA[" * 110_000,
    "instructions": "<?" * 500_000,
    "ends without beginning": "<b>" * 100_000 + "</i>" * 150_000,
    "scripts never closed": "<script>" * 120_000,
    "a number of many digits": "&#" + "9" * 1_000_000 + ";",
    "a hexadecimal number of many digits": "&#x" + "f" * 1_000_000 + ";",
    "ampersands": "&" * 1_000_000,
    "blanks": "\n \t" * 330_000,
    "a style of many blanks": ("<p style='" + " " * 1_900 + "'>") * 500,
}


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in HOSTILE.items()])
@pytest.mark.slow
async def test_a_page_made_to_hang_a_reader_is_read_while_the_rest_goes_on(
    stage: WebStage, caller: Caller, body: str
) -> None:
    assert len(body) <= MAX_BYTES
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    begun = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        beating = tasks.create_task(beat())
        result = await fetched(stage, caller, html(body))
        beating.cancel()
    took_s = time.monotonic() - begun
    assert (result.ok, result.taint) == (True, Taint.WEB)
    assert beats >= took_s * 3 - 1, "reading the page held up the rest"


@given(st.lists(st.sampled_from(["<", ">", "</", "<!--", "-->", "<a href='", '"', "'", "=", "p", "div hidden", "script",
    "title", "ul", "li", "td", "style=display:none", " ", "&", "#", "&lt;", "x", "/", "!", "?", "]]>", "\n", "é"]), max_size=60))  # fmt: skip
def test_whatever_comes_in_the_markup_that_comes_out_is_nested_and_shallow(pieces: list[str]) -> None:
    markup = visible_markup("".join(pieces), "http://example.com/")
    depth = 0
    for part in markup.html.split("<")[1:]:
        if part.startswith(("br>", "hr>")):
            continue
        depth += -1 if part.startswith("/") else 1
        assert 0 <= depth <= MAX_DEPTH
    assert depth == 0
    assert "<script" not in markup.html
    page_text(Fetched("http://example.com/", 200, "text/html", "", "".join(pieces).encode(), False, ()))


@given(
    st.binary(max_size=300), st.sampled_from(["", "utf-8", "utf-16", "gb18030", "shift_jis", "iso-2022-jp", "utf-7"])
)
def test_any_bytes_can_be_read(body: bytes, charset: str) -> None:
    for content_type in ("text/html", "text/plain"):
        page_text(Fetched("http://example.com/", 200, content_type, charset, body, False, ()))
