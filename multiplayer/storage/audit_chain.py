"""The audit trail's hash chain: each link is over the row and the hash before it, so a changed row shows."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from hashlib import sha256
from typing import Final

from multiplayer.storage.audit_port import AuditEntry

SERVER_CHAIN: Final = "server"


@dataclass(frozen=True)
class ChainHead:
    length: int = 0
    hash: bytes = b""


@dataclass(frozen=True)
class ChainLink:
    chain: str
    number: int
    entry: AuditEntry
    hash: bytes


def linked(chain: str, head: ChainHead, entries: Iterable[AuditEntry]) -> tuple[list[ChainLink], ChainHead]:
    """Return the links to add behind `head`, and the new head."""
    links = []
    for entry in entries:
        number = head.length + 1
        link = ChainLink(chain, number, entry, _hash(chain, number, entry, head.hash))
        links.append(link)
        head = ChainHead(number, link.hash)
    return links, head


def first_fault(links: Sequence[ChainLink], behind: ChainHead) -> str | None:
    """Return what is wrong with the first wrong one of `links`, which should follow `behind`; None if all are right."""
    for link in links:
        if link.number != behind.length + 1:
            return f"audit chain {link.chain}: row {behind.length + 1} is missing"
        if link.hash != _hash(link.chain, link.number, link.entry, behind.hash):
            return f"audit chain {link.chain}: row {link.number} is not what was written"
        behind = ChainHead(link.number, link.hash)
    return None


def end_fault(chain: str, last: ChainHead, kept: ChainHead) -> str | None:
    """Return what is wrong if the chain ends at `last` while its owner's row says `kept`."""
    if last == kept:
        return None
    return f"audit chain {chain}: it ends at row {last.length}, its owner's row says {kept.length}"


def _hash(chain: str, number: int, entry: AuditEntry, before: bytes) -> bytes:
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    row = [chain, number, at, entry.actor_id, entry.origin, entry.action, entry.subject, entry.before, entry.after]
    return sha256(before + json.dumps(row, ensure_ascii=True, separators=(",", ":")).encode()).digest()
