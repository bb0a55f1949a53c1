"""What an extraction process said, taken as a stranger's words: parsed strictly, bounded, and put in plain words."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from multiplayer.tools.extraction.cleaning import cleaned
from multiplayer.tools.extraction.job import ExtractionLimits, Problem
from multiplayer.tools.extraction.thumbnails import THUMBNAIL_TYPE, webp_size
from multiplayer.tools.limits import KIB, MIB

_STOPPED: Final = "Reading it took more time or memory than a file may cost, or broke the reader."
_TOO_LONG: Final = "Reading it took too long."
_LIED: Final = "What was read out of it makes no sense, so it was left."
_MOST: Final = 2**31


@dataclass(frozen=True, slots=True)
class Extracted:
    """What was read out of a file. With a `problem` the rest is what was known until then."""

    width: int | None = None
    """In pixels, as it is seen: turned as the picture says it is to be."""
    height: int | None = None
    pages: int | None = None
    """Of a PDF; slides of a presentation."""
    text: str | None = None
    """Of a stranger, cleaned of what cannot be seen. Of an archive, the list of what is in it."""
    is_text_cut: bool = False
    is_encoding_guessed: bool = False
    """The text is neither UTF-8 nor marked: letters that are not English may be wrong."""
    thumbnail: bytes | None = None
    thumbnail_type: str | None = None
    problem: str | None = None
    """A sentence for people: why something is missing."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    ready: bool | None = None
    width: Annotated[int, Field(ge=1, lt=_MOST)] | None = None
    height: Annotated[int, Field(ge=1, lt=_MOST)] | None = None
    pages: Annotated[int, Field(ge=0, lt=_MOST)] | None = None
    text: str | None = None
    cut: bool = False
    guessed: bool = False
    thumbnail: Base64Bytes | None = None
    problem: Annotated[Problem, Field(strict=False)] | None = None
    done: bool = False


READY: Final = b'{"ready": true}\n'


def most_bytes(limits: ExtractionLimits) -> int:
    """More than this no honest process says."""
    return 4 * limits.max_characters + 2 * limits.thumbnail_bytes + 1024 * KIB


def extracted(said: bytes, limits: ExtractionLimits, *, is_late: bool, is_flood: bool) -> Extracted:
    """Put together what a process said until it ended, or was killed for being late or saying too much."""
    if is_flood:
        return Extracted(problem=_LIED)
    *whole, rest = said.removeprefix(READY).split(b"\n")
    try:
        lines = [_Line.model_validate_json(line) for line in whole]
    except ValidationError:
        return Extracted(problem=_LIED)
    is_done = bool(lines) and (lines[-1].done or lines[-1].problem is not None)
    problem = next((_sentence(line.problem, limits) for line in lines if line.problem is not None), None)
    if problem is None and not (is_done and not rest):
        problem = _TOO_LONG if is_late else _STOPPED
    texts = [line.text for line in lines if line.text is not None]
    text = cleaned("".join(texts)) if texts else None
    sizes = [(line.width, line.height) for line in lines if line.width is not None and line.height is not None]
    width, height = sizes[-1] if sizes else (None, None)
    thumbnail = next((line.thumbnail for line in lines if line.thumbnail is not None), None)
    if text is not None and len(text) > limits.max_characters:
        return Extracted(problem=_LIED)
    if thumbnail is not None and not _is_small_picture(thumbnail, limits):
        return Extracted(problem=_LIED)
    return Extracted(
        width=width,
        height=height,
        pages=next((line.pages for line in lines if line.pages is not None), None),
        text=text,
        is_text_cut=any(line.cut for line in lines) or (text is not None and problem is not None),
        is_encoding_guessed=any(line.guessed for line in lines),
        thumbnail=thumbnail,
        thumbnail_type=None if thumbnail is None else THUMBNAIL_TYPE,
        problem=problem,
    )


def _is_small_picture(data: bytes, limits: ExtractionLimits) -> bool:
    size = webp_size(data) if len(data) <= limits.thumbnail_bytes else None
    return size is not None and all(0 < side <= limits.thumbnail_px for side in size)


def _sentence(problem: Problem, limits: ExtractionLimits) -> str:
    match problem:
        case Problem.DAMAGED:
            return "It is damaged, or not what it says it is."
        case Problem.MEMORY:
            return "Reading it takes more memory than a file may cost."
        case Problem.PIXELS:
            return f"The picture has more than {limits.max_pixels / 1e6:g} million pixels."
        case Problem.FRAMES:
            return f"The picture has more than {limits.max_frames:,} frames."
        case Problem.PROTECTED:
            return "It is protected with a password."
        case Problem.UNPACKED:
            return f"What is packed in it is larger than {limits.max_unpacked_bytes // MIB:,} MiB."
        case Problem.ENTRIES:
            return f"More than {limits.max_entries:,} files are packed in it."
        case Problem.RATIO:
            return f"What is packed in it claims to be more than {limits.max_ratio} times as large as it is here."
        case Problem.OVERLAP:
            return "Files packed in it share their bytes."
        case Problem.NAMES:
            return "A file packed in it has a name that leads elsewhere."
        case Problem.LINKS:
            return "There are links packed in it."
        case Problem.SPECIAL:
            return "Something is packed in it that is neither file nor folder."
        case Problem.PAGES:
            return "Some of its pages are damaged: their text is missing."
