"""Ids in events and messages, found by the types of the fields that hold them: collected, or put in place of others."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from types import UnionType
from typing import Annotated, Final, NewType, TypeVar, Union, get_args, get_origin

from multiplayer.protocol.attachments import Attachment, AttachmentState
from multiplayer.protocol.event_frame import EventFrame
from multiplayer.protocol.ids import AccountId, AttachmentId, MessageId, RoomId, TurnId
from multiplayer.protocol.members import Member
from multiplayer.protocol.values import Frozen

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_TIME_CHARACTERS: Final = 10
_RANDOM_BITS: Final = 80
_FOUND: Final = (
    "size",
    "content_type",
    "family",
    "width",
    "height",
    "pages",
    "has_thumbnail",
    "has_text",
    "is_inline_safe",
)
"""What a server finds out of a file's bytes; the rest is what people and the log say of it."""

F = TypeVar("F", bound=Frozen)
IdKind = Callable[[str], str]
"""`AccountId`, `MessageId` …"""


@dataclass(frozen=True)
class IdMap:
    """What stands in the place of what. Ids of messages, turns and files are moved by `shift`, all alike; 0 keeps them."""

    room: tuple[RoomId, RoomId]
    accounts: Mapping[AccountId, AccountId] = field(default_factory=dict)
    handles: Mapping[AccountId, str] = field(default_factory=dict)
    """By the new id: what a member is called here."""
    files: Mapping[AttachmentId, Attachment] = field(default_factory=dict)
    """By the new id: what was found out here about the bytes of a ready file."""
    shift: int = 0

    def event_id(self, old: str) -> str:
        return shifted(old, self.shift)

    def of(self, kind: object, old: str) -> str:
        if kind is RoomId:
            return self.room[1] if old == self.room[0] else old
        if kind is AccountId:
            return self.accounts.get(AccountId(old), AccountId(old))
        if kind in {MessageId, TurnId, AttachmentId}:
            return self.event_id(old)
        return old


def shifted(old: str, shift: int) -> str:
    """Return another id of the same moment, so that the order stays; different ones stay different."""
    if not shift:
        return old
    if _ULID.fullmatch(old) is None:
        # No id of ours, and so of no moment.
        return _base32(int.from_bytes(sha256(f"{shift}:{old}".encode()).digest()[:15]), 26)
    number = 0
    for character in old[_TIME_CHARACTERS:]:
        number = number * 32 + _ALPHABET.index(character)
    return old[:_TIME_CHARACTERS] + _base32((number + shift) % 2**_RANDOM_BITS, 26 - _TIME_CHARACTERS)


def remapped(value: F, ids: IdMap) -> F:
    """Return `value` with every id in it replaced. Words are left as they are, also those that look like an id."""
    changed: dict[str, object] = {}
    for name, kinds in _fields_of(type(value)):
        before: object = getattr(value, name)
        after = _mapped(before, kinds, ids)
        if after != before:
            changed[name] = after
    if isinstance(value, EventFrame):
        changed["id"] = ids.event_id(value.id)
    after_all = value.model_copy(update=changed) if changed else value
    if isinstance(after_all, Member) and after_all.account_id in ids.handles:
        return after_all.model_copy(update={"handle": ids.handles[after_all.account_id]})
    if isinstance(after_all, Attachment) and after_all.state is AttachmentState.READY and after_all.id in ids.files:
        return after_all.model_copy(update=_facts(ids.files[after_all.id]))
    return after_all


def ids_in(value: Frozen, kind: IdKind) -> Iterator[str]:
    """Yield every id of this kind in `value`."""
    for name, kinds in _fields_of(type(value)):
        yield from _ids_in(getattr(value, name), kinds, kind)


def _ids_in(value: object, kinds: tuple[object, ...], kind: IdKind) -> Iterator[str]:
    if isinstance(value, Frozen):
        yield from ids_in(value, kind)
    elif isinstance(value, tuple | list | frozenset):
        for item in value:
            yield from _ids_in(item, kinds, kind)
    elif isinstance(value, str) and kind in kinds:
        yield value


def _mapped(value: object, kinds: tuple[object, ...], ids: IdMap) -> object:
    if isinstance(value, Frozen):
        return remapped(value, ids)
    if isinstance(value, tuple):
        return tuple(_mapped(item, kinds, ids) for item in value)
    if isinstance(value, str):
        for kind in kinds:
            value = ids.of(kind, value)
    return value


@cache
def _fields_of(model: type[Frozen]) -> tuple[tuple[str, tuple[object, ...]], ...]:
    return tuple((name, tuple(_kinds_in(told.annotation))) for name, told in model.model_fields.items())


def _kinds_in(annotation: object) -> Iterator[object]:
    """Yield the kinds of ids that a field of this type may hold, itself or in a tuple."""
    if isinstance(annotation, NewType):
        yield annotation
    elif get_origin(annotation) in {Union, UnionType, Annotated, tuple}:
        for argument in get_args(annotation):
            yield from _kinds_in(argument)


def _facts(found: Attachment) -> dict[str, object]:
    return {name: getattr(found, name) for name in _FOUND}


def _base32(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 32)
        digits = _ALPHABET[digit] + digits
    return digits


def is_ulid(text: str) -> bool:
    return _ULID.fullmatch(text) is not None
