"""Which tools a room has: what each is for, whether its AI can use it now and why not, and what outside servers offer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from multiplayer.ai.brain import Brain, NoBrain
from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.directory import Directory
from multiplayer.live.room_host import RoomHost
from multiplayer.live.toolbox import FETCH_URL
from multiplayer.live.workspace_reports import refusing
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.members import AccountKind, Member
from multiplayer.protocol.reports_workspace import OutsideServer, RoomTools, SandboxReport, ToolReport
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.tools import ToolClass
from multiplayer.rooms.permissions import Right, may
from multiplayer.tools.offered import RUNS_COMMANDS
from multiplayer.tools.registry import ToolRegistry
from multiplayer.tools.sandbox.preflight import SandboxStatus


@dataclass(frozen=True, slots=True)
class _Optional:
    """A tool that a server offers only where the machine or its operator lets it."""

    name: str
    description: str
    tool_class: ToolClass


_TERMINAL: Final = _Optional("execute_command", "Run a shell command in the sandbox.", ToolClass.TERMINAL)
_JOBS: Final = (
    _Optional("job_start", "Start a shell command that runs on in the background.", ToolClass.EXTENDED),
    _Optional("job_list", "List this room's background jobs.", ToolClass.READ),
    _Optional("job_tail", "Read the end of a background job's output.", ToolClass.READ),
    _Optional("job_stop", "Stop a background job.", ToolClass.WRITE),
)
_FETCH: Final = _Optional(FETCH_URL, "Read a public web page.", ToolClass.NETWORK)


class ToolReports:
    def __init__(self, seat: AiSeat, directory: Directory, sandbox: Callable[[], SandboxStatus]) -> None:
        self._seat = seat
        self._directory = directory
        self._sandbox = sandbox

    async def of_room(self, room_id: RoomId, reader_id: AccountId, ai_id: AccountId | None = None) -> RoomTools:
        """Return the tools of the room's default AI, or of this one. Raises `Refused`.

        Asks all outside servers what they offer, which takes as long as the slowest; not for guests.
        """
        host = await self._directory.host(room_id)
        member = host.room.check(reader_id, Right.READ)
        ai = _ai(host, ai_id)
        settings = host.room.state.room.settings
        sandbox = self._sandbox()
        async with refusing():
            registry = await self._seat.toolbox.of(room_id, lambda: host.room.state.room.settings)
            servers: tuple[OutsideServer, ...] = ()
            if may(Right.CHANGE_WORKSPACE, member.role, settings):
                surveyed = await self._seat.toolbox.outside_servers(room_id, settings.consents)
                servers = tuple(OutsideServer.model_validate(one.model_dump(mode="json")) for one in surveyed)
        return RoomTools(
            ai_id=ai.account_id if ai is not None else None,
            tools=tuple(self._reports(registry, ai, settings, sandbox)),
            sandbox=SandboxReport(
                mode=sandbox.mode,
                reason=sandbox.reason,
                limits_by=sandbox.limits_by,
                limits_note=sandbox.limits_note,
            ),
            servers=servers,
        )

    def _reports(
        self, registry: ToolRegistry, ai: Member | None, settings: RoomSettings, sandbox: SandboxStatus
    ) -> Iterator[ToolReport]:
        brain, problem = self._brain(ai)
        classes = registry.classes
        for definition in registry.definitions():
            tool_class = classes[definition.name]
            if not self._seat.toolbox.works(definition.name):
                why_not = _sandbox_is_off(sandbox)
            elif brain is None:
                why_not = problem
            else:
                why_not = self._why_not(definition.name, settings, brain)
            yield ToolReport(
                name=definition.name,
                description=definition.description,
                tool_class=tool_class,
                is_offered=not why_not,
                why_not=why_not,
            )
        for optional in (_TERMINAL, *_JOBS, _FETCH):
            if optional.name not in classes:
                yield ToolReport(
                    name=optional.name,
                    description=optional.description,
                    tool_class=optional.tool_class,
                    is_offered=False,
                    why_not=_why_missing(optional, sandbox),
                )

    def _brain(self, ai: Member | None) -> tuple[Brain | None, str]:
        if ai is None:
            return None, "this room has no AI"
        try:
            return self._seat.brains.of(ai.account_id), ""
        except NoBrain as none:
            return None, str(none) or "this AI cannot answer"

    def _why_not(self, name: str, settings: RoomSettings, brain: Brain) -> str:
        if self._seat.is_allowed(name, settings, brain):
            return ""
        if not brain.takes_tools:
            return "this AI's provider answers questions and takes no tools"
        if settings.tools is not None and name not in settings.tools:
            return "the room's list of tools does not name it"
        if brain.profile.tools is not None and name not in brain.profile.tools:
            return "the AI's profile does not name it"
        return "the room has not switched it on (fetches_urls)"


def _ai(host: RoomHost, ai_id: AccountId | None) -> Member | None:
    wanted = ai_id or host.room.state.default_ai
    member = host.room.state.members.get(wanted) if wanted is not None else None
    if member is not None and member.kind is AccountKind.AI:
        return member
    if ai_id is not None:
        raise Refused(RefusalCode.NOT_FOUND, "there is no such AI member in this room")
    return None


def _why_missing(optional: _Optional, sandbox: SandboxStatus) -> str:
    if optional is _FETCH:
        return "the operator of this server has not switched it on"
    if sandbox.mode not in RUNS_COMMANDS:
        return _sandbox_is_off(sandbox)
    if optional in _JOBS and sandbox.mode != "strict":
        return f"background jobs need the sandbox's mode strict; here it is {sandbox.mode}"
    return "this server does not offer it"


def _sandbox_is_off(sandbox: SandboxStatus) -> str:
    return f"the sandbox is off: {sandbox.reason}"
