"""How long a room keeps what is said, in words: its rule, and what a rule would remove."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from rich.filesize import decimal

from multiplayer.protocol.retention import Forgotten, Retention, RetentionPreview, RetentionReport

_NAMES_SHOWN = 3
_AT_ONCE = 400
"""What a server removes at one look, about; it goes on with the rest some seconds later."""


def rule_words(rule: Retention) -> str:
    """Say what a room's own rule is."""
    kept = []
    if rule.messages_days is not None:
        kept.append(f"messages for {counted(rule.messages_days, 'day')}")
    if rule.files_days is not None:
        kept.append(f"files for {counted(rule.files_days, 'day')}")
    if not kept:
        return "what is said is kept as long as this server keeps anything"
    return f"{', '.join(kept)}; pinned messages {'stay' if rule.keeps_pinned else 'go, too'}"


def report_lines(report: RetentionReport, handles: Mapping[str, str]) -> Iterator[str]:
    """Yield a room's rule, what it did last, and what would go now."""
    yield f"rule: {rule_words(report.rule)}"
    if report.server_days is not None:
        yield f"this server keeps nothing longer than {counted(report.server_days, 'day')}"
    if report.last is not None:
        yield f"removed last: {_amount(report.last)}, {_at(report.last.at)}"
    if report.next_look is not None:
        yield f"looks next: {_at(report.next_look)}"
    yield from preview_lines(report.preview, handles)


def preview_lines(preview: RetentionPreview, handles: Mapping[str, str]) -> Iterator[str]:
    """Yield what a rule would remove now, and the oldest messages of it. `handles`: of accounts, by id."""
    if preview.oldest is None or preview.newest is None:
        yield "nothing would go now"
    else:
        yield f"would go now: {_amount(preview)}, from {_at(preview.oldest)} to {_at(preview.newest)}"
        if preview.messages + preview.files > _AT_ONCE:
            yield "that takes some minutes, or longer: it goes bit by bit, so that people can go on talking"
    if preview.pinned_kept:
        yield f"stay because they are pinned: {counted(preview.pinned_kept, 'message')}"
    if preview.waiting:
        yield f"go later, a turn is about them: {counted(preview.waiting, 'message')}"
    if preview.first:
        yield "the oldest:"
    for one in preview.first:
        who = handles.get(one.author_id, one.author_id)
        more = len(one.files) - _NAMES_SHOWN
        names = ", ".join(one.files[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
        files = f" [{names}]" if names else ""
        yield f"  {_at(one.at)}  {who}: {'(only files) ' if one.keeps_words else ''}{one.text}{files}"


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _amount(some: Forgotten | RetentionPreview) -> str:
    size = f" ({decimal(some.size)})" if some.files else ""
    return f"{counted(some.messages, 'message')} and {counted(some.files, 'file')}{size}"


def _at(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
