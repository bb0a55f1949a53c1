"""What a line does in a chat about the files of messages: attach, list, save here, take off."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeVar

from rich.filesize import decimal

from multiplayer.cli.chat_desk import Desk
from multiplayer.cli.chat_refusals import number_in, typed_wrong
from multiplayer.cli.file_names import path_and_words, place_for
from multiplayer.cli.recordings import file_of, said_in
from multiplayer.cli.visible import shortened
from multiplayer.client import ConnectionLost, NotSignedIn, RefusalCode, Refused, Room
from multiplayer.client.errors import FileChanged, FileDamaged, UploadFailed
from multiplayer.protocol.attachments import RoomFile
from multiplayer.protocol.ids import AccountId, TurnId
from multiplayer.protocol.signals import Accepted

T = TypeVar("T")
LISTED: Final = 20
NAME: Final = 120
TELL_S: Final = 3.0
"""How often a note says how far a file is."""
_ENDS: Final = (Refused, ConnectionLost, NotSignedIn, UploadFailed, FileChanged, FileDamaged, OSError)
"""What a transfer may end with."""


class FileCommands:
    """Each returns the turns that follow from it. Raises `Refused`, also for what is typed wrong, and `ConnectionLost`."""

    def __init__(self, room: Room, desk: Desk) -> None:
        self._room = room
        self._desk = desk
        self._listed: Sequence[RoomFile] = ()
        """What the numbers mean, until `/attachments` numbers anew."""
        self.commands: Mapping[str, Callable[[str], Awaitable[Sequence[TurnId]]]] = {
            "/attach": self._attach,
            "/attachments": self._attachments,
            "/save": self._save,
            "/unattach": self._unattach,
            "/transcript": self._transcript,
            "/listen": self._listen,
        }

    async def _attach(self, rest: str) -> Sequence[TurnId]:
        if not rest:
            raise typed_wrong("say which file: /attach PATH [WORDS]")
        path, words = path_and_words(rest)
        how_far = _HowFar(path.name)
        try:
            upload = await how_far.while_told(
                self._desk, lambda: self._room.send_file(path, on_progress=how_far.note, on_check=how_far.check)
            )
        except UploadFailed as failed:
            raise ConnectionLost(
                f"{failed.reason}; what was sent is kept for a day: multiplayer attach … --resume {failed.upload_id}"
            ) from None
        except FileChanged as changed:
            raise Refused(RefusalCode.CONFLICT, str(changed)) from None
        except OSError as error:
            raise typed_wrong(f"{path}: {error.strerror or error}") from None
        sent = await self._room.send(words, attachments=[upload.attachment.id])
        await self._desk.until_shown(sent.seq)
        return await self._room.turns_of(sent)

    async def _attachments(self, _: str) -> Sequence[TurnId]:
        listing = await self._room.attachments(limit=LISTED)
        self._listed = listing.files
        lines = [
            f"{number}. {shortened(one.attachment.name, NAME)} · {decimal(one.attachment.size)} · "
            f"{self._handle(one.uploaded_by)} · {one.attachment.id}"
            for number, one in enumerate(listing.files, 1)
        ]
        more = [f"older ones: multiplayer attachments ROOM --before {listing.next_before}"]
        await self._desk.write((lines or ["no file is attached here"]) + (more if listing.next_before else []))
        return ()

    async def _save(self, rest: str) -> Sequence[TurnId]:
        which, _, where = rest.partition(" ")
        file = await self._meant(which, "/save")
        output = path_and_words(where)[0] if where.strip() else None
        name = file.attachment.name
        how_far = _HowFar(name)
        to = place_for(output, name)
        try:
            got = await how_far.while_told(
                self._desk, lambda: self._room.download(file.attachment.id, to, on_progress=how_far.note)
            )
        except FileExistsError:
            raise typed_wrong(f"{to} is there already; /save {which} PATH puts it elsewhere") from None
        except FileDamaged as damaged:
            raise Refused(RefusalCode.UNAVAILABLE, str(damaged)) from None
        except OSError as error:
            raise typed_wrong(f"{to}: {error.strerror or error}") from None
        await self._desk.write([f"saved as {shortened(str(got.path.absolute()), 400)} ({decimal(got.size)})"])
        return ()

    async def _unattach(self, rest: str) -> Sequence[TurnId]:
        file = await self._meant(rest, "/unattach")
        await self._shown(await self._room.remove_attachment(file.message_id, file.attachment.id))
        return ()

    async def _transcript(self, rest: str) -> Sequence[TurnId]:
        which, _, words = rest.partition(" ")
        file = await self._meant(which, "/transcript")
        if not words.strip():
            # More may be known since the files were numbered.
            await self._desk.write([said_in((await file_of(self._room, file.attachment.id)).attachment)])
            return ()
        await self._shown(await self._room.edit_transcript(file.message_id, file.attachment.id, words.strip()))
        return ()

    async def _listen(self, rest: str) -> Sequence[TurnId]:
        which, _, how = rest.partition(" ")
        file = await self._meant(which, "/listen")
        if how.strip() not in {"", "stop"}:
            raise typed_wrong("/listen N has it written down again, /listen N stop ends that")
        change = self._room.stop_transcript if how.strip() else self._room.ask_transcript
        await self._shown(await change(file.message_id, file.attachment.id))
        return ()

    async def _shown(self, accepted: Accepted) -> None:
        if accepted.seq is not None:
            await self._desk.until_shown(accepted.seq)

    async def _meant(self, which: str, command: str) -> RoomFile:
        """Return the file that a number of `/attachments`, or an id, means."""
        if not which:
            raise typed_wrong(f"say which: {command} N, with a number of /attachments, or an id")
        number = number_in(which)
        if number is None:
            return await file_of(self._room, which)
        if not self._listed:
            raise typed_wrong("/attachments numbers the files first")
        if not 1 <= number <= len(self._listed):
            raise typed_wrong(f"files are numbered 1 to {len(self._listed)}")
        return self._listed[number - 1]

    def _handle(self, account_id: AccountId) -> str:
        member = self._room.view.members.get(account_id)
        return member.handle if member is not None else account_id


class _HowFar:
    """How far a file is on its way, told in a note every few seconds."""

    def __init__(self, name: str) -> None:
        self._name = shortened(name, NAME)
        self._said = ""

    def check(self, done: int, total: int) -> None:
        self._said = f"{self._name}: {_percent(done, total)} looked through"

    def note(self, done: int, total: int) -> None:
        self._said = f"{self._name}: {_percent(done, total)} of {decimal(total)}"

    async def while_told(self, desk: Desk, work: Callable[[], Awaitable[T]]) -> T:
        """Do `work`, and tell meanwhile how far it is. Raises what it raises."""
        problem: Exception | None = None
        done: list[T] = []
        async with asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(self._tell(desk))
            try:
                done.append(await work())
            except _ENDS as ended:
                # Outside the group it is raised as it is.
                problem = ended
            finally:
                telling.cancel()
        if problem is not None:
            raise problem
        return done[0]

    async def _tell(self, desk: Desk) -> None:
        while True:
            await asyncio.sleep(TELL_S)
            if self._said:
                await desk.write([self._said])


def _percent(done: int, total: int) -> str:
    return f"{100 * done // total if total else 100} %"
