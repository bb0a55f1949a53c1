"""Errors over HTTP: RFC 9457 problem details with the code of a `refused` line. One table of statuses."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.values import Frozen
from multiplayer.storage.port import OutcomeUnknown, StorageUnavailable

MEDIA_TYPE: Final = "application/problem+json"

STATUS: Final[Mapping[RefusalCode, int]] = {
    RefusalCode.MALFORMED: 400,
    RefusalCode.UNAUTHENTICATED: 401,
    RefusalCode.FORBIDDEN: 403,
    RefusalCode.BANNED: 403,
    RefusalCode.NOT_FOUND: 404,
    RefusalCode.KEY_REUSED: 409,
    RefusalCode.CONFLICT: 409,
    RefusalCode.NO_CHANGE: 409,
    RefusalCode.ARCHIVED: 409,
    RefusalCode.TOO_BIG: 413,
    RefusalCode.TOO_LONG: 422,
    RefusalCode.LIMIT_REACHED: 422,
    RefusalCode.LAST_OWNER: 422,
    RefusalCode.EXPIRED: 422,
    RefusalCode.RATE_LIMITED: 429,
    RefusalCode.BUSY: 429,
    RefusalCode.UNAVAILABLE: 503,
    RefusalCode.UNKNOWN: 503,
}


class Problem(Frozen):
    """RFC 9457. `code` is a refusal code, or says in a word what HTTP itself refused."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    retry_after_s: float | None = None
    known: tuple[str, ...] | None = None
    """What would have been understood, where something else was named."""


class RefusedWithStatus(Refused):
    """A refusal whose place in the conversation decides its status, not its code alone."""

    def __init__(self, refused: Refused, status: int) -> None:
        super().__init__(refused.code, refused.message, retry_after_s=refused.retry_after_s)
        self.status = status


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    retry_after_s: float | None = None,
    headers: Mapping[str, str] | None = None,
    known: tuple[str, ...] | None = None,
) -> Response:
    """Return the answer with the headers that its status asks for."""
    all_headers = dict(headers or {})
    if status in {429, 503}:
        all_headers["Retry-After"] = str(max(1, math.ceil(retry_after_s or 1.0)))
    if status == HTTPStatus.UNAUTHORIZED:
        all_headers["WWW-Authenticate"] = "Bearer"
    said = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        retry_after_s=None if retry_after_s is None else round(retry_after_s, 3),
        known=known,
    )
    return Response(
        said.model_dump_json(exclude_none=True), status_code=status, headers=all_headers, media_type=MEDIA_TYPE
    )


def problem_of(refused: Refused) -> Response:
    status = refused.status if isinstance(refused, RefusedWithStatus) else STATUS[refused.code]
    return problem(status, refused.code.value, refused.message, retry_after_s=refused.retry_after_s)


def internal_problem() -> Response:
    return problem(500, "internal", "something broke in the server; its log says more")


async def answer_refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return problem_of(error)


async def answer_http(_: Request, error: Exception) -> Response:
    """What routing refuses: no such path, a method it does not know."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem(404, RefusalCode.NOT_FOUND.value, "there is nothing at this address")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return problem(405, "method_not_allowed", "this address does not know the method", headers=error.headers)
    return problem(error.status_code, "malformed", "this request cannot be understood")


async def answer_world(_: Request, error: Exception) -> Response:
    """The database, when it is not there."""
    if isinstance(error, OutcomeUnknown):
        return problem(503, "unknown", "it may be stored or not: try again with the same key", retry_after_s=1.0)
    assert isinstance(error, StorageUnavailable)
    return problem(503, "unavailable", "the database cannot be reached; try again", retry_after_s=1.0)
