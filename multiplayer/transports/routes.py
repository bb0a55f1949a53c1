"""One registry of operations, from which both the routing and the OpenAPI page are made: who may call what, with which body."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final, Generic, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from multiplayer.live.pod import Pod
from multiplayer.live.room_host import RoomHost
from multiplayer.protocol.codec import JsonObject, Malformed, Unreadable, explain, parse_object
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, MessageId, RoomId, TurnId
from multiplayer.protocol.members import Member
from multiplayer.protocol.values import Frozen
from multiplayer.rooms.deciding import no_such_room
from multiplayer.rooms.permissions import Right
from multiplayer.transports.callers import Caller, caller_of, check_origin
from multiplayer.transports.config import HttpConfig
from multiplayer.transports.peers import Peer, peer_of
from multiplayer.transports.problems import RefusedWithStatus, problem
from multiplayer.transports.rate_limits import RateLimit

_ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
TABS: Final = 5
"""How many sessions' worth of commands an account may send by POST: several tabs, and not several tokens more."""
READS_PER_S: Final = 50.0
READS_BURST: Final = 100.0
HEAVY_READS_PER_MIN: Final = 120.0
HEAVY_READS_BURST: Final = 30.0
CONTENTS_PER_S: Final = 300.0
CONTENTS_BURST: Final = 1_000.0
_PLACE: Final = re.compile(r"\{(\w+)\}")


class Nothing(Frozen):
    """No body, or no query."""


class Access(StrEnum):
    """Who may call. What is refused to someone outside a room looks like a room that is not there."""

    OPEN = "anyone"
    OPTIONAL = "anyone; signed in it acts for the account"
    SIGNED_IN = "signed in"
    MEMBER = "member of the room"
    OPERATOR = "operator of the server"


@dataclass(frozen=True)
class Site:
    """What the handlers share."""

    pod: Pod
    config: HttpConfig
    logins_by_address: RateLimit
    logins_by_handle: RateLimit
    tickets: RateLimit
    commands: RateLimit
    """What one session may send."""

    @cached_property
    def commands_of_account(self) -> RateLimit:
        return self.commands.times(TABS)

    @cached_property
    def heavy_reads_of_account(self) -> RateLimit:
        """What makes this process think: prompts built for a look, rules rehearsed, digests made."""
        monotonic_s = self.pod.clock.monotonic_s
        return RateLimit("such looks at once", monotonic_s, per_min=HEAVY_READS_PER_MIN, burst=HEAVY_READS_BURST)

    @cached_property
    def reads_of_account(self) -> RateLimit:
        """Pages of messages and events, searches, and streams that begin: what asks the database for much."""
        monotonic_s = self.pod.clock.monotonic_s
        return RateLimit("reads at once", monotonic_s, per_min=READS_PER_S * 60, burst=READS_BURST)

    @cached_property
    def contents_of_account(self) -> RateLimit:
        """Files of a workspace that a folder elsewhere follows: mostly small ones, and at first all of them."""
        monotonic_s = self.pod.clock.monotonic_s
        return RateLimit("files at once", monotonic_s, per_min=CONTENTS_PER_S * 60, burst=CONTENTS_BURST)


B = TypeVar("B")
Q = TypeVar("Q")
BodyT_co = TypeVar("BodyT_co", covariant=True)
QueryT_co = TypeVar("QueryT_co", covariant=True)


@dataclass(frozen=True)
class Call(Generic[BodyT_co, QueryT_co]):
    """One request, checked: the caller is who it says, body and query are what the operation takes."""

    site: Site
    request: Request
    peer: Peer
    body: BodyT_co
    query: QueryT_co
    maybe_caller: Caller | None
    maybe_host: RoomHost | None

    @property
    def pod(self) -> Pod:
        return self.site.pod

    @property
    def caller(self) -> Caller:
        assert self.maybe_caller is not None, "this operation is open to anyone"
        return self.maybe_caller

    @property
    def account_id(self) -> AccountId:
        return self.caller.account_id

    @property
    def host(self) -> RoomHost:
        """The room, where the operation is for members only."""
        assert self.maybe_host is not None, "this operation does not check membership"
        return self.maybe_host

    @property
    def member(self) -> Member:
        return self.host.room.reader(self.account_id)

    @property
    def room_id(self) -> RoomId:
        return RoomId(room_id_of(self.request))

    @property
    def message_id(self) -> MessageId:
        return MessageId(self.place("message_id"))

    @property
    def turn_id(self) -> TurnId:
        return TurnId(self.place("turn_id"))

    def place(self, name: str) -> str:
        """Return an id from the path; what cannot be an id is not there."""
        text: str = self.request.path_params[name]
        if _ULID.fullmatch(text) is None:
            raise Refused(RefusalCode.NOT_FOUND, "there is no such thing")
        return text

    def check_commands(self) -> None:
        """Count one command. By account: tokens can be had without end."""
        self.site.commands_of_account.check(self.account_id)

    def check_reads(self) -> None:
        """Count one expensive read of the account."""
        self.site.reads_of_account.check(self.account_id)

    def check_contents(self) -> None:
        """Count one file of a workspace on its way to or fro."""
        self.site.contents_of_account.check(self.account_id)

    def check_heavy_reads(self) -> None:
        """Count one read that takes long to work out."""
        self.site.heavy_reads_of_account.check(self.account_id)


@dataclass(frozen=True)
class Reply:
    """An answer with a status or headers of its own."""

    body: Frozen | None
    headers: Mapping[str, str]
    status: int | None = None


Answer = Frozen | Reply | Response | None


class Operation(Protocol):
    """A route without the types of its body and query."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def access(self) -> Access: ...
    @property
    def right(self) -> Right | None: ...
    @property
    def summary(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def answers_with(self) -> str: ...
    @property
    def raw_body(self) -> Sequence[str]: ...
    @property
    def body_bytes(self) -> int | None: ...
    @property
    def places(self) -> Sequence[str]: ...
    @property
    def body_adapter(self) -> TypeAdapter[object] | None: ...
    @property
    def query_adapter(self) -> TypeAdapter[object] | None: ...
    @property
    def answer_adapter(self) -> TypeAdapter[object] | None: ...
    async def run(self, request: Request, site: Site) -> Response: ...


@dataclass(frozen=True)
class Route(Generic[B, Q]):
    """One operation. `right` is checked before the handler runs; without it a member is let through.

    Where the room itself decides (commands), `access` is SIGNED_IN: a key that was used is looked up before any right.
    """

    method: str
    path: str
    access: Access
    summary: str
    handler: Callable[[Call[B, Q]], Awaitable[Answer]]
    body: type[B]
    query: type[Q]
    answer: type[Frozen] | None = None
    status: int = 200
    right: Right | None = None
    answers_with: str = "application/json"
    parse: Callable[[JsonObject], B] | None = None
    """Reads the body where the model alone cannot."""
    described_as: TypeAdapter[object] | None = None
    """What the OpenAPI page says of a body with a `parse` of its own."""
    raw_body: Sequence[str] = ()
    """The media types of a body that the handler reads by itself."""
    body_bytes: int | None = None
    """What a body may have, if more than others."""

    @property
    def places(self) -> Sequence[str]:
        return _PLACE.findall(self.path)

    @property
    def body_adapter(self) -> TypeAdapter[object] | None:
        if self.described_as is not None:
            return self.described_as
        return None if self.body is Nothing else TypeAdapter[object](self.body)

    @property
    def query_adapter(self) -> TypeAdapter[object] | None:
        return None if self.query is Nothing else TypeAdapter[object](self.query)

    @property
    def answer_adapter(self) -> TypeAdapter[object] | None:
        return None if self.answer is None else TypeAdapter[object](self.answer)

    async def run(self, request: Request, site: Site) -> Response:
        """Check who asks, then what, then do it."""
        peer = peer_of(request, site.config.trusted_proxies)
        check_origin(request, peer, site.config)
        caller = None if self.access is Access.OPEN else await caller_of(request, peer, site.pod)
        if caller is None and self.access not in {Access.OPEN, Access.OPTIONAL}:
            raise Refused(RefusalCode.UNAUTHENTICATED, "sign in first: send `Authorization: Bearer TOKEN`")
        if self.access is Access.OPERATOR and not (caller and caller.identity.is_operator):
            raise Refused(RefusalCode.FORBIDDEN, "only operators of this server may do that")
        query = validated(self.query, _query_of(request))
        body = await self._body(request, self.body_bytes or site.config.body_bytes)
        host = None
        if self.access is Access.MEMBER:
            assert caller is not None, "checked above"
            host = await site.pod.directory.host(RoomId(room_id_of(request)))
            if self.right is None:
                host.room.reader(caller.account_id)
            else:
                host.room.check(caller.account_id, self.right)
        answer = await self.handler(Call(site, request, peer, body, query, caller, host))
        return self._response(answer)

    async def _body(self, request: Request, most_bytes: int) -> B:
        if self.body is Nothing:
            return validated(self.body, {})
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise RefusedWithStatus(Refused(RefusalCode.MALFORMED, "send the body as application/json"), 415)
        parsed = parse_body(await read_body(request, most_bytes))
        return self.parse(parsed) if self.parse is not None else validated(self.body, parsed)

    def _response(self, answer: Answer) -> Response:
        match answer:
            case Response():
                return answer
            case Reply():
                return _json(answer.body, answer.status or self.status, answer.headers)
            case _:
                return _json(answer, self.status, {})


def room_id_of(request: Request) -> str:
    text: str = request.path_params["room_id"]
    if _ULID.fullmatch(text) is None:
        raise no_such_room()
    return text


async def read_body(request: Request, most_bytes: int) -> bytes:
    """Read the body while counting; refuse `too_big` as soon as it is."""
    declared = request.headers.get("content-length", "")
    pieces: list[bytes] = []
    size = int(declared) if declared.isascii() and declared.isdigit() and len(declared) < 19 else 0
    if size <= most_bytes:
        size = 0
        async for piece in request.stream():
            size += len(piece)
            if size > most_bytes:
                break
            pieces.append(piece)
    if size > most_bytes:
        raise Refused(RefusalCode.TOO_BIG, f"a body may have at most {most_bytes} bytes")
    return b"".join(pieces)


def parse_body(body: bytes) -> JsonObject:
    """Read strict JSON; everything unreadable is malformed here, since the next request stands by itself."""
    try:
        return parse_object(body.decode())
    except UnicodeDecodeError:
        raise Malformed("the body is not UTF-8") from None
    except Unreadable as unreadable:
        raise Malformed(str(unreadable)) from None


def starlette_routes(operations: Iterable[Operation], site: Site) -> list[StarletteRoute]:
    """Make one Starlette route a path, so that 405 names all methods of it."""
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in operations:
        methods = by_path.setdefault(operation.path, {})
        assert operation.method not in methods, f"two operations: {operation.method} {operation.path}"
        methods[operation.method] = operation
    return [_starlette_route(path, methods, site) for path, methods in by_path.items()]


def _starlette_route(path: str, methods: Mapping[str, Operation], site: Site) -> StarletteRoute:
    async def endpoint(request: Request) -> Response:
        operation = methods.get(request.method)
        if operation is None and request.method == "HEAD":
            operation = methods.get("GET")
            if operation is not None and "event-stream" in operation.answers_with:
                operation = None
        if operation is None:
            return problem(
                405,
                "method_not_allowed",
                "this address does not know the method",
                headers={"Allow": ", ".join(sorted(methods))},
            )
        return await operation.run(request, site)

    route = StarletteRoute(path, endpoint)
    # The endpoint answers for every method itself.
    route.methods = None
    return route


def _query_of(request: Request) -> dict[str, str]:
    pairs = request.query_params.multi_items()
    query = dict(pairs)
    if len(query) != len(pairs):
        raise Malformed("a query parameter stands twice")
    if any("\0" in text for pair in pairs for text in pair):
        raise Malformed("text may not contain NUL")
    return query


def validated(model: type[B], value: object) -> B:
    try:
        return TypeAdapter(model).validate_python(value)
    except ValidationError as error:
        raise Malformed(explain(error)) from None


def _json(body: Frozen | None, status: int, headers: Mapping[str, str]) -> Response:
    if body is None:
        return Response(status_code=204, headers=dict(headers))
    return Response(
        body.model_dump_json(exclude_none=True),
        status_code=status,
        headers=dict(headers),
        media_type="application/json",
    )
