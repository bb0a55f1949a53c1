"""What the browser's process is told and tells, one line of JSON each: the words of `web/bench/run.mjs`."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel


class Words(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class OwnSize(Words):
    rounds: int
    messages: int
    """In each round, on each page."""


class WebSize(Words):
    loads: int
    """Cold and warm, each so often."""
    rest_ms: int
    """What comes later than this after a page can be used was not needed for it."""
    scroll_ms: int
    own: OwnSize
    switch_rounds: int
    lighthouse_times: int


class RoomAt(Words):
    id: str
    name: str
    words: str
    """They stand in every message of it."""


class Rooms(Words):
    empty: RoomAt
    long: RoomAt
    switched: list[RoomAt]


class WebJob(Words):
    url: str
    link: str
    """Signs in, once."""
    chromium: str
    rooms: Rooms
    size: WebSize


class Sent(Words):
    """KB that came over the wire."""

    kb: float
    script_kb: float
    scripts: int


class Load(Sent):
    ready_ms: float
    """From the start of the navigation to the end of the frame that has what is waited for."""
    later: Sent
    """What was sent in all, a while after that."""


class ColdAndWarm(Words):
    cold: list[Load]
    warm: list[Load]


class Loads(Words):
    sign_in: ColdAndWarm
    room: ColdAndWarm


class Frames(Words):
    frames: list[float]
    """Milliseconds between one and the next."""
    busy: float
    """Of a processor, what the main thread used."""
    script: float
    layout: float


class Backwards(Words):
    first_article_ms: float
    nodes: int
    scroll: Frames


class Held(Words):
    loaded_ms: float
    nodes: int
    heap_mb: float
    scroll: Frames


class Written(Words):
    changes: list[int]
    """How often the list was written to in a frame, for each in which it was."""


class Reading(Words):
    busy: float
    shift: float
    drift: float | None
    """Pixels that the row in the middle moved; None where it went away."""


class Writing(Words):
    written: Written
    at_end: Frames
    nodes: int
    scroll: Frames
    reading: Reading
    words_per_s: float


class Long(Words):
    bare_scroll: list[Frames]
    backwards: Backwards
    held: Held
    writing: Writing


class OwnTimes(Words):
    """Milliseconds since the event of Enter."""

    in_page: list[float]
    frame: list[float]
    screen: list[float]


class Own(Words):
    bare: OwnTimes
    empty: OwnTimes
    long: OwnTimes


class Switches(Words):
    opened: list[float]
    again: list[float]


class Failed(Words):
    id: str
    score: float | None
    shown: str


class Audit(Words):
    """One run of Lighthouse. None: what it could not find out."""

    page: str
    form: str
    scores: dict[str, float | None]
    failed: dict[str, list[Failed]]
    lcp_ms: float | None
    fcp_ms: float | None
    tbt_ms: float | None
    shift: float | None
    version: str


class ModelIs(Words):
    kind: Literal["model"]
    url: str


class BrowserIs(Words):
    kind: Literal["browser"]
    version: str


class Next(Words):
    """Waits for a line before it begins with this part."""

    kind: Literal["next"]
    text: str


class Say(Words):
    kind: Literal["say"]
    text: str


class FoundLoads(Words):
    part: Literal["loads"]
    facts: Loads


class FoundLong(Words):
    part: Literal["long"]
    facts: Long


class FoundOwn(Words):
    part: Literal["own"]
    facts: Own


class FoundSwitches(Words):
    part: Literal["switches"]
    facts: Switches


class FoundAudits(Words):
    part: Literal["lighthouse"]
    facts: list[Audit]


class Fault(Words):
    kind: Literal["fault"]
    text: str


class Done(Words):
    kind: Literal["done"]


Part = Annotated[FoundLoads | FoundLong | FoundOwn | FoundSwitches | FoundAudits, Field(discriminator="part")]


class Found(Words):
    kind: Literal["found"]
    found: Part


Line = Annotated[ModelIs | BrowserIs | Next | Say | Found | Fault | Done, Field(discriminator="kind")]
line_adapter: TypeAdapter[Line] = TypeAdapter(Line)
