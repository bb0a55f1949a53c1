"""What an exported room looks like: the files of an archive, what its metadata say, and how far a strange one is trusted."""

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from multiplayer.protocol.budgets import Budget
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, AttachmentId, MessageId
from multiplayer.protocol.members import AccountKind, Member
from multiplayer.protocol.memory import Fact, Proposal, Summary
from multiplayer.protocol.rooms import RoomView
from multiplayer.protocol.tools import Sha256
from multiplayer.protocol.values import Frozen, Sparse, UtcTime

FORMAT: Final = "multiplayer-room"
VERSION: Final = 1
METADATA: Final = "metadata.json"
MESSAGES: Final = "messages.jsonl"
EVENTS: Final = "events.jsonl"
ACCOUNTS: Final = "accounts.jsonl"
TRANSCRIPT_MD: Final = "transcript.md"
TRANSCRIPT_HTML: Final = "transcript.html"
ATTACHMENTS: Final = "attachments"
"""The folder of the files' bytes."""
NO_CHECKSUM: Final = "0" * 64
"""Stands in the metadata where their own checksum is, while that is worked out."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_ONE_OF: Final = frozenset((MESSAGES, EVENTS, ACCOUNTS, TRANSCRIPT_MD, TRANSCRIPT_HTML))


class ArchivedFile(Frozen):
    """A file of the archive. `lines` only of those that are read line by line."""

    path: str
    size: Annotated[int, Field(ge=0, strict=True)]
    sha256: Sha256
    lines: Annotated[int, Field(ge=0, strict=True)] | None = None


class ArchivedAttachment(Frozen):
    """A ready file of a message. `path` None: its bytes could not be had, and `missing` says why."""

    id: AttachmentId
    message_id: MessageId
    sha256: Sha256 | None = None
    path: str | None = None
    missing: Sparse[str] = ""


class ArchivedAccount(Frozen):
    """Who the log speaks of. No secret, no address, no rights on the server. Without `handle`: known by the id alone."""

    id: AccountId
    kind: AccountKind = AccountKind.HUMAN
    handle: Annotated[str, StringConstraints(max_length=64)] = ""
    display_name: Annotated[str, StringConstraints(max_length=256)] = ""


class Exporter(Frozen):
    account_id: AccountId
    handle: str


class RoomMetadata(Frozen):
    """`metadata.json`: the room as it stood at `seq`, and the checksum of every file beside this one.

    `checksum` is the SHA-256 of the file itself with 64 zeros in its place.
    """

    format: Literal["multiplayer-room"] = "multiplayer-room"
    version: Literal[1] = 1
    checksum: Sha256
    software: str
    exported_at: UtcTime
    exported_by: Exporter
    room: RoomView
    first_seq: Literal[1] = 1
    seq: Annotated[int, Field(ge=1, strict=True)]
    events: Annotated[int, Field(ge=1, strict=True)]
    messages: Annotated[int, Field(ge=0, strict=True)]
    members: tuple[Member, ...]
    banned: tuple[AccountId, ...] = ()
    pins: tuple[MessageId, ...] = ()
    summary: Summary | None = None
    facts: tuple[Fact, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    budget: Budget = Budget()
    attachments: tuple[ArchivedAttachment, ...] = ()
    files: tuple[ArchivedFile, ...]

    @property
    def missing(self) -> tuple[ArchivedAttachment, ...]:
        return tuple(one for one in self.attachments if one.path is None)

    def file(self, path: str) -> ArchivedFile:
        """Return what is said of a file. Refuses MALFORMED if nothing is."""
        found = next((file for file in self.files if file.path == path), None)
        if found is None:
            raise bad(METADATA, f"it does not name {path}")
        return found


@dataclass(frozen=True)
class ArchiveLimits:
    """How large an archive may be before anybody looks into it. Sizes in bytes."""

    metadata: int = 64 * 1024 * 1024
    line: int = 16 * 1024 * 1024
    events: int = 200_000
    log: int = 512 * 1024 * 1024
    files: int = 200_000
    total: int = 256 * 1024 * 1024 * 1024
    ratio: int = 300
    """How many times smaller a zip may have made what is in it."""


@dataclass(frozen=True)
class Progress:
    """How far a long work is, in steps of the kind that `doing` names."""

    doing: str
    done: int
    of: int


def attachment_path(attachment_id: AttachmentId, sha256: str, name: str) -> str:
    """Return where a file's bytes lie in the archive: found again by the checksum, unique by the id, read by the name."""
    safe = _UNSAFE.sub("_", name).strip("._-")[-80:].strip("._-") or "file"
    return f"{ATTACHMENTS}/{sha256[:16]}-{attachment_id}-{safe}"


def is_archive_path(path: str) -> bool:
    """Tell whether a file of this name belongs into an archive: nothing else is read, whatever it is called."""
    if path in _ONE_OF:
        return True
    folder, slash, name = path.partition("/")
    return slash == "/" and folder == ATTACHMENTS and _NAME.fullmatch(name) is not None


def bad(path: str, what: str) -> Refused:
    """Return the refusal of an archive, by the name of the file that is wrong."""
    return Refused(RefusalCode.MALFORMED, f"{_shown(path)}: {what}")


def _shown(path: str) -> str:
    return path[:120].encode("ascii", "backslashreplace").decode()
