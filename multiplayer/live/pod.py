"""One server process as its transports see it: who comes in, what runs here, how it ends."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

import structlog

from multiplayer.auth.access_tokens import AccessTokens
from multiplayer.auth.local import LocalAccounts, SignIns
from multiplayer.auth.port import Authenticator, Identity, SupabasePage
from multiplayer.auth.tickets import Tickets
from multiplayer.live.audit import Origin
from multiplayer.live.clock import Clock
from multiplayer.live.directory import Directory
from multiplayer.live.door import Door
from multiplayer.live.elsewhere import Elsewhere
from multiplayer.live.erasure import Erasures
from multiplayer.live.file_services import FileServices
from multiplayer.live.housekeeping import Housekeeping
from multiplayer.live.insight import Insights
from multiplayer.live.lobby import Lobby
from multiplayer.live.profiles import Profiles
from multiplayer.live.registry import Sessions
from multiplayer.live.retention import Retentions
from multiplayer.live.room_jobs import RoomJobs
from multiplayer.live.schedules import Schedules
from multiplayer.live.session import Session, SessionLimits
from multiplayer.live.transcription import Transcriptions
from multiplayer.live.turns import Turns
from multiplayer.live.undoing import Undos
from multiplayer.live.watch import Watch
from multiplayer.live.workspace_door import MAX_UPLOAD_BYTES
from multiplayer.live.workspace_services import WorkspaceServices
from multiplayer.protocol.close_codes import CloseCode
from multiplayer.protocol.codec import MAX_FRAME_BYTES, encode
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, SessionId
from multiplayer.protocol.requests import Hello, Renew
from multiplayer.protocol.signals import ServerDraining, Welcome
from multiplayer.rooms.limits import RoomLimits
from multiplayer.storage.cache import CachedLog
from multiplayer.storage.port import Storage
from multiplayer.telemetry.metrics import Metrics

HEARTBEAT_S = 25
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SignInDoors:
    """Everything that turns a secret into an identity."""

    authenticator: Authenticator
    access_tokens: AccessTokens
    sign_ins: SignIns
    local: LocalAccounts
    tickets: Tickets
    has_supabase: bool = False
    supabase_page: SupabasePage | None = None
    """None: the sign-in page does not offer it; programs may still bring its tokens."""

    async def of_credential(self, credential: Hello | Renew) -> Identity:
        if credential.token is not None:
            return await self.authenticator.identify(credential.token.get_secret_value())
        assert credential.ticket is not None, "a credential is a token or a ticket"
        return await self.tickets.redeem(credential.ticket.get_secret_value())


@dataclass(frozen=True)
class ServiceHealth:
    """One line of the health page. `is_needed`: without it the server is down, not only degraded."""

    name: str
    is_up: bool
    detail: str
    is_needed: bool = False


@dataclass(frozen=True)
class PodLimits:
    room: RoomLimits = field(default_factory=RoomLimits)
    session: SessionLimits = field(default_factory=SessionLimits)
    hello_s: float = 10.0
    drain_s: float = 10.0


class Pod:
    """Built by `compose`; run it with `async with`. The transports are handed this and nothing else of the server."""

    def __init__(
        self,
        *,
        name: str,
        storage: Storage,
        directory: Directory,
        sessions: Sessions,
        door: Door,
        lobby: Lobby,
        profiles: Profiles,
        turns: Turns,
        insights: Insights,
        workspace: WorkspaceServices,
        files: FileServices,
        erasures: Erasures,
        transcriptions: Transcriptions,
        retention: Retentions,
        schedules: Schedules | None,
        jobs: RoomJobs,
        undos: Undos,
        housekeeping: Housekeeping,
        watch: Watch,
        doors: SignInDoors,
        clock: Clock,
        metrics: Metrics,
        cache: CachedLog,
        limits: PodLimits,
        services: Callable[[], Sequence[ServiceHealth]],
        sandbox_mode: Callable[[], str] = lambda: "off",
    ) -> None:
        self.name = name
        self.storage = storage
        self.directory = directory
        self.sessions = sessions
        self.door = door
        self.lobby = lobby
        self.profiles = profiles
        self.turns = turns
        self.insights = insights
        self.workspace = workspace
        self.files = files
        self.erasures = erasures
        self.transcriptions = transcriptions
        self.retention = retention
        self.doors = doors
        self.clock = clock
        self.metrics = metrics
        self.cache = cache
        self.limits = limits
        self.services = services
        self.sandbox_mode = sandbox_mode
        self.started_at: datetime = clock.now()
        self.is_draining = False
        self._watch = watch
        self._elsewhere = Elsewhere(storage, directory, sessions)
        # Without them no clock fires here: a command line only passes through.
        self._schedules = schedules
        self.jobs = jobs
        self._undos = undos
        self._housekeeping = housekeeping
        self._background = asyncio.TaskGroup()
        self._loops: list[asyncio.Task[None]] = []
        self._spawned: set[asyncio.Task[None]] = set()
        directory.listen(sessions.hear, turns.hear, undos.hear, jobs.hear, housekeeping.hear, files.attachments.hear)
        directory.listen(transcriptions.hear, workspace.sync.incoming.hear)
        metrics.gauge("multiplayer_sessions", "Open sessions.", lambda: float(len(sessions)))
        metrics.gauge("multiplayer_rooms", "Rooms running on this pod.", lambda: float(len(directory)))
        metrics.gauge(
            "multiplayer_sandbox",
            "How AIs' commands run here: 2 strict, 1 landlock, 0 not at all.",
            lambda: {"strict": 2.0, "landlock": 1.0}.get(sandbox_mode(), 0.0),
        )
        metrics.gauge("multiplayer_turns", "Turns running on this pod.", lambda: float(len(turns)))

    async def __aenter__(self) -> Self:
        await self.directory.__aenter__()
        await self.turns.__aenter__()
        await self._undos.__aenter__()
        await self.jobs.__aenter__()
        await self._housekeeping.__aenter__()
        await self.files.attachments.__aenter__()
        await self.transcriptions.__aenter__()
        await self._background.__aenter__()
        self._loops = [
            self._background.create_task(self._watch.run(), name="watch"),
            self._background.create_task(self.turns.sweep(), name="sweep"),
            self._background.create_task(self._undos.sweep(), name="undos"),
            self._background.create_task(self._housekeeping.run(), name="housekeeping"),
            self._background.create_task(self.sessions.tell_activity(), name="activity"),
            self._background.create_task(self._elsewhere.run(), name="elsewhere"),
        ]
        if self._schedules is not None:
            self._loops.append(self._background.create_task(self._schedules.run(), name="schedules"))
            self._loops.append(self._background.create_task(self.files.sweep.run(), name="files"))
            self._loops.append(self._background.create_task(self.erasures.run(), name="erasures"))
            self._loops.append(self._background.create_task(self.workspace.sync.incoming.run(), name="incoming"))
            self._loops.append(self._background.create_task(self.retention.run(), name="retention"))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """End turns with their words so far, empty the rooms' inboxes, then end."""
        self.drain()
        try:
            async with asyncio.timeout(self.limits.drain_s):
                await self.turns.__aexit__(None, None, None)
                await self._undos.__aexit__(None, None, None)
                await self.jobs.__aexit__(None, None, None)
                await self._housekeeping.__aexit__(None, None, None)
                await self.files.attachments.__aexit__(None, None, None)
                await self.transcriptions.__aexit__(None, None, None)
                await self.directory.__aexit__(None, None, None)
        except TimeoutError:
            _log.warning("drain_timed_out")
        for task in (*self._loops, *self._spawned):
            task.cancel()
        await self._background.__aexit__(None, None, None)

    @property
    def epoch(self) -> str:
        """The history of the database, as last seen."""
        return self._watch.epoch

    def drain(self) -> None:
        """Take no new session, tell those that are here to come back, and let the turns end."""
        if self.is_draining:
            return
        self.is_draining = True
        for number, session in enumerate(self.sessions):
            # Spread over some seconds, so that the next pod is not stormed.
            reconnect_ms = 500 + (number * 37) % 3_000
            session.tell(encode(ServerDraining(reconnect_ms=reconnect_ms)))
        self.turns.drain("the server restarted")

    def close_sessions(self) -> None:
        for number, session in enumerate(self.sessions):
            session.close(
                CloseCode.RESTARTING,
                "the server restarts; reconnect and resume",
                reconnect_ms=500 + (number * 37) % 3_000,
            )

    async def open_session(self, identity: Identity, *, address: str, origin: Origin) -> Session:
        """Begin a session for a verified identity. Refuses too many, a disabled account, or a draining server."""
        if self.is_draining:
            raise Refused(RefusalCode.UNAVAILABLE, "the server is restarting; try again", retry_after_s=1.0)
        if identity.expires_at is not None and identity.expires_at <= self.clock.now():
            raise Refused(RefusalCode.EXPIRED, "the sign-in has expired")
        found = await self.storage.find_account(AccountId(identity.account_id))
        if found is None or found.disabled:
            raise Refused(RefusalCode.UNAUTHENTICATED, "this account is disabled")
        session = Session(
            SessionId(self.clock.new_id()),
            identity,
            found.account,
            address=address,
            origin=origin,
            epoch=self.epoch,
            directory=self.directory,
            door=self.door,
            storage=self.storage,
            cache=self.cache,
            clock=self.clock,
            limits=self.limits.session,
            renew=self.doors.of_credential,
            spawn=self.spawn,
            skipped=self.metrics.skipped.inc,
        )
        try:
            self.sessions.add(session)
        except Refused:
            session.end()
            raise
        return session

    def close_session(self, session: Session) -> None:
        """The transport is done with it."""
        session.end()
        self.sessions.discard(session)
        code = session.closing.code if session.closing else CloseCode.BYE
        self.metrics.closed.labels(str(int(code))).inc()

    def welcome(self, session: Session) -> Welcome:
        room = self.limits.room
        return Welcome(
            session_id=session.id,
            account=session.account,
            epoch=self.epoch,
            server_time=self.clock.now(),
            sandbox=self.sandbox_mode(),
            limits={
                "frame_bytes": MAX_FRAME_BYTES,
                "text": room.text,
                "text_bytes": room.text_bytes,
                "name": room.name,
                "topic": room.topic,
                "commands_per_s": int(self.limits.session.commands_per_s),
                "rooms_per_session": self.limits.session.rooms_per_session,
                "file_bytes": self.files.uploads.file_bytes,
                "workspace_file_bytes": MAX_UPLOAD_BYTES,
            },
            heartbeat_s=HEARTBEAT_S,
        )

    def spawn(self, work: Callable[[], Coroutine[None, None, None]], *, broke: Callable[[], None]) -> None:
        """Run what has to be done beside a transport; `broke` is called if an unexpected error ended it."""
        task = self._background.create_task(self._guarded(work, broke))
        self._spawned.add(task)
        task.add_done_callback(self._spawned.discard)

    async def _guarded(self, work: Callable[[], Coroutine[None, None, None]], broke: Callable[[], None]) -> None:
        try:
            await work()
        except Exception:
            _log.exception("background_work_broke")
            broke()
