"""What `multiplayer sync` says: a line a changed path, a bar while bytes move, and how it ended."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from multiplayer.cli.output import Json, print_json, say
from multiplayer.cli.visible import visible
from multiplayer.client.sync.telling import Did, Done, Result, Told

_LINES: Final = {
    Did.SENT: "↑ sent",
    Did.FETCHED: "↓ fetched",
    Did.REMOVED_HERE: "✗ removed here",
    Did.REMOVED_THERE: "✗ removed in the room",
    Did.MOVED_ASIDE: "⚠ changed on both sides",
}
_PREVIEWS: Final = {
    Did.SENT: "↑ would be sent",
    Did.FETCHED: "↓ would be fetched",
    Did.REMOVED_HERE: "✗ would be removed here",
    Did.REMOVED_THERE: "✗ would be removed in the room",
    Did.MOVED_ASIDE: "⚠ changed on both sides",
}


class Words:
    """One command's. Made by `words`."""

    def __init__(self, progress: Progress, *, as_json: bool, is_preview: bool) -> None:
        self._progress = progress
        self._as_json = as_json
        self._is_preview = is_preview
        self._bars: dict[str, TaskID] = {}
        self._said: set[str] = set()
        self.told = Told(done=self._tell, moving=self._move)

    def end(self, result: Result, room: str, folder: str) -> None:
        """Say how a run ended: on one line, what it could not do before that on the error output."""
        self._stop_bars()
        if self._as_json:
            print_json(_as_json(result, is_preview=self._is_preview))
            return
        self._complain_of(result)
        say(visible(f"{folder} and {room}: {_summary(result, is_preview=self._is_preview)}"))

    def passed(self, result: Result, room: str, folder: str) -> None:
        """Say what one pass of many came to, if there is anything new in it."""
        self._stop_bars()
        if self._as_json:
            if result.done or result.left_out.keys() - self._said:
                self._said |= result.left_out.keys()
                print_json(_as_json(result, is_preview=False))
        else:
            is_first = not self._said
            self._complain_of(result)
            if is_first:
                self._said.add("")
                say(visible(f"{folder} and {room}: {_summary(result, is_preview=False)}; Ctrl-C ends it"))
        sys.stdout.flush()

    def complain(self, sentence: str) -> None:
        sys.stderr.write(f"multiplayer: {visible(sentence)}\n")
        sys.stderr.flush()

    def _complain_of(self, result: Result) -> None:
        troubles = [f"{path}: {reason}" for path, reason in sorted(result.left_out.items())]
        if result.may_not_change:
            troubles.append(f"nothing is sent: {result.may_not_change}")
        for trouble in troubles:
            if trouble not in self._said:
                self._said.add(trouble)
                self.complain(f"left out: {trouble}" if trouble[:8] != "nothing " else trouble)

    def _tell(self, done: Done) -> None:
        if self._as_json:
            return
        words = (_PREVIEWS if self._is_preview else _LINES)[done.did]
        to = f"; yours {'would be' if self._is_preview else 'is'} {done.to}" if done.to else ""
        say(visible(f"{words} {done.path}{to}"))

    def _move(self, what: str, done: int, of: int | None) -> None:
        bar = self._bars.get(what)
        if bar is None:
            bar = self._bars[what] = self._progress.add_task(what, total=of)
        self._progress.update(bar, completed=done, total=of)

    def _stop_bars(self) -> None:
        for bar in self._bars.values():
            self._progress.remove_task(bar)
        self._bars.clear()


@contextmanager
def words(*, as_json: bool, is_preview: bool = False) -> Iterator[Words]:
    """Show bars on the error output, if that is a terminal: what is printed stays clean."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(
        *columns,
        console=console,
        disable=not console.is_terminal,
        # Lines for a pipe must not end up with the bars.
        redirect_stdout=sys.stdout.isatty(),
    ) as progress:
        yield Words(progress, as_json=as_json, is_preview=is_preview)


def _summary(result: Result, *, is_preview: bool) -> str:
    counts = {did: sum(done.did is did for done in result.done) for did in Did}
    told = [
        f"{counts[did]} {what}"
        for did, what in (
            (Did.SENT, "sent"),
            (Did.FETCHED, "fetched"),
            (Did.REMOVED_HERE, "removed here"),
            (Did.REMOVED_THERE, "removed in the room"),
            (Did.MOVED_ASIDE, "kept in two versions"),
        )
        if counts[did]
    ]
    did = ", ".join(told) or "nothing to do"
    if is_preview:
        return f"{did}; nothing was changed" if told else did
    state = f"{result.files} file{'s' if result.files != 1 else ''} alike"
    left = len(result.left_out)
    notes = [f"{left} left out"] if left else []
    if result.links:
        notes.append(f"{result.links} link{'s' if result.links != 1 else ''} (or special) left alone")
    if result.unsaid:
        notes.append(f"{result.unsaid} in the room with names or of kinds that cannot be synced")
    if not result.is_settled:
        notes.append("files keep changing: run it again")
    return "; ".join([did, state, *notes])


def _as_json(result: Result, *, is_preview: bool) -> Json:
    done: list[Json] = [_done_as_json(one) for one in result.done]
    left_out: list[Json] = [{"path": path, "reason": reason} for path, reason in sorted(result.left_out.items())]
    return {
        "done": done,
        "left_out": left_out,
        "may_not_change": result.may_not_change,
        "files": result.files,
        "links": result.links,
        "unsaid": result.unsaid,
        "is_equal": result.is_equal and not (is_preview and bool(done)),
        "is_preview": is_preview,
    }


def _done_as_json(done: Done) -> Json:
    about: dict[str, Json] = {"did": done.did.value, "path": done.path}
    return about | {"to": done.to} if done.to else about
