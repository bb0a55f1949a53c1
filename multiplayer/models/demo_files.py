"""What the built-in demo makes of attached files: which a request is about, and which of them to read."""

import re
from dataclasses import dataclass
from typing import Final

from multiplayer.models.demo_requests import Request, Wish, understand, without_mentions
from multiplayer.models.port import PromptMessage

LIST: Final = "list_attachments"
READ: Final = "read_attachment"
_MOST_READ: Final = 3
_LINE: Final = re.compile(r"\[file: [^\n]{0,800}[(, ](?P<id>[0-9A-HJKMNP-TV-Z]{26})\)\]")
"""As the server puts a file of a message below its words."""
_VOICE: Final = "[voice note "
_MOST_VOICE_LINES: Final = 1_000
_LISTED: Final = re.compile(r"^(?P<id>[0-9A-HJKMNP-TV-Z]{26}): ", re.MULTILINE)
_WITHOUT_TEXT: Final = ", no text)"
_THINGS = r"(?:files?|attachments?|attached\s+files?|documents?|pictures?|images?|photos?|pdfs?)"
_ASKS: Final = (
    re.compile(
        rf"(?:please\s+)?(?:what(?:'s|’s|\s+is|\s+are|\s+stands)?|tell\s+(?:me|us)\s+what(?:'s|’s|\s+is)?)\s+"
        rf"(?:(?:in|on|inside)\s+)?(?:the|this|these|my|that|those)\s+{_THINGS}\b",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?:please\s+)?what\s+(?:does|do)\s+(?:the|this|these|my|that|those)\s+{_THINGS}\s+(?:say|contain|hold|show)\b",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?:please\s+)?(?:read|open|show|list|summari[sz]e)(?:\s+(?:me|us))?(?:\s+(?:the|this|these|my|all))*\s+"
        r"(?:attachments?|attached\s+files?)\b",
        re.IGNORECASE,
    ),
    re.compile(r"(?:请|帮我|看看|看一下|读一下|读取|打开|查看|列出)*(?:这个|这些|所有)?附件"),
    re.compile(
        r"(?:请|帮我)?(?:这个|这些)?(?:文件|图片|文档)(?:里面?|中|上)?(?:有什么|是什么|写了什么|说了什么|的内容)"
    ),
)
_WITH_ONE: Final = re.compile(
    rf"(?:please\s+)?(?:read|open|show|summari[sz]e|describe|look\s+(?:at|into))(?:\s+(?:me|us))?\s+"
    rf"(?:it|them|(?:the|this|these|my)\s+{_THINGS})\s*[.!?]*\s*$",
    re.IGNORECASE,
)
"""Only of a message that has files; else it may be one of the workspace."""


@dataclass(frozen=True)
class FileWish:
    """The person wants to know what is in attached files: those of the message, or the newest of the room."""

    ids: tuple[str, ...] = ()


def without_files(text: str) -> tuple[str, tuple[str, ...]]:
    """Return what a message says, and the ids of the files whose lines stand below that."""
    lines = text.split("\n")
    ids: list[str] = []
    while lines:
        own = _without_voice(lines)
        match = _LINE.fullmatch(own[-1]) if own else None
        if match is None:
            break
        ids.append(match["id"])
        lines = own[:-1]
    return "\n".join(lines), tuple(reversed(ids))


def _without_voice(lines: list[str]) -> list[str]:
    """Return the lines without what is said in the recording at their end."""
    if not lines[-1].endswith("]") or _LINE.fullmatch(lines[-1]):
        return lines
    begins = len(lines) - 1
    while begins > 0 and len(lines) - begins < _MOST_VOICE_LINES and not lines[begins].startswith(_VOICE):
        begins -= 1
    return lines[:begins] if lines[begins].startswith(_VOICE) else lines


def understand_with_files(text: str) -> Wish | FileWish:
    """As `understand`. What is not understood of a message with files is taken as a question about them."""
    said, ids = without_files(text)
    plain = without_mentions(said)
    asks = (*_ASKS, _WITH_ONE) if ids else _ASKS
    if any(pattern.match(plain) for pattern in asks):
        return FileWish(ids)
    wish = understand(said)
    return FileWish(ids) if wish is Request.OTHER and ids else wish


def to_read(wish: FileWish, listed: PromptMessage) -> tuple[str, ...]:
    """Return the ids of the files to read next, by what `list_attachments` said: those with a text."""
    if listed.has_failed:
        return ()
    readable = [
        match["id"]
        for line in listed.content.split("\n")
        if (match := _LISTED.match(line)) and not line.endswith(_WITHOUT_TEXT)
    ]
    wanted = [one for one in readable if one in wish.ids] if wish.ids else readable[:1]
    return tuple(wanted[:_MOST_READ])


def of_message(wish: FileWish, said: str) -> str:
    """Return the lines of a listing that are about the message's files; all, if it has none. Ids are for tools only."""
    lines = [line for line in said.split("\n") if (match := _LISTED.match(line)) and match["id"] in wish.ids]
    return _LISTED.sub("", "\n".join(lines) or said)
