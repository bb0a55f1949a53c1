"""The HTTP side: lists and pages that are asked for, and the log where live lines do not reach."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Literal, TypeVar

import httpx
from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from multiplayer.client.errors import ConnectionLost, NotSignedIn
from multiplayer.client.lines import Line, UnknownLine, line_of, parse_line
from multiplayer.client.link import cursor_text, is_own_machine
from multiplayer.protocol.budgets import UsageGroup, UsageReport
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.event_frame import EventFrame
from multiplayer.protocol.ids import MessageId, RoomId
from multiplayer.protocol.messages import Message
from multiplayer.protocol.rooms import RoomListing
from multiplayer.protocol.signals import Cursor

API = "/api/v1"
TIMEOUT = httpx.Timeout(20.0, connect=5.0)


B = TypeVar("B", bound=BaseModel)


class _Rooms(BaseModel):
    rooms: tuple[RoomListing, ...]


class _Messages(BaseModel):
    messages: tuple[Message, ...]


class _Events(BaseModel):
    events: tuple[JsonValue, ...]


class _Problem(BaseModel):
    code: str = ""
    detail: str = ""
    retry_after_s: float | None = None


_json: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


def http_client(url: str, user_agent: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=url.rstrip("/") + API,
        timeout=TIMEOUT,
        trust_env=not is_own_machine(url),
        headers={"User-Agent": user_agent},
    )


def problem_of(response: httpx.Response) -> Refused | NotSignedIn | ConnectionLost:
    """Return what a refusing answer means. The body must have been read."""
    try:
        said = _Problem.model_validate_json(response.content)
    except ValidationError:
        said = _Problem()
    detail = said.detail or f"the server answered HTTP {response.status_code}"
    if response.status_code == httpx.codes.UNAUTHORIZED:
        return NotSignedIn(detail)
    if said.code in set(RefusalCode):
        return Refused(RefusalCode(said.code), detail, retry_after_s=said.retry_after_s)
    return ConnectionLost(detail)


class Rest:
    """Every method raises `Refused`, `NotSignedIn` or `ConnectionLost`."""

    def __init__(self, http: httpx.AsyncClient, token: Callable[[], Awaitable[str]]) -> None:
        self._http = http
        self._token = token

    async def rooms(self) -> Sequence[RoomListing]:
        """Return the rooms of this account."""
        return _read(_Rooms, await self._get("/rooms")).rooms

    async def messages(self, room_id: RoomId, *, before: MessageId | None, limit: int) -> Sequence[Message]:
        """Return the last messages before one, oldest first."""
        params = {"limit": str(limit)} | ({"before": before} if before is not None else {})
        return _read(_Messages, await self._get(f"/rooms/{room_id}/messages", params)).messages

    async def events(self, room_id: RoomId, after: Cursor, *, limit: int = 500) -> Sequence[Line]:
        """Return the next events after a place in the log; a page, empty at the end."""
        params = {"after": cursor_text(room_id, after).partition("@")[2], "limit": str(limit)}
        body = await self._get(f"/rooms/{room_id}/events", params)
        lines = []
        for event in _read(_Events, body).events:
            text = _json.dump_json(event).decode()
            word = parse_line(text)
            if not isinstance(word, EventFrame | UnknownLine):
                raise ConnectionLost("the server's answer cannot be understood: this is no event")
            lines.append(line_of(text, word))
        return lines

    async def usage(self, path: str, by: UsageGroup, *, since: datetime | None, until: datetime | None) -> UsageReport:
        """Return what was used, of a room or the server; this month unless times are given."""
        times = {name: at.isoformat() for name, at in (("since", since), ("until", until)) if at is not None}
        return await self.read(path, UsageReport, {"group": by.value, **times})

    async def read(self, path: str, shape: type[B], params: Mapping[str, str | None] | None = None) -> B:
        """Return what stands at a path; parameters that are None are left out."""
        given = {name: value for name, value in (params or {}).items() if value is not None}
        return _read(shape, await self._get(path, given))

    async def read_unless(
        self, path: str, shape: type[B], known: str | None, *, timeout: httpx.Timeout = TIMEOUT
    ) -> B | None:
        """Return what stands at a path; None if that is still the version with the ETag `known`."""
        headers = {} if known is None else {"If-None-Match": f'"{known}"'}
        async with self.opened("GET", path, headers, timeout=timeout) as response:
            if response.status_code == httpx.codes.NOT_MODIFIED:
                return None
            body = await response.aread()
            if response.status_code != httpx.codes.OK:
                raise problem_of(response)
        return _read(shape, body)

    async def write(
        self,
        method: Literal["POST", "PUT"],
        path: str,
        shape: type[B],
        body: JsonValue,
        *,
        status: int = httpx.codes.OK,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> B:
        """Return the answer to a body. `status` is what the route says that it answers with."""
        return _read(shape, await self._ask(method, path, body=body, status=status, timeout=timeout))

    async def send(
        self, path: str, shape: type[B], pieces: AsyncIterable[bytes], size: int, *, timeout: httpx.Timeout = TIMEOUT
    ) -> B:
        """Put `size` bytes at a path as they come, and return the answer. What `pieces` raises comes out as it is."""
        return _read(shape, await self._ask("PUT", path, content=pieces, size=size, timeout=timeout))

    async def remove(self, path: str) -> None:
        """Remove what stands at a path, where nothing is answered."""
        await self._ask("DELETE", path, status=httpx.codes.NO_CONTENT)

    @asynccontextmanager
    async def opened(
        self,
        method: Literal["GET", "HEAD"],
        path: str,
        headers: Mapping[str, str],
        *,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> AsyncIterator[httpx.Response]:
        """Give the answer before its body is read, whatever its status is; also what is read inside is put into words."""
        sent = {"Authorization": f"Bearer {await self._token()}", **headers}
        try:
            async with self._http.stream(method, path, headers=sent, timeout=timeout) as response:
                yield response
        except httpx.HTTPError as error:
            raise ConnectionLost(str(error) or type(error).__name__) from None

    async def fetch(self, path: str, params: Mapping[str, str]) -> bytes:
        """Return what stands at a path as it is, whatever it is."""
        return await self._get(path, params)

    async def change(
        self,
        method: Literal["PUT", "DELETE"],
        path: str,
        shape: type[B],
        params: Mapping[str, str],
        *,
        content: bytes | None = None,
        if_match: str | None = None,
    ) -> B:
        """Return the answer to a change of what stands at a path; `content` are its bytes, `if_match` names a version."""
        return _read(shape, await self._ask(method, path, params=params, content=content, if_match=if_match))

    async def _get(self, path: str, params: Mapping[str, str] | None = None) -> bytes:
        return await self._ask("GET", path, params=params)

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: JsonValue = None,
        content: bytes | AsyncIterable[bytes] | None = None,
        size: int | None = None,
        if_match: str | None = None,
        status: int = httpx.codes.OK,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> bytes:
        headers = {"Authorization": f"Bearer {await self._token()}"}
        if if_match is not None:
            headers["If-Match"] = if_match if if_match == "*" else f'"{if_match}"'
        if content is not None:
            headers["Content-Type"] = "application/octet-stream"
        if size is not None:
            headers["Content-Length"] = str(size)
        json = body if method in {"POST", "PUT"} and content is None else None
        try:
            response = await self._http.request(
                method, path, params=params, json=json, content=content, headers=headers, timeout=timeout
            )
        except httpx.HTTPError as error:
            raise ConnectionLost(str(error) or type(error).__name__) from None
        if response.status_code != status:
            raise problem_of(response)
        return response.content


def _read(shape: type[B], body: bytes) -> B:
    try:
        # A newer server may say more.
        return shape.model_validate_json(body, extra="ignore")
    except ValidationError as error:
        raise ConnectionLost(f"the server's answer cannot be understood: {error.errors()[0]['msg']}") from None
