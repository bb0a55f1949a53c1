"""What the erasure of a person would take, in lines, and how far it is, as bars."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from multiplayer.protocol.reports_erasure import ErasedRoom, Erasure, ErasurePreview, RoomFate


def preview_lines(found: ErasurePreview) -> Iterator[str]:
    """Yield what would go, in words; what there is none of is not named."""
    counts = found.counts
    yield f"{found.display_name} (@{found.handle}, {found.account_id}), in {counts.rooms} {'room' if counts.rooms == 1 else 'rooms'}:"
    for count, one, many in (
        (counts.messages, "message", "messages"),
        (counts.answers, "answer that an AI gave to nobody else", "answers that AIs gave to nobody else"),
        (counts.files, f"file of them ({decimal(counts.bytes)})", f"files of them ({decimal(counts.bytes)})"),
        (counts.uploads, "file that no message has", "files that no message has"),
        (counts.transcripts, "text of a voice note", "texts of voice notes"),
        (counts.facts, "fact", "facts"),
        (counts.points, "point of a summary", "points of summaries"),
        (counts.proposals, "open proposal of an AI", "open proposals of AIs"),
        (counts.forms, "form filled in", "forms filled in"),
        (counts.reactions, "reaction", "reactions"),
        (counts.rules, "schedule, webhook or standing approval", "schedules, webhooks and standing approvals"),
        (counts.hooks, "webhook address", "webhook addresses"),
        (counts.memberships, "membership", "memberships"),
        (counts.tokens, "access token", "access tokens"),
        (counts.sign_ins, "sign-in", "sign-ins"),
        (counts.invites, "invite", "invites"),
    ):
        if count:
            yield f"  {count} {one if count == 1 else many}"
    for room in found.rooms:
        yield f"  room {room.name} ({room.room_id}): {_fate(room)}"


@contextmanager
def progress() -> Iterator[Callable[[Erasure], None]]:
    """Show bars of rooms and messages on stderr, if that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        rooms, messages = bars.add_task("rooms", total=None), bars.add_task("messages", total=None)

        def told(now: Erasure) -> None:
            bars.update(rooms, completed=now.rooms_done, total=now.rooms or None)
            bars.update(messages, completed=now.messages_done, total=max(now.messages, now.messages_done) or None)

        yield told


def _fate(room: ErasedRoom) -> str:
    match room.fate:
        case RoomFate.LEFT:
            return "they leave it"
        case RoomFate.HANDED_OVER:
            return f"nobody else owns it: refused, or with --hand-over {room.heir} owns it then"
        case RoomFate.DELETED:
            return "is deleted: nobody else is in it"
        case RoomFate.STAYS:
            return "stays for the other"
