"""Recordings of messages become text: queued as they come, one at a time on each pod, whatever dies in between."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Self

import structlog

from multiplayer.live.clock import Clock
from multiplayer.live.directory import Directory
from multiplayer.live.listening import Listener, Recording, failed
from multiplayer.live.room_host import RoomHost
from multiplayer.live.turn_door import PASSING
from multiplayer.models.transcriber import MIB
from multiplayer.protocol.attachments import Attachment, Transcript, TranscriptState
from multiplayer.protocol.errors import Refused
from multiplayer.protocol.events import AttachmentChanged, Event, MessageDeleted, MessagePosted, RoomDeleted
from multiplayer.protocol.ids import AttachmentId, RoomId
from multiplayer.protocol.inner_commands import SetTranscript
from multiplayer.protocol.signals import TranscriptProgress
from multiplayer.rooms.transcript_rules import is_recording
from multiplayer.storage.port import OutcomeUnknown, StorageUnavailable

PROGRESS_S: Final = 1.0
_TRY_AGAIN_S: Final = (0.5, 2.0, 5.0)
_TRY_LONG_S: Final = (*_TRY_AGAIN_S, 15.0, 30.0, 60.0)
"""What took minutes to hear is not thrown away because the database restarts."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class TranscriptionPace:
    """`lease_s`: a pod that gives no news for so long is taken to be dead, and another listens."""

    lease_s: float = 15 * 60.0
    renew_s: float = 5 * 60.0
    look_s: float = 60.0
    waiting: int = 100
    """Recordings that may wait on one pod."""


@dataclass
class _Held:
    """The recording that this pod listens to. `untils`: the leases under which it has it, or asks to have it."""

    recording: Recording
    until: datetime
    untils: set[datetime] = field(default_factory=set)
    task: asyncio.Task[Transcript] | None = None
    is_lost: bool = False
    """Stopped, removed, or somebody else's: what is heard is of no use."""
    is_heard: bool = False

    def lose(self) -> None:
        self.is_lost = True
        if self.task is not None and not self.is_heard:
            self.task.cancel()


class Transcriptions:
    """Owns the task that listens. Hears all events of the rooms here; which pod listens, the room decides."""

    def __init__(
        self,
        listener: Listener | None,
        directory: Directory,
        clock: Clock,
        pace: TranscriptionPace | None = None,
        *,
        serves: bool = True,
    ) -> None:
        """`listener`: None where nothing can be heard. `serves`: False for a command line, which leaves it to servers."""
        self._listener = listener
        self._directory = directory
        self._clock = clock
        self._pace = pace or TranscriptionPace()
        self._serves = serves
        self._waiting: dict[AttachmentId, Recording] = {}
        self._wake = asyncio.Event()
        self._held: _Held | None = None
        self._tasks = asyncio.TaskGroup()
        self._loops: list[asyncio.Task[None]] = []
        self._is_open = False
        if listener is not None:
            directory.keep_while(self._needs)
            directory.greet(self.look_at)

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._is_open = True
        if self._listener is not None:
            self._loops = [
                self._tasks.create_task(self._work(self._listener), name="transcription"),
                self._tasks.create_task(self._sweep(), name="transcription sweep"),
            ]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """End what is being heard, and give it back to the queue for another pod."""
        self._is_open = False
        for loop in self._loops:
            loop.cancel()
        await self._tasks.__aexit__(None, None, None)
        held, self._held = self._held, None
        if held is not None:
            await self._tell(held.recording, Transcript(state=TranscriptState.QUEUED), held.until)

    def hear(self, host: RoomHost, events: Sequence[Event]) -> None:
        if not self._is_open:
            return
        for event in events:
            match event:
                case MessagePosted():
                    for one in event.message.attachments:
                        self._consider(Recording(host.room_id, event.message.id, event.actor_id, one.id), one)
                case AttachmentChanged():
                    self._check(event)
                    message = host.memory.held([event.message_id]).get(event.message_id)
                    author_id = message.author_id if message is not None else event.actor_id
                    changed = event.attachment
                    self._consider(Recording(host.room_id, event.message_id, author_id, changed.id), changed)
                case MessageDeleted() if self._held is not None:
                    if self._held.recording.message_id == event.message_id:
                        self._held.lose()
                case RoomDeleted() if self._held is not None:
                    if self._held.recording.room_id == host.room_id:
                        self._held.lose()
                case _:
                    pass

    def look_at(self, host: RoomHost) -> None:
        """Take up what a pod left that is gone: recordings among the last messages that nobody listens to."""
        if not self._is_open or host.room.state.is_deleted:
            return
        for message in host.memory.recent:
            for one in message.attachments:
                self._consider(Recording(host.room_id, message.id, message.author_id, one.id), one, is_news=False)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._pace.look_s)
            self.look()

    def look(self) -> None:
        """Look at every room that runs here."""
        for host in self._directory:
            self.look_at(host)

    def _needs(self, room_id: RoomId) -> bool:
        """Whether the events of a room must be heard: what is stopped there is not listened to any longer."""
        is_held = self._held is not None and self._held.recording.room_id == room_id
        return is_held or any(one.room_id == room_id for one in self._waiting.values())

    def _consider(self, recording: Recording, attachment: Attachment, *, is_news: bool = True) -> None:
        if not is_recording(attachment):
            return
        known = attachment.transcript
        if self._listener is None:
            if known is not None and known.state is TranscriptState.QUEUED and self._serves:
                reason = "this server does not turn speech into text"
                self._tasks.create_task(self._put(recording, failed(reason)))
        elif known is None and not is_news and len(self._waiting) >= self._pace.waiting:
            pass  # old ones have the time to wait for a later look
        elif known is None:
            self._tasks.create_task(self._put(recording, self._first_word(self._listener, attachment)))
        elif known.state is TranscriptState.QUEUED or (
            known.state is TranscriptState.RUNNING and known.until is not None and known.until <= self._clock.now()
        ):
            self._line_up(recording)

    def _first_word(self, listener: Listener, attachment: Attachment) -> Transcript:
        most_bytes = listener.limits.size_bytes
        if attachment.size > most_bytes:
            return failed(f"the recording is larger than {most_bytes / MIB:g} MiB")
        if len(self._waiting) >= self._pace.waiting:
            return failed("too many recordings wait: ask again later")
        return Transcript(state=TranscriptState.QUEUED)

    def _line_up(self, recording: Recording) -> None:
        """Let it wait for its turn. One too many stays queued in its room: a sweep brings it later."""
        held = self._held
        is_held = held is not None and held.recording.attachment_id == recording.attachment_id and not held.is_lost
        if not is_held and len(self._waiting) < self._pace.waiting:
            self._waiting.setdefault(recording.attachment_id, recording)
            self._wake.set()

    def _check(self, event: AttachmentChanged) -> None:
        """Somebody may have stopped what is being heard, or taken it off, or taken it over."""
        held = self._held
        if held is None or event.attachment.id != held.recording.attachment_id:
            return
        now = event.attachment.transcript
        if now is not None and now.state is TranscriptState.RUNNING and now.until in held.untils:
            # Also if it was stopped and queued again before it was claimed.
            held.is_lost = False
            held.until = now.until
        else:
            held.lose()

    async def _work(self, listener: Listener) -> None:
        while True:
            while not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            recording = self._waiting.pop(next(iter(self._waiting)))
            await self._listen(listener, recording)
            # Not in a finally: what is held when this ends is given back.
            self._held = None

    async def _listen(self, listener: Listener, recording: Recording) -> None:
        until = self._until()
        held = self._held = _Held(recording, until, {until})
        if not await self._tell(recording, _running(until)) or held.is_lost:
            return
        async with asyncio.TaskGroup() as tasks:
            held.task = tasks.create_task(
                listener.heard(
                    recording,
                    self._progress(recording),
                    lambda reason, wait_s: self._extend(held, reason, wait_s),
                )
            )
            over = asyncio.Event()
            held.task.add_done_callback(lambda _: over.set())
            tasks.create_task(self._renew(held, over))
        if held.task.cancelled() or held.is_lost:
            return
        held.is_heard = True
        transcript = held.task.result()
        _log.info("recording_heard", attachment=recording.attachment_id, state=transcript.state.value)
        await self._tell(recording, transcript, held.until, pauses_s=_TRY_LONG_S)

    async def _renew(self, held: _Held, over: asyncio.Event) -> None:
        """Until it is over; never broken off in the middle, so that it is known under which lease it is held."""
        while not over.is_set():
            try:
                async with asyncio.timeout(self._pace.renew_s):
                    await over.wait()
            except TimeoutError:
                await self._extend(held)

    async def _extend(self, held: _Held, reason: str = "", wait_s: float = 0.0) -> None:
        """Keep the lease for longer; whoever has it instead is heard of as an event."""
        until = self._until(wait_s)
        held.untils.add(until)
        if await self._tell(held.recording, _running(until, reason), held.until):
            held.until = until

    def _until(self, wait_s: float = 0.0) -> datetime:
        return self._clock.now() + timedelta(seconds=self._pace.lease_s + wait_s)

    def _progress(self, recording: Recording) -> Callable[[float], None]:
        told_at_s: float | None = None

        def tell(done: float) -> None:
            nonlocal told_at_s
            now_s = self._clock.monotonic_s()
            host = self._directory.running(recording.room_id)
            if host is None or done >= 1.0 or (told_at_s is not None and now_s - told_at_s < PROGRESS_S):
                return
            told_at_s = now_s
            host.memory.signal(
                TranscriptProgress(
                    room_id=recording.room_id,
                    message_id=recording.message_id,
                    attachment_id=recording.attachment_id,
                    done=round(done, 3),
                )
            )

        return tell

    async def _put(self, recording: Recording, transcript: Transcript) -> None:
        await self._tell(recording, transcript)

    async def _tell(
        self,
        recording: Recording,
        transcript: Transcript,
        claim: datetime | None = None,
        *,
        pauses_s: Sequence[float] = _TRY_AGAIN_S,
    ) -> bool:
        """Write it into the room; False if the room does not take it, or the database is away for too long."""
        command = SetTranscript(
            message_id=recording.message_id,
            attachment_id=recording.attachment_id,
            transcript=transcript,
            claim=claim,
        )
        key = self._clock.new_id()
        for pause_s in (*pauses_s, None):
            try:
                host = await self._directory.host(recording.room_id)
                await host.ask(recording.author_id, command, key=key, origin="server")
            except Refused as refused:
                if refused.code not in PASSING:
                    return False
            except (StorageUnavailable, OutcomeUnknown):
                pass
            else:
                return True
            if pause_s is not None:
                await asyncio.sleep(pause_s)
        # A sweep finds it again: queued, or overdue.
        _log.warning("transcript_not_told", attachment=recording.attachment_id, state=transcript.state.value)
        return False


def _running(until: datetime, reason: str = "") -> Transcript:
    return Transcript(state=TranscriptState.RUNNING, until=until, reason=reason)
