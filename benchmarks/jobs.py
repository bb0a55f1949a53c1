"""What the load generator's process is asked to do, and what it reports: one line of JSON each."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Dialect = Literal["multiplayer", "naive"]


class Words(BaseModel):
    model_config = ConfigDict(frozen=True)


class Place(Words):
    """A room on a server, and who listens there: one connection each. For the naive peer `tokens` are names."""

    dialect: Dialect
    port: int
    room_id: str
    tokens: tuple[str, ...]


class RoomJob(Words):
    """Messages into one room: with `rate_per_s` on a fixed schedule, else as many in flight as there are senders."""

    type: Literal["room"] = "room"
    place: Place
    run: str
    """Stands in every key, so that no two runs share one."""
    senders: int
    for_s: float
    at_most: int
    seed: int
    rate_per_s: float | None = None
    warm_up: int = 50
    """Messages before the measuring starts."""


class IdleJob(Words):
    """Sessions that join a room and then do nothing, until the generator is told to go on."""

    type: Literal["idle"] = "idle"
    places: tuple[Place, ...]


class FirstWordsJob(Words):
    """Mentions of the AI, one turn after the other."""

    type: Literal["first_words"] = "first_words"
    place: Place
    run: str
    turns: int


class NlwebJob(Words):
    """Questions to an NLWeb site, each asked twice: directly, and through a room of one person and one member."""

    type: Literal["nlweb"] = "nlweb"
    place: Place
    run: str
    site: str
    """Its base URL."""
    handle: str
    """Whom the room calls the site."""
    pairs: int
    warm_up: int = 5


Job = RoomJob | IdleJob | FirstWordsJob | NlwebJob
job_adapter: TypeAdapter[Job] = TypeAdapter(Annotated[Job, Field(discriminator="type")])


class RoomReport(Words):
    """`faults` empty: nothing was lost and all receivers had the same order. Otherwise the run has no speed."""

    type: Literal["room"] = "room"
    sent: int
    """In the measured part."""
    posted: int
    """With the warm-up: what the database must hold."""
    deliveries: int
    for_s: float
    ack_ms: tuple[float, float]
    """p50, p99."""
    delivery_ms: tuple[float, float]
    """p50, p99, over all members, from the planned send."""
    lines_per_frame: float
    generator_cpu_s: float
    faults: tuple[str, ...]


class IdleReport(Words):
    type: Literal["idle"] = "idle"
    sessions: int
    connected_in_s: float
    faults: tuple[str, ...]


class FirstWordsReport(Words):
    type: Literal["first_words"] = "first_words"
    first_delta_ms: tuple[float, ...]
    """Of each turn, from the mention's send to the member who had it last."""
    ack_ms: tuple[float, ...]
    faults: tuple[str, ...]


class Asked(Words):
    """Milliseconds from the send of one question. First and last: of what holds a part of the answer."""

    first_ms: float
    last_ms: float


class NlwebReport(Words):
    type: Literal["nlweb"] = "nlweb"
    direct: tuple[Asked, ...]
    room: tuple[Asked, ...]
    """The same questions, in the same order."""
    header_ms: tuple[float, ...]
    """Of each direct asking, to the header that a site sends before it has looked for anything."""
    ack_ms: tuple[float, ...]
    """Of each message to the room, to its acknowledgement."""
    for_s: float
    generator_cpu_s: float
    faults: tuple[str, ...]


class Ready(Words):
    """Everyone is connected; the measured part starts when the generator hears a line."""

    type: Literal["ready"] = "ready"


class Failed(Words):
    type: Literal["failed"] = "failed"
    why: str


Report = RoomReport | IdleReport | FirstWordsReport | NlwebReport | Ready | Failed
report_adapter: TypeAdapter[Report] = TypeAdapter(Annotated[Report, Field(discriminator="type")])
