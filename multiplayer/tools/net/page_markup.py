"""A page's HTML brought down to what is text in it: visible, well nested, shallow, and of bounded size.

HTML parsers take hours over a hostile megabyte, so none sees it as it came. This reads it once from front to back, in
time linear in its length: every search that fails ends the page, and nothing is looked at twice.
"""

import re
from collections import Counter
from dataclasses import dataclass
from html import escape, unescape
from typing import Final
from urllib.parse import urljoin

MAX_ELEMENTS: Final = 20_000
MAX_DEPTH: Final = 30
"""Further tags are left out, never their text."""
MAX_INDENT: Final = 6
"""Of lists and quotes within each other: each level makes every line of its text longer."""
MAX_LINK: Final = 2_000
MAX_TITLE: Final = 300

_NAME: Final = re.compile(r"[a-zA-Z][^\s/>]*+")
_ATTRIBUTE: Final = re.compile(
    r"""[\s/]*+([^\s/>][^\s/>=]*+)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>"'][^\s>]*+)?))?"""
)
_TAG_END: Final = re.compile(r"[\s/]*+>")
_COMMENT_END: Final = re.compile(r"--!?>")
_LONG_NUMBER: Final = re.compile(r"&#0*[0-9]{8,}+;?|&#[xX][0-9a-fA-F]{9,}+;?")
_HIDING_STYLE: Final = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))\b", re.IGNORECASE
)
_UNSAFE_IN_LINK: Final = str.maketrans({" ": "%20", "(": "%28", ")": "%29", "<": "%3C", ">": "%3E", "\\": "%5C"})

_RAW: Final = frozenset({"script", "style", "iframe", "noembed", "noframes", "textarea", "title", "xmp"})
"""Elements whose content is no markup; what ends them is looked for as it stands."""
_RAW_ENDS: Final = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in _RAW}
_UNSEEN: Final = frozenset({"noscript", "template", "svg", "math", "object", "canvas", "audio", "video", "datalist"})
_VOID: Final = frozenset(
    "area base br col embed frame hr img input link meta param source track wbr".split()  # noqa: SIM905 - read as a list
)
_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BLOCKS: Final = (
    frozenset({"p", "div", "ul", "ol", "dl", "table", "blockquote", "pre", "section", "article", "main", "header"})
    | frozenset({"footer", "nav", "aside", "figure", "form", "fieldset", "address", "details", "hr"})
    | _HEADINGS
)
_CELLS: Final = frozenset({"td", "th", "p"})
_CLOSES: Final = (
    {name: frozenset({"p"}) for name in _BLOCKS}
    | dict.fromkeys(("dt", "dd"), frozenset({"dt", "dd", "p"}))
    | dict.fromkeys(("td", "th"), _CELLS)
    | dict.fromkeys(("tbody", "thead", "tfoot"), _CELLS | {"tr", "tbody", "thead", "tfoot"})
    | {
        "li": frozenset({"li", "p"}),
        "tr": _CELLS | {"tr"},
        "option": frozenset({"option"}),
        "a": frozenset({"a"}),
        "body": frozenset({"head"}),
    }
)
"""Which open elements end where a new one begins, if they are the innermost."""
_KEPT: Final = (
    (_BLOCKS - {"form", "fieldset", "details", "address", "figure", "hr"})
    | {"li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "caption"}
    | {"a", "b", "strong", "em", "i", "code", "kbd", "samp", "del", "s", "sub", "sup"}
)
"""What the text's shape comes from; of other elements only the content is kept."""
_INDENTING: Final = frozenset({"ul", "ol", "dl", "blockquote"})


@dataclass(frozen=True, slots=True)
class Markup:
    title: str
    html: str
    """Well nested, at most `MAX_DEPTH` deep; no attribute but absolute http and https links."""


def visible_markup(text: str, url: str) -> Markup:
    """Read a page that came from `url`."""
    reader = _Reader(text, url)
    reader.read()
    return Markup(reader.title, reader.finish())


@dataclass(frozen=True, slots=True)
class _Open:
    name: str
    is_written: bool
    is_hidden: bool


class _Reader:
    def __init__(self, text: str, url: str) -> None:
        self.title = ""
        self._text = text
        self._url = url
        self._has_base = False
        self._at = 0
        self._out: list[str] = []
        self._open: list[_Open] = []
        self._counts: Counter[str] = Counter()
        self._depth = 0
        self._indent = 0
        self._hidden = 0
        self._elements = 0

    def read(self) -> None:
        text = self._text
        while self._at < len(text):
            start = text.find("<", self._at)
            end = len(text) if start < 0 else start
            self._write_text(text[self._at : end])
            self._at = end + 1
            following = text[self._at : self._at + 1]
            if following.isascii() and following.isalpha():
                self._read_tag()
            elif following == "/" and text[self._at + 1 : self._at + 2].isalpha():
                self._at += 1
                self._read_end()
            elif following in {"!", "?", "/"} and following:
                self._skip_comment()
            elif start >= 0:
                self._write_text("<")

    def finish(self) -> str:
        while self._open:
            self._close()
        return "".join(self._out)

    def _skip_comment(self) -> None:
        if self._text.startswith("!--", self._at):
            found = _COMMENT_END.search(self._text, self._at + 1)
            self._at = found.end() if found else len(self._text)
        else:
            self._skip_to_angle()

    def _skip_to_angle(self) -> None:
        end = self._text.find(">", self._at)
        self._at = len(self._text) if end < 0 else end + 1

    def _read_end(self) -> None:
        found = _NAME.match(self._text, self._at)
        self._skip_to_angle()
        name = found[0].lower() if found else ""
        if name == "br":
            self._write("<br>")
        elif self._counts[name]:
            # Each element is closed once, so however many end tags there are, this is linear.
            while self._close() != name:
                pass

    def _read_tag(self) -> None:
        found = _NAME.match(self._text, self._at)
        assert found is not None
        name = found[0].lower()
        at = found.end()
        attributes: dict[str, str] = {}
        while (end := _TAG_END.match(self._text, at)) is None:
            pair = _ATTRIBUTE.match(self._text, at)
            if pair is None:
                # The page ends within a tag.
                self._at = len(self._text)
                return
            at = pair.end()
            key = pair[1].lower()
            if key in {"href", "hidden", "style", "alt"} and key not in attributes:
                attributes[key] = pair[2] or pair[3] or pair[4] or ""
        self._at = end.end()
        if name in _RAW:
            self._read_raw(name)
        elif name in _VOID:
            self._write_void(name, attributes)
        elif name == "plaintext":
            self._write_text(self._text[self._at :])
            self._at = len(self._text)
        else:
            self._begin(name, attributes)

    def _read_raw(self, name: str) -> None:
        found = _RAW_ENDS[name].search(self._text, self._at)
        content = self._text[self._at : found.start() if found else len(self._text)]
        self._at = found.end() if found else len(self._text)
        if found:
            self._skip_to_angle()
        if name == "title" and not self.title and not self._hidden:
            self.title = " ".join(_unescaped(content[: 4 * MAX_TITLE]).split())[:MAX_TITLE]
        elif name == "xmp":
            self._write_text(content.replace("&", "&amp;"))

    def _write_void(self, name: str, attributes: dict[str, str]) -> None:
        if name in {"br", "hr"}:
            self._write(f"<{name}>")
        elif name == "img":
            self._write_text(attributes.get("alt", "")[:MAX_TITLE])
        elif name == "base" and not self._has_base:
            self._has_base = True
            self._url = self._link(attributes) or self._url

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        closes = _CLOSES.get(name, frozenset())
        while self._open and self._open[-1].name in closes:
            self._close()
        style = attributes.get("style", "")[:MAX_LINK]
        is_hidden = name in _UNSEEN or "hidden" in attributes or bool(_HIDING_STYLE.search(_unescaped(style)))
        self._hidden += is_hidden
        has_room = self._depth < MAX_DEPTH and self._elements < MAX_ELEMENTS
        is_written = name in _KEPT and not self._hidden and has_room
        if name in _INDENTING:
            is_written = is_written and self._indent < MAX_INDENT
            self._indent += is_written
        if is_written:
            self._depth += 1
            self._elements += 1
            link = self._link(attributes) if name == "a" else ""
            self._out.append(f'<a href="{escape(link)}">' if link else f"<{name}>")
        elif name in _BLOCKS:
            self._write_text("\n")
        self._open.append(_Open(name, is_written, is_hidden))
        self._counts[name] += 1

    def _close(self) -> str:
        closed = self._open.pop()
        self._counts[closed.name] -= 1
        self._hidden -= closed.is_hidden
        if closed.is_written:
            self._depth -= 1
            self._indent -= closed.name in _INDENTING
            self._out.append(f"</{closed.name}>")
        elif closed.name in _BLOCKS:
            self._write_text("\n")
        return closed.name

    def _link(self, attributes: dict[str, str]) -> str:
        """Return where a link leads, absolute, or nothing if that is no http or https address."""
        given = attributes.get("href", "")
        if not given or len(given) > MAX_LINK:
            return ""
        try:
            link = urljoin(self._url, _unescaped(given).strip())
        except ValueError:
            return ""
        is_web = link.lower().startswith(("http://", "https://")) and len(link) <= MAX_LINK
        return link.translate(_UNSAFE_IN_LINK) if is_web else ""

    def _write_text(self, text: str) -> None:
        if text and not self._hidden:
            self._out.append(escape(_unescaped(text), quote=False))

    def _write(self, tag: str) -> None:
        if not self._hidden:
            self._elements += 1
            self._out.append(tag if self._elements < MAX_ELEMENTS else "\n")


def _unescaped(text: str) -> str:
    # Python refuses to read numbers of thousands of digits.
    return unescape(_LONG_NUMBER.sub("\ufffd", text)) if "&" in text else text
