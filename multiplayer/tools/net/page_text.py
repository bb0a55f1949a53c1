"""What a fetched body says, as text a model can read: pages as Markdown, other text as it is."""

import codecs
import re
from dataclasses import dataclass
from typing import Final

from bs4 import BeautifulSoup
from markdownify import MarkdownConverter

from multiplayer.tools.limits import MIB
from multiplayer.tools.net.guarded_http import Fetched
from multiplayer.tools.net.page_markup import visible_markup

TEXT_TYPES: Final = (
    "text/*",
    "application/xhtml+xml",
    "application/json",
    "application/*+json",
    "application/xml",
    "application/*+xml",
    "application/javascript",
    "application/x-ndjson",
    "application/yaml",
)
"""What can be read. Another body is not even loaded."""
LINE: Final = 2_000
MAX_TEXT: Final = 2 * MIB
"""Characters. A page of lists within lists comes out several times as long as it was."""

_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DECLARED: Final = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
# Python knows codecs that are no charsets, and some that take very long.
_CHARSET: Final = re.compile(
    r"utf-8|utf-16(-[lb]e)?|cp(125[0-8]|874|932|949|950)|iso8859-\d+|koi8-[ru]|big5|euc_(jp|kr)|shift_jis"
    r"|iso2022_jp|gb2312|gbk|gb18030|mac-roman"
)
_BLANK_LINES: Final = re.compile(r"\n[ \t]*+(?:\n[ \t]*+)+\n")
_TRAILING: Final = re.compile(r"(?<![ \t])[ \t]++(?=\n)")
_LONG_LINE: Final = re.compile(rf"[^\n]{{{LINE}}}(?=[^\n])")


@dataclass(frozen=True, slots=True)
class PageText:
    title: str
    text: str


def page_text(fetched: Fetched) -> PageText:
    """Read a body. It takes at most a few seconds whatever the body is, so run it in a thread."""
    text = _decoded(fetched)
    if fetched.content_type not in _PAGES:
        return PageText("", text)
    markup = visible_markup(text, fetched.url_after_redirects)
    soup = BeautifulSoup(markup.html, "html.parser")
    converter = MarkdownConverter(
        heading_style="ATX",
        bullets="-",
        autolinks=False,
        escape_asterisks=False,
        escape_underscores=False,
    )
    written = converter.convert_soup(soup)
    if len(written) > MAX_TEXT:
        written = f"{written[:MAX_TEXT]}\n[…]"
    return PageText(markup.title, _BLANK_LINES.sub("\n\n", _TRAILING.sub("", written)).strip())


def with_short_lines(text: str) -> str:
    """Break lines that would be cut for their length; where they are minified, nothing else helps."""
    return _LONG_LINE.sub(lambda found: f"{found[0]}\n", text)


def _decoded(fetched: Fetched) -> str:
    body = fetched.body
    for mark, charset in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(charset, "replace")
    declared = _DECLARED.search(body, 0, 2_048) if fetched.content_type in _PAGES else None
    named = (fetched.charset, declared[1].decode("ascii") if declared else "")
    return body.decode(next((charset for name in named if (charset := _known(name))), "utf-8"), "replace")


def _known(name: str) -> str:
    """Return Python's name of a charset that a site may have, or nothing."""
    try:
        charset = codecs.lookup(name).name if name else ""
    except LookupError:
        return ""
    # What is called Latin 1 or ASCII on the web is Windows' own set.
    if charset in {"iso8859-1", "ascii"}:
        return "cp1252"
    return charset if _CHARSET.fullmatch(charset) else ""
