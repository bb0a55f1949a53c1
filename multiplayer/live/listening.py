"""One recording on its way to its words: its bytes brought, listened to, and again while whoever listens is away."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import structlog

from multiplayer.blobs.port import BlobMissing, Blobs, BlobsFault, content_key
from multiplayer.models.tool_calls import mend_text
from multiplayer.models.transcriber import Transcriber, TranscriberFailure, TranscriberUnavailable
from multiplayer.protocol.attachments import MAX_TRANSCRIPT, Transcript, TranscriptState
from multiplayer.protocol.ids import AccountId, AttachmentId, MessageId, RoomId
from multiplayer.storage.port import Storage, StorageUnavailable

PAUSES_S: Final = (5.0, 30.0, 120.0)
"""Before each further try, at least; whoever listens may ask for more."""
LONGEST_PAUSE_S: Final = 600.0
_MOST_REASON: Final = 500
_MOST_LANGUAGE: Final = 40
_CUT: Final = " …"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Recording:
    room_id: RoomId
    message_id: MessageId
    author_id: AccountId
    attachment_id: AttachmentId


class _Away(Exception):  # noqa: N818 - the world's state
    """Not now; `str()` of it is a sentence for the people in the room."""

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Listener:
    """`folder` is ours alone, for recordings while they are listened to. `pauses_s`: before each further try."""

    def __init__(
        self,
        transcriber: Transcriber,
        storage: Storage,
        blobs: Blobs,
        folder: Path,
        pauses_s: tuple[float, ...] = PAUSES_S,
    ) -> None:
        self.limits = transcriber.limits
        self._transcriber = transcriber
        self._storage = storage
        self._blobs = blobs
        self._folder = folder
        self._pauses_s = pauses_s

    async def heard(
        self,
        recording: Recording,
        on_progress: Callable[[float], None],
        on_pause: Callable[[str, float], Awaitable[None]],
    ) -> Transcript:
        """Return what came of it, done or failed.

        `on_pause` is told why it is tried again, and in how many seconds, and is waited for.
        """
        for pause_s in (*self._pauses_s, None):
            try:
                return await self._heard_once(recording, on_progress)
            except TranscriberFailure as failure:
                return failed(str(failure))
            except _Away as away:
                if pause_s is None:
                    return failed(str(away))
                wait_s = min(max(pause_s, away.retry_after_s or 0.0), LONGEST_PAUSE_S)
                await on_pause(str(away)[:_MOST_REASON], wait_s)
                await asyncio.sleep(wait_s)
        raise AssertionError("the last try ends it")

    async def _heard_once(self, recording: Recording, on_progress: Callable[[float], None]) -> Transcript:
        """Raises `_Away`, and `TranscriberFailure` for what asking again does not help."""
        try:
            with tempfile.TemporaryFile(dir=self._folder) as spooled:
                content_type = await self._spool(recording, spooled)
                said = await self._transcriber.transcribe(
                    spooled, content_type=content_type, language_hint=None, on_progress=on_progress
                )
        except TranscriberUnavailable as away:
            raise _Away(str(away), away.retry_after_s) from away
        except BlobMissing:
            return failed("the bytes of this file are not where they should be")
        except BlobsFault as fault:
            raise _Away("the file store does not answer") from fault
        except StorageUnavailable as fault:
            raise _Away("the database cannot be reached") from fault
        except OSError as error:
            _log.warning("recording_not_read", attachment=recording.attachment_id, error=str(error))
            raise _Away("the recording cannot be laid aside on this server") from error
        text = mend_text(said.text).strip()
        if len(text) > MAX_TRANSCRIPT:
            text = text[: MAX_TRANSCRIPT - len(_CUT)] + _CUT
        language = mend_text(said.language or "")[:_MOST_LANGUAGE]
        return Transcript(state=TranscriptState.DONE, text=text, language=language)

    async def _spool(self, recording: Recording, spooled: IO[bytes]) -> str:
        """Bring the bytes; return their type."""
        found = (await self._storage.uploads([recording.attachment_id])).get(recording.attachment_id)
        if found is None or found.sha256 is None:
            raise BlobMissing("removed meanwhile")
        async for piece in self._blobs.read(content_key(found.sha256)):
            await asyncio.to_thread(spooled.write, piece)
        await asyncio.to_thread(_rewind, spooled)
        return found.attachment.content_type


def failed(reason: str) -> Transcript:
    return Transcript(state=TranscriptState.FAILED, reason=mend_text(reason)[:_MOST_REASON])


def _rewind(file: IO[bytes]) -> None:
    file.flush()
    file.seek(0)
