"""Files on their way, for commands: a bar for each on a terminal, and the command by which a broken upload goes on."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from multiplayer.cli.visible import shortened
from multiplayer.client import Room, Sent
from multiplayer.client.errors import FileChanged
from multiplayer.client.local_file import Progress as Tell
from multiplayer.protocol.attachments import Attachment, Upload
from multiplayer.protocol.ids import AttachmentId, MessageId

_NAME = 40


class Bars:
    """One bar a file and step; nothing where nobody looks."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def of(self, what: str, name: str) -> Tell:
        """Return what is to be told how far it is."""
        task = self._progress.add_task(f"{what} {shortened(name, _NAME)}", start=False, visible=False)

        def tell(done: int, total: int) -> None:
            self._progress.start_task(task)
            self._progress.update(task, completed=done, total=total, visible=True)

        return tell


@contextmanager
def bars() -> Iterator[Bars]:
    """Show bars on the error output, if that is a terminal: what is printed stays clean."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield Bars(progress)


@dataclass
class Attaching:
    """Files on their way into one message. `resume`: the uploads, in the order of the files, that were begun before."""

    room: str
    files: Sequence[Path]
    text: str
    reply_to: MessageId | None
    is_direct: bool
    resume: Sequence[AttachmentId] = ()
    begun: list[AttachmentId] = field(default_factory=list)

    async def run(self, room: Room) -> tuple[Sent, Sequence[Attachment]]:
        """Send the files one by one, then the message that has them."""
        self.begun = list(self.resume)
        ready: list[Attachment] = []
        with bars() as shown:
            for number, path in enumerate(self.files):
                ready.append((await self._send(room, number, path, shown)).attachment)
        sent = await room.send(self.text, reply_to=self.reply_to, attachments=[one.id for one in ready])
        return sent, ready

    async def _send(self, room: Room, number: int, path: Path, shown: Bars) -> Upload:
        def note(upload: Upload) -> None:
            self.begun[number:] = [upload.attachment.id, *self.begun[number + 1 :]]

        try:
            return await room.send_file(
                path,
                resume=self.begun[number] if number < len(self.begun) else None,
                direct=self.is_direct,
                on_begun=note,
                on_check=shown.of("checking", path.name),
                on_progress=shown.of("sending", path.name),
            )
        except FileChanged:
            # Nothing of it is left to go on with, nor of what would come after it.
            del self.begun[number:]
            raise

    def command(self) -> str:
        """Return what has to be typed to go on where this ended."""
        words = ["multiplayer", "attach", self.room, *(str(path) for path in self.files)]
        if self.text:
            words += ["--text", self.text]
        if self.reply_to is not None:
            words += ["--reply-to", self.reply_to]
        if self.is_direct:
            words.append("--direct")
        return shlex.join([*words, *(part for one in self.begun for part in ("--resume", one))])
