"""Alive, ready, healthy, and in figures."""

import asyncio
from typing import Literal

from starlette.responses import Response

from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.values import Frozen
from multiplayer.storage.port import StorageUnavailable
from multiplayer.transports.problems import problem
from multiplayer.transports.routes import Access, Answer, Call, Nothing, Operation, Reply, Route

CHECK_S = 2.0


class Alive(Frozen):
    status: Literal["ok"] = "ok"


class ServiceView(Frozen):
    name: str
    status: Literal["up", "down"]
    detail: str


class HealthStatus(Frozen):
    """`degraded`: something is missing that the server can do without."""

    status: Literal["ok", "degraded", "down"]
    version: str
    uptime_s: float
    connections: int
    rooms: int
    services: tuple[ServiceView, ...]


async def _alive(_: Call[Nothing, Nothing]) -> Alive:
    return Alive()


async def _ready(call: Call[Nothing, Nothing]) -> Answer:
    if call.pod.is_draining:
        return problem(503, RefusalCode.UNAVAILABLE.value, "the server is restarting", retry_after_s=1.0)
    if not await _has_database(call):
        return problem(503, RefusalCode.UNAVAILABLE.value, "the database cannot be reached", retry_after_s=1.0)
    return Alive()


async def _health(call: Call[Nothing, Nothing]) -> Reply:
    pod = call.pod
    services = list(pod.services())
    views = [
        ServiceView(name=service.name, status="up" if service.is_up else "down", detail=service.detail)
        for service in services
    ]
    is_down = any(service.is_needed and not service.is_up for service in services)
    if all(service.name != "database" for service in services):
        has_database = await _has_database(call)
        is_down = is_down or not has_database
        views.insert(0, ServiceView(name="database", status="up" if has_database else "down", detail=""))
    if pod.is_draining or is_down:
        status: Literal["ok", "degraded", "down"] = "down"
    else:
        status = "ok" if all(view.status == "up" for view in views) else "degraded"
    body = HealthStatus(
        status=status,
        version=call.site.config.version,
        uptime_s=round((pod.clock.now() - pod.started_at).total_seconds(), 3),
        connections=len(pod.sessions),
        rooms=len(pod.directory),
        services=tuple(views),
    )
    return Reply(body, {}, 503 if status == "down" else 200)


async def _metrics(call: Call[Nothing, Nothing]) -> Response:
    by_operator = call.maybe_caller is not None and call.maybe_caller.identity.is_operator
    if not (call.peer.is_this_machine or by_operator):
        raise Refused(RefusalCode.FORBIDDEN, "only operators, or programs on this machine, may read the figures")
    return Response(call.pod.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _has_database(call: Call[object, object]) -> bool:
    try:
        async with asyncio.timeout(CHECK_S):
            await call.pod.storage.check()
    except (StorageUnavailable, TimeoutError):
        return False
    return True


HEALTH_API: tuple[Operation, ...] = (
    Route("GET", "/healthz", Access.OPEN, "Alive", _alive, Nothing, Nothing, Alive),
    Route("GET", "/readyz", Access.OPEN, "Ready to serve: the database answers", _ready, Nothing, Nothing, Alive),
    Route("GET", "/api/v1/health", Access.OPEN, "Health in full", _health, Nothing, Nothing, HealthStatus),
    Route(
        "GET",
        "/metrics",
        Access.OPTIONAL,
        "Figures for Prometheus: from this machine, or as an operator",
        _metrics,
        Nothing,
        Nothing,
        answers_with="text/plain",
    ),
)
