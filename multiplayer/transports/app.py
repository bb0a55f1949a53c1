"""The one ASGI application: routes from the registry, the WebSocket, web pages, and what stands around all of them."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute

from multiplayer.live.pod import Pod
from multiplayer.protocol.errors import Refused
from multiplayer.storage.port import OutcomeUnknown, StorageUnavailable
from multiplayer.transports.admin_api import ADMIN_API
from multiplayer.transports.ai_admin_api import AI_ADMIN_API
from multiplayer.transports.ai_api import AI_API
from multiplayer.transports.audit_api import AUDIT_API
from multiplayer.transports.config import HttpConfig
from multiplayer.transports.erasure_api import ERASURE_API
from multiplayer.transports.files_api import FILES_API
from multiplayer.transports.health import HEALTH_API
from multiplayer.transports.hooks_api import HOOKS_API
from multiplayer.transports.me_api import ME_API
from multiplayer.transports.members_api import MEMBERS_API
from multiplayer.transports.messages_api import MESSAGES_API
from multiplayer.transports.middleware import Edge
from multiplayer.transports.openapi import openapi
from multiplayer.transports.pages import pages
from multiplayer.transports.problems import answer_http, answer_refused, answer_world
from multiplayer.transports.rate_limits import RateLimit
from multiplayer.transports.retention_api import RETENTION_API
from multiplayer.transports.rooms_api import ROOMS_API
from multiplayer.transports.routes import Operation, Site, starlette_routes
from multiplayer.transports.session_api import SESSION_API
from multiplayer.transports.sse import STREAM_API
from multiplayer.transports.tools_api import TOOLS_API
from multiplayer.transports.usage_api import USAGE_API
from multiplayer.transports.web_pages import WebDoor
from multiplayer.transports.websocket import WebSocketDoor
from multiplayer.transports.workspace_api import WORKSPACE_API
from multiplayer.transports.workspace_sync_api import WORKSPACE_SYNC_API

__all__ = ["HttpConfig", "build_app", "operations"]


def operations(config: HttpConfig) -> tuple[Operation, ...]:
    """Return every operation this server has, in the order of its documentation."""
    made: list[bytes] = []

    def document() -> bytes:
        if not made:
            made.append(openapi(everything, version=config.version))
        return made[0]

    everything: tuple[Operation, ...] = (
        *SESSION_API,
        *ME_API,
        *ROOMS_API,
        *MEMBERS_API,
        *STREAM_API,
        *MESSAGES_API,
        *AI_API,
        *WORKSPACE_API,
        *WORKSPACE_SYNC_API,
        *FILES_API,
        *TOOLS_API,
        *USAGE_API,
        *RETENTION_API,
        *HOOKS_API,
        *ADMIN_API,
        *ERASURE_API,
        *AI_ADMIN_API,
        *AUDIT_API,
        *HEALTH_API,
        *pages(document),
    )
    return everything


def build_app(pod: Pod, config: HttpConfig) -> Starlette:
    """Return the application of a pod. It has no start or end of its own: the pod has."""
    limits = pod.limits.session
    monotonic_s = pod.clock.monotonic_s
    site = Site(
        pod,
        config,
        logins_by_address=RateLimit(
            "attempts to sign in from this address", monotonic_s, per_min=config.logins_per_address_per_min
        ),
        logins_by_handle=RateLimit(
            "attempts to sign in with this handle", monotonic_s, per_min=config.logins_per_handle_per_min
        ),
        tickets=RateLimit("tickets of this account", monotonic_s, per_min=config.tickets_per_account_per_min),
        commands=RateLimit(
            "commands at once", monotonic_s, per_min=limits.commands_per_s * 60, burst=limits.commands_burst
        ),
    )
    app = Starlette(
        routes=[
            *starlette_routes(operations(config), site),
            WebSocketRoute("/ws", WebSocketDoor(pod, config)),
            # Last: it takes what no other has taken.
            WebDoor(config.web).route(),
        ],
        middleware=[Middleware(Edge, metrics=pod.metrics, new_id=pod.clock.new_id)],
        exception_handlers={
            Refused: answer_refused,
            HTTPException: answer_http,
            StorageUnavailable: answer_world,
            OutcomeUnknown: answer_world,
        },
    )
    app.router.redirect_slashes = False
    return app
