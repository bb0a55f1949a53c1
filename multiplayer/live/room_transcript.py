"""A room to read: its messages as Markdown and as a page of HTML, in which nothing that was said can become more than words."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from multiplayer.protocol.attachments import Attachment, AttachmentState
from multiplayer.protocol.cards import Form
from multiplayer.protocol.ids import AccountId, AttachmentId, MessageId
from multiplayer.protocol.messages import Message
from multiplayer.protocol.retention import Because
from multiplayer.protocol.rooms import RoomView
from multiplayer.protocol.values import rfc3339

_GONE: Final[Mapping[Because, str]] = {
    "": "deleted",
    "retention": "removed by the room's rule",
    "erasure": "erased",
}
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}"
    "article{border-top:1px solid #ccc;padding:.5rem 0}header{color:#555;font-size:.85rem}"
    "header b{color:#000}pre{font:inherit;white-space:pre-wrap;overflow-wrap:anywhere;margin:.25rem 0}"
    "small{color:#555;display:block}"
)
_SPECIAL: Final = re.compile(r"([\\`*_\[\]<>|~&$#{}()!:@])")
_LEADING: Final = re.compile(r"^(\s*)([-+=]|\d+[.)])")
_TURNING: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_HIDDEN: Final = frozenset(("Cc", "Cs", "Zl", "Zp"))


class Transcript:
    """Renders one room, message by message, oldest first. `names`: what those are called who speak."""

    def __init__(self, room: RoomView, names: Mapping[AccountId, str], pins: Sequence[MessageId]) -> None:
        self._room = room
        self._names = names
        self._pins = frozenset(pins)
        self.paths: dict[AttachmentId, str] = {}
        """Where files lie beside the transcript; fill it before the message comes that has them."""

    def md_head(self) -> str:
        topic = f"\n{_md(self._room.topic)}\n" if self._room.topic else ""
        return f"# {_md_line(self._room.name)}\n{topic}"

    def md(self, message: Message) -> str:
        """Return a message as Markdown, its words quoted."""
        lines = ["", f"**{_md_line(self._name(message.author_id))}** {' · '.join(self._notes(message))}", ""]
        if message.is_deleted:
            return "\n".join([*lines, f"> *{_GONE[message.deleted_because]}*", ""])
        lines += [f"> {_md(line)}".rstrip() + "  " for line in self._words(message).split("\n")]
        for attachment in message.attachments:
            path = self.paths.get(attachment.id)
            words = _md_line(_file_words(attachment))
            lines += ["", f"[{words}]({path})" if path else words]
        if message.reactions:
            lines += ["", _md_line(_reactions(message))]
        return "\n".join([*lines, ""])

    def html_head(self) -> str:
        name, topic = _html(self._room.name), _html(self._room.topic)
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
            '<meta name="referrer" content="no-referrer">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{name}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
            f'<h1 dir="auto">{name}</h1>\n<p dir="auto">{topic}</p>\n'
        )

    def html(self, message: Message) -> str:
        """Return a message as an element of the page."""
        who, notes = _html(self._name(message.author_id)), _html(" · ".join(self._notes(message)))
        parts = [f'<article id="{_html(message.id)}">', f"<header><b><bdi>{who}</bdi></b> {notes}</header>"]
        if message.is_deleted:
            gone = _html(_GONE[message.deleted_because])
            return "\n".join([*parts, f"<p><i>{gone}</i></p>", "</article>", ""])
        parts.append(f'<pre dir="auto">{_html(self._words(message))}</pre>')
        for attachment in message.attachments:
            path = self.paths.get(attachment.id)
            words = f"<bdi>{_html(_file_words(attachment))}</bdi>"
            parts.append(
                f'<small><a href="{_html(path)}" download>{words}</a></small>' if path else f"<small>{words}</small>"
            )
        if message.reactions:
            parts.append(f"<small>{_html(_reactions(message))}</small>")
        return "\n".join([*parts, "</article>", ""])

    def html_foot(self) -> str:
        return "</body>\n</html>\n"

    def _name(self, account_id: AccountId) -> str:
        return self._names.get(account_id) or account_id

    def _notes(self, message: Message) -> list[str]:
        notes = [rfc3339(message.at)]
        if message.reply_to is not None:
            notes.append(f"answers {message.reply_to}")
        if message.edited_at is not None and not message.is_deleted:
            notes.append("edited")
        if message.id in self._pins:
            notes.append("pinned")
        return notes

    def _words(self, message: Message) -> str:
        cards = [f"{card.title}\n{card.text}".strip() for card in message.cards]
        form = [] if message.form is None else [_form_words(message.form)]
        spoken = [one.transcript.text for one in message.attachments if one.transcript is not None]
        return "\n\n".join([message.text, *cards, *form, *spoken]).strip()


def _file_words(attachment: Attachment) -> str:
    match attachment.state:
        case AttachmentState.REMOVED:
            return "a file that was removed"
        case AttachmentState.READY:
            return f"{attachment.name} ({attachment.size} bytes)"
        case _:
            return f"{attachment.name} (it did not arrive)"


def _form_words(form: Form) -> str:
    answers = {answer.question_id: ", ".join(answer.values) for answer in form.answers}
    asked = [f"{question.text} {answers.get(question.id, '')}".strip() for question in form.questions]
    return "\n".join([form.text, *asked]).strip()


def _reactions(message: Message) -> str:
    return "  ".join(f"{reaction.emoji} {len(reaction.account_ids)}" for reaction in message.reactions)


def _plain(text: str) -> str:
    """Take out what is no word: what moves a cursor, or turns the reading direction of what follows."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character in "\n\t" or not (character in _TURNING or unicodedata.category(character) in _HIDDEN)
        else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )


def _html(text: str) -> str:
    return escape(_plain(text), quote=True)


def _md(line: str) -> str:
    """Escape one line: no heading, list, link, picture, code or HTML begins in it."""
    escaped = _SPECIAL.sub(r"\\\1", _plain(line).replace("\t", "    "))
    started = _LEADING.sub(lambda found: f"{found[1]}{found[2][:-1]}\\{found[2][-1]}", escaped)
    bare = started.lstrip(" ")
    return "&nbsp;" * (len(started) - len(bare)) + bare


def _md_line(text: str) -> str:
    return _md(" ".join(_plain(text).split()))
