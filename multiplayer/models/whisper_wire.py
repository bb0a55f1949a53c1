"""What the server and its Whisper worker say to each other: one JSON object a line, and a recording's bytes after its job."""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from multiplayer.models.audio_bytes import AudioKind

MOST_LINE_BYTES: Final = 2 * 1024 * 1024
"""Of an answer with all its segments; half an hour of fast speech is some 40 KB."""
_Seconds: TypeAlias = Annotated[float, Field(ge=0, le=24 * 3600.0, allow_inf_nan=False)]


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Setup(_Said):
    """The first line to the worker. `uid`: as root, who it becomes before it reads anything of anybody's."""

    weights: str
    threads: int
    memory_bytes: int
    uid: int | None


class Job(_Said):
    """A recording; its `size` bytes follow the line."""

    kind: AudioKind
    size: int
    duration_limit_s: float
    language: str | None


class Ready(_Said):
    """The model is loaded, and all rights are given up."""

    said: Literal["ready"] = "ready"


class CannotStart(_Said):
    """The weights or a library cannot be loaded."""

    said: Literal["cannot_start"] = "cannot_start"
    reason: str


class Measured(_Said):
    """The recording is decoded, and this long."""

    said: Literal["measured"] = "measured"
    duration_s: _Seconds


class Progress(_Said):
    said: Literal["progress"] = "progress"
    share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Line(_Said):
    """One segment of a transcript."""

    start_s: _Seconds
    end_s: _Seconds
    text: str


class Done(_Said):
    said: Literal["done"] = "done"
    text: str
    language: str
    lines: list[Line]


class Refused(_Said):
    """The recording cannot be heard; the worker is ready for the next."""

    said: Literal["refused"] = "refused"
    why: Literal["not_audio", "too_long"]


Answer: TypeAlias = Annotated[Ready | CannotStart | Measured | Progress | Done | Refused, Field(discriminator="said")]
ANSWERS: Final[TypeAdapter[Answer]] = TypeAdapter(Answer)
