"""Files, changes and background jobs of a room in words, for a chat and for commands."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, assert_never

from rich.filesize import decimal

from multiplayer.cli.visible import shortened
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.reports_workspace import (
    JobReport,
    MirrorState,
    TurnChanges,
    WorkspaceChange,
    WorkspaceListing,
)
from multiplayer.protocol.tools import ChangeKind, FileChange
from multiplayer.protocol.turn_events import TurnUndone

NAMED: Final = 5
COMMAND: Final = 200
KINDS: Final = {ChangeKind.ADDED: " added", ChangeKind.CHANGED: "", ChangeKind.REMOVED: " removed"}
Handle = Callable[[AccountId], str]


def listing_lines(listing: WorkspaceListing) -> Iterator[str]:
    """Say what a folder holds, and how full the workspace is."""
    for entry in listing.entries:
        match entry.kind:
            case "folder":
                yield f"{entry.name}/"
            case "file":
                yield f"{entry.name}  {decimal(entry.size)}"
            case _:
                yield f"{entry.name}  ({entry.kind})"
    if listing.is_cut:
        yield "… and more than can be listed"
    if not listing.entries:
        yield "nothing is in there"
    at_least = "" if listing.is_whole else "at least "
    yield (
        f"the workspace holds {at_least}{decimal(listing.used_bytes)} of {decimal(listing.quota_bytes)}, "
        f"{at_least}{listing.files:,} of {listing.quota_files:,} files and folders"
    )
    yield from mirror_lines(listing.mirror)


def mirror_lines(mirror: MirrorState) -> Iterator[str]:
    """Say how the workspace stands to its copy in the file store; nothing where there is none."""
    reason = f": {mirror.reason}" if mirror.reason else ""
    match mirror.state:
        case "off":
            return
        case "synced":
            there = f"all of it, as of {mirror.at.astimezone():%Y-%m-%d %H:%M}" if mirror.at else "nothing yet"
            yield f"in the file store: {there}{reason}"
        case "waiting" | "pushing":
            how = "on its way" if mirror.state == "pushing" else "soon to come"
            yield f"in the file store: not yet {_paths(mirror.waiting)}, {how}{reason}"
        case "failing":
            yield f"in the file store: not {_paths(mirror.waiting)}{reason}"
        case "behind":
            yield f"the file store has something newer that is not here yet{reason}"
        case _:
            assert_never(mirror.state)
    if mirror.conflicts:
        yield "changed in two places, so there are two of it:"
        yield from (f"  {path}" for path in mirror.conflicts)


def _paths(count: int) -> str:
    return f"{count:,} changed path{'' if count == 1 else 's'}"


def stat_line(change: FileChange) -> str:
    """Name a changed file, what happened to it, and how many lines."""
    line = change.path + KINDS[change.kind]
    if change.is_text:
        line += f" +{change.added_lines}" if change.added_lines else ""
        line += f" \N{MINUS SIGN}{change.removed_lines}" if change.removed_lines else ""
    elif change.before or change.after:
        line += " (not text)"
    return line


def change_lines(made: WorkspaceChange) -> Iterator[str]:
    """Say what a change by hand came to."""
    yield from map(stat_line, made.changes)
    if made.more:
        yield f"… and {made.more} more"
    if made.seq is None:
        yield "nothing was different"


def undone_lines(undone: TurnUndone) -> Iterator[str]:
    """Say what came of an undo."""
    if undone.is_ok:
        yield from (f"put back: {stat_line(change)}" for change in undone.changes)
        if undone.more:
            yield f"… and {undone.more} more"
        yield from (f"left as others changed it since: {path}" for path in undone.conflicts)
        return
    yield f"nothing was put back: {undone.reason}"
    yield from (f"changed by others since: {path}" for path in undone.conflicts)
    if undone.conflicts:
        yield "--keep leaves these alone and puts back the rest"


def job_lines(jobs: Iterable[JobReport], handle: Handle) -> Iterator[str]:
    for job in jobs:
        askers = ", ".join(handle(asker) for asker in job.askers)
        how = job.state
        if job.exit_status is not None:
            how += f", exit status {job.exit_status}"
        if job.stop is not None:
            by = f" by {handle(job.stopped_by)}" if job.stopped_by is not None else ""
            how += f" ({job.stop.replace('_', ' ')}{by})"
        since = f"{job.started_at.astimezone():%H:%M}"
        yield f"{job.job_id}  {how}  {shortened(job.command, COMMAND)}  (asked by {askers}, since {since})"


def changed_line(turn: TurnChanges, handle: Handle) -> str:
    """Say who had what changed."""
    askers = dict.fromkeys(asker for call in turn.calls for asker in call.asked_by)
    approvers = dict.fromkeys(approver for call in turn.calls for approver in call.approved_by)
    files = len({change.path for call in turn.calls for change in call.changes}) + sum(c.more for c in turn.calls)
    line = f"{files} file{'' if files == 1 else 's'} changed by {handle(turn.ai_id)}"
    if askers:
        line += f", asked by {', '.join(map(handle, askers))}"
    return line + (f", approved by {', '.join(map(handle, approvers))}" if approvers else "")


def paths_of(turn: TurnChanges) -> str:
    """Name the files that a turn changed, or the first of many."""
    paths = list(dict.fromkeys(change.path for call in turn.calls for change in call.changes))
    more = len(paths[NAMED:]) + sum(call.more for call in turn.calls)
    return ", ".join(paths[:NAMED]) + (f" and {more} more" if more else "")


def spans_of(turn: TurnChanges) -> Sequence[tuple[str, str]]:
    """Return from which state of the workspace to which it was changed; what others did between is left out."""
    spans: list[tuple[str, str]] = []
    for call in turn.calls:
        if spans and spans[-1][1] == call.before:
            spans[-1] = (spans[-1][0], call.after)
        else:
            spans.append((call.before, call.after))
    return spans
