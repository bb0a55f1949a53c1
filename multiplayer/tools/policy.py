"""Who may have a tool run: the approval table as data, and one pure function over it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from multiplayer.protocol.members import Role


class ToolClass(StrEnum):
    """What a call can do. It follows from the tool and its options, never from the words of a command."""

    READ = "read"
    """Read, list, search."""
    WRITE = "write"
    """Write, move, unpack."""
    SENSITIVE_WRITE = "sensitive_write"
    """Delete more than 20 files, or touch a protected path."""
    TERMINAL = "terminal"
    """A foreground command without network, within the default limits."""
    EXTENDED = "extended"
    """A background job, network, or limits above the default."""
    UNSANDBOXED = "unsandboxed"
    """No sandbox, or a further host path: server configuration only, for nobody at run time."""


@dataclass(frozen=True, slots=True)
class RoomPolicy:
    """What a room's settings say about tools."""

    guests_see_workspace: bool = False
    tools: frozenset[str] | None = None
    """What may be used here at all. None: whatever the server offers."""

    def allows(self, name: str) -> bool:
        return self.tools is None or name in self.tools


@dataclass(frozen=True, slots=True)
class Runs:
    pass


@dataclass(frozen=True, slots=True)
class NeedsApproval:
    reason: str


@dataclass(frozen=True, slots=True)
class RefusedByPolicy:
    reason: str


Decision = Runs | NeedsApproval | RefusedByPolicy

_RUNS: Final = Runs()
_GUEST_MAY_NOT: Final = RefusedByPolicy("guests may not have this tool run")
_GUEST_MAY_NOT_SEE: Final = RefusedByPolicy("guests may not see this room's workspace")
_ADMIN_APPROVES: Final = NeedsApproval("an admin of the room must approve this")
_ASKER_CONFIRMS: Final = NeedsApproval("whoever asked must confirm this")
_NOBODY: Final = RefusedByPolicy("nobody can allow this while the server runs")
_NOT_A_MEMBER: Final = RefusedByPolicy("whoever asked is no longer a member of the room")

_RANKS: Final = (Role.GUEST, Role.MEMBER, Role.ADMIN, Role.OWNER)
_TABLE: Final[dict[ToolClass, tuple[Decision, Decision, Decision, Decision]]] = {
    # class                       guest               member           admin            owner
    ToolClass.READ: (_GUEST_MAY_NOT_SEE, _RUNS, _RUNS, _RUNS),
    ToolClass.WRITE: (_GUEST_MAY_NOT, _RUNS, _RUNS, _RUNS),
    ToolClass.SENSITIVE_WRITE: (_GUEST_MAY_NOT, _ADMIN_APPROVES, _ASKER_CONFIRMS, _ASKER_CONFIRMS),
    ToolClass.TERMINAL: (_GUEST_MAY_NOT, _ADMIN_APPROVES, _RUNS, _RUNS),
    ToolClass.EXTENDED: (_GUEST_MAY_NOT, _ADMIN_APPROVES, _ASKER_CONFIRMS, _ASKER_CONFIRMS),
    ToolClass.UNSANDBOXED: (_NOBODY, _NOBODY, _NOBODY, _NOBODY),
}


def decide(tool_class: ToolClass, asker_role: Role | None, policy: RoomPolicy) -> Decision:
    """Whether a call of this class runs for the person whose message began the chain, with the role held *now*.

    An AI is nobody's asker, so it counts as a guest, as a schedule or webhook does; None is someone who left.
    """
    if asker_role is None:
        return _NOT_A_MEMBER
    role = Role.GUEST if asker_role is Role.AI else asker_role
    if role is Role.GUEST and tool_class is ToolClass.READ and policy.guests_see_workspace:
        return _RUNS
    return _TABLE[tool_class][_RANKS.index(role)]
