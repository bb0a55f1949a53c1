"""A transcriber behind an OpenAI-compatible HTTP address: OpenAI, Groq, vLLM, speaches, whisper.cpp's own server."""

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, NoReturn, TypeAlias

import httpx
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from multiplayer.models.audio_bytes import CONTENT_TYPES, AudioBytes, audio_bytes
from multiplayer.models.openai_compatible import check_address
from multiplayer.models.openai_wire import clean_detail, parse_completion
from multiplayer.models.port import ModelBroke
from multiplayer.models.retry import parse_retry_after
from multiplayer.models.tool_calls import mend_text
from multiplayer.models.transcriber import (
    Audio,
    AudioTooLong,
    NotAudio,
    RisingProgress,
    Segment,
    TranscriberDenied,
    TranscriberFailure,
    TranscriberLimits,
    TranscriberUnavailable,
    Transcript,
)

_MOST_ANSWER_BYTES: Final = 4 * 1024 * 1024
_SLOWEST_BYTES_A_S: Final = 64 * 1024
"""An upload that is slower than this on the whole is given up."""
_SENT_SHARE: Final = 0.5
"""Of the progress, when the last byte has gone out."""
_TOO_SLOW: Final = "The speech-to-text service did not answer in time."
_REFUSED_AS_IT_IS: Final = frozenset({400, 422})
"""The statuses with which a service refuses what the request holds."""
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?=\Z|[-_])")
_SAYS_LANGUAGE: Final = re.compile(r"\blanguage\b", re.IGNORECASE)
_SAYS_SETUP: Final = re.compile(r"\b(?:model|url|endpoint|key|quota|billing|account)\b", re.IGNORECASE)
_SAYS_FORMAT: Final = re.compile(r"response_format|verbose_json", re.IGNORECASE)
_SAYS_TOO_LONG: Final = re.compile(
    r"too (?:long|large|big)|(?:maximum|limit|exceed)[^.]{0,60}(?:duration|seconds|size|bytes|MB)|"
    r"(?:duration|size|length)[^.]{0,60}(?:maximum|limit|exceed)",
    re.IGNORECASE,
)
_SAYS_NOT_AUDIO: Final = re.compile(
    r"\b(?:audio|decod\w*|corrupt\w*|(?:file|media) (?:format|type)|unsupported (?:file|media))\b", re.IGNORECASE
)
_Format: TypeAlias = Literal["verbose_json", "json"]
_Seconds: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Line(_Lenient):
    start: _Seconds
    end: _Seconds
    text: str


class _Heard(_Lenient):
    text: str
    language: object = None
    duration: object = None
    segments: object = None


_LINES: Final = TypeAdapter(list[_Line])
_DURATION: Final = TypeAdapter(_Seconds)


@dataclass(frozen=True, slots=True)
class SpeechEndpoint:
    """Where recordings are sent: `base_url` ends before `/audio/transcriptions`; the key is kept apart.

    `allows_plain_http` is the operator's explicit word that key and recordings may cross the network in the clear.
    """

    base_url: str
    model_name: str
    allows_plain_http: bool = False


def speech_address(base_url: str, *, allows_plain_http: bool) -> httpx.URL:
    """Return the address to post to. Raises `ValueError`: it is not safe to send a key there."""
    chat = check_address(base_url, allows_plain_http=allows_plain_http)
    return chat.copy_with(path=chat.path.removesuffix("/chat/completions") + "/audio/transcriptions")


class WhisperHttp:
    """See `Transcriber`. The size is bounded here; how long a recording may last is the service's own matter.

    `answer_s` is how long the service may take from the last byte sent to its answer. `now` is the wall clock, for a
    `Retry-After` that is a date. `make_boundary` gives a word that occurs in no recording.
    """

    def __init__(
        self,
        endpoint: SpeechEndpoint,
        key: str,
        *,
        limits: TranscriberLimits | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        make_boundary: Callable[[], str] = lambda: f"multiplayer-{uuid.uuid4().hex}",
        answer_s: float = 600.0,
    ) -> None:
        if not all("!" <= character <= "~" for character in key):
            raise ValueError("the key of the speech-to-text service holds characters that no key has")
        self._endpoint = endpoint
        self._url = speech_address(endpoint.base_url, allows_plain_http=endpoint.allows_plain_http)
        self._key = key
        self._limits = limits or TranscriberLimits()
        self._now = now
        self._make_boundary = make_boundary
        self._answer_s = answer_s
        self._format: _Format = "verbose_json"
        # trust_env would let variables outside our settings send the key through a proxy. A recording comes seldom:
        # connections kept open would be stale by then.
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            timeout=httpx.Timeout(connect=10.0, read=answer_s, write=30.0, pool=answer_s),
            limits=httpx.Limits(max_connections=4, max_keepalive_connections=0),
        )

    @property
    def limits(self) -> TranscriberLimits:
        return self._limits

    async def transcribe(
        self, audio: Audio, *, content_type: str, language_hint: str | None, on_progress: Callable[[float], None]
    ) -> Transcript:
        """See `Transcriber.transcribe`. Asked again only without a form of answer or a language that the model refused."""
        if self._client.is_closed:
            raise TranscriberUnavailable("This server is about to stop.")
        rising = RisingProgress(on_progress)
        async with audio_bytes(audio, self._limits, content_type) as opened:
            deadline = asyncio.timeout(self._answer_s + opened.size / _SLOWEST_BYTES_A_S)
            try:
                async with deadline:
                    transcript = await self._asked(opened, language_hint, rising.take)
            except TimeoutError:
                if not deadline.expired():
                    raise
                raise TranscriberUnavailable(_TOO_SLOW) from None
        on_progress(1.0)
        return transcript

    async def aclose(self) -> None:
        """See `Transcriber.aclose`."""
        await self._client.aclose()

    async def _asked(self, audio: AudioBytes, hint: str | None, on_progress: Callable[[float], None]) -> Transcript:
        """Send the recording and read the answer; again, without what this model does not know."""
        while True:
            asked = self._format
            response, body = await self._exchanged(self._request(audio, hint, asked, on_progress))
            if response.status_code == 200:
                return _transcript(response, body)
            complaint = _complaint(body, self._key)
            is_about_form = response.status_code in _REFUSED_AS_IT_IS
            if is_about_form and asked != "json" and _SAYS_FORMAT.search(complaint):
                self._format = "json"
            elif is_about_form and hint is not None and _SAYS_LANGUAGE.search(complaint):
                hint = None
            else:
                self._refuse(response, complaint)

    async def _exchanged(self, request: httpx.Request) -> tuple[httpx.Response, bytes | None]:
        """Return the answer with its body, None if that is too big. Raises `TranscriberUnavailable`."""
        try:
            response = await self._client.send(request, stream=True)
            try:
                return response, await _read_up_to(response, _MOST_ANSWER_BYTES)
            finally:
                await response.aclose()
        except httpx.TimeoutException as error:
            raise TranscriberUnavailable(_TOO_SLOW) from error
        except (httpx.TransportError, httpx.StreamError) as error:
            raise TranscriberUnavailable("The speech-to-text service cannot be reached, or broke off.") from error

    def _request(
        self, audio: AudioBytes, hint: str | None, answer_format: _Format, on_progress: Callable[[float], None]
    ) -> httpx.Request:
        boundary = self._make_boundary()
        fields = {"model": self._endpoint.model_name, "response_format": answer_format}
        if hint is not None and (language := _LANGUAGE.match(hint.lower())):
            fields["language"] = language.group()
        head = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ) + (
            # The service goes by the ending; the person's own file name is nobody's business there.
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="recording.{audio.kind}"\r\n'
            f"Content-Type: {CONTENT_TYPES[audio.kind]}\r\n\r\n"
        )
        first, last = head.encode(), f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "content-type": f"multipart/form-data; boundary={boundary}",
            "content-length": str(len(first) + audio.size + len(last)),
            "accept": "application/json",
            "accept-encoding": "identity",
        }
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        return self._client.build_request(
            "POST", self._url, headers=headers, content=_form(first, audio, last, on_progress)
        )

    def _refuse(self, response: httpx.Response, complaint: str) -> NoReturn:
        status = response.status_code
        if status in {408, 425, 429} or status >= 500:
            header = response.headers.get("retry-after")
            reason = (
                "The speech-to-text service has too many requests at the moment."
                if status == 429
                else f"The speech-to-text service has a problem of its own (status {status})."
            )
            raise TranscriberUnavailable(reason, None if header is None else parse_retry_after(header, self._now()))
        if 300 <= status < 400:
            raise TranscriberDenied(
                "The speech-to-text service points to another address, and the key is not sent there."
            )
        said = f" It says: {complaint}" if complaint and status != 401 else ""
        raise _refusal(status, complaint)(
            _REASONS.get(status, f"The speech-to-text service refused (status {status}).") + said
        )


_REASONS: Final = {
    401: "The speech-to-text service did not accept this server's key; its operator must check it.",
    402: "This server's account at the speech-to-text service has no credit left; its operator must top it up.",
    403: "The speech-to-text service did not accept this server's key; its operator must check it.",
    404: "The speech-to-text service does not know this model or address; the server's operator must check them.",
    413: "The recording is too large for the speech-to-text service.",
    415: "The speech-to-text service does not read recordings of this kind.",
}


async def _form(
    first: bytes, audio: AudioBytes, last: bytes, on_progress: Callable[[float], None]
) -> AsyncIterator[bytes]:
    yield first
    sent = 0
    async with aclosing(audio.pieces()) as pieces:
        async for piece in pieces:
            yield piece
            sent += len(piece)
            on_progress(_SENT_SHARE * sent / audio.size)
    yield last


def _transcript(response: httpx.Response, body: bytes | None) -> Transcript:
    """Return what a good answer says; raises `TranscriberFailure` if it is none."""
    if "text/html" in response.headers.get("content-type", "").lower():
        raise TranscriberDenied("The speech-to-text service answered with a web page: is its address right?")
    broken = TranscriberUnavailable("The speech-to-text service sent something that is no transcript.")
    if body is None or response.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise broken
    try:
        heard = _Heard.model_validate(json.loads(body))
    except (ValueError, RecursionError):
        raise broken from None
    return Transcript(
        mend_text(heard.text).strip(),
        heard.language.lower() if isinstance(heard.language, str) and heard.language else None,
        _duration(heard.duration),
        _segments(heard.segments),
    )


def _refusal(status: int, complaint: str) -> type[TranscriberFailure]:
    """Return whose fault a refusal is: the recording's, or whoever set this server up."""
    is_about_form = status in _REFUSED_AS_IT_IS
    if status == 413 or (is_about_form and _SAYS_TOO_LONG.search(complaint)):
        return AudioTooLong
    if status == 415 or (is_about_form and _SAYS_NOT_AUDIO.search(complaint) and not _SAYS_SETUP.search(complaint)):
        return NotAudio
    return TranscriberDenied


def _complaint(body: bytes | None, key: str) -> str:
    """Return the service's own words about an error, cleaned; empty if there are none."""
    try:
        return clean_detail(parse_completion((body or b"").decode(errors="replace")).complaint or "", key)
    except ModelBroke:
        return ""


def _duration(told: object) -> float | None:
    try:
        return _DURATION.validate_python(told)
    except ValidationError:
        return None


def _segments(told: object) -> tuple[Segment, ...]:
    """Return the segments if all of them can be read: the text is worth having without."""
    try:
        return tuple(
            Segment(line.start, line.end, mend_text(line.text).strip()) for line in _LINES.validate_python(told)
        )
    except ValidationError:
        return ()


async def _read_up_to(response: httpx.Response, limit: int) -> bytes | None:
    """Return the body, or None when it is longer. Never unpacked: that would have no bounds."""
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > limit:
            return None
    return bytes(body)
