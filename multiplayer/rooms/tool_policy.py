"""Who may have a tool run: the approval table as data, and pure functions over it. The only place where this is written."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from multiplayer.protocol.cards import Taint
from multiplayer.protocol.members import Role
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.tools import Decider, ToolClass


@dataclass(frozen=True, slots=True)
class Runs:
    pass


@dataclass(frozen=True, slots=True)
class NeedsApproval:
    reason: str
    decider: Decider


@dataclass(frozen=True, slots=True)
class RefusedByPolicy:
    reason: str


Decision = Runs | NeedsApproval | RefusedByPolicy

_RUNS: Final = Runs()
_GUEST_MAY_NOT: Final = RefusedByPolicy("guests may not have this tool run")
_GUEST_MAY_NOT_SEE: Final = RefusedByPolicy("guests may not see this room's workspace")
_ADMIN_APPROVES: Final = NeedsApproval("an admin of the room must approve this", Decider.ADMIN)
_ASKER_CONFIRMS: Final = NeedsApproval("whoever asked must confirm this", Decider.ASKER)
_NOBODY: Final = RefusedByPolicy("nobody can allow this while the server runs")
_NOT_A_MEMBER: Final = RefusedByPolicy("whoever asked is no longer a member of the room")

_SOURCES: Final = {
    Taint.NLWEB: "a website",
    Taint.WEB: "a web page",
    Taint.MCP: "an outside tool server",
    Taint.FILE: "a file",
    Taint.GUEST: "a guest",
    Taint.WEBHOOK: "a webhook",
}

_RANKS: Final = (Role.GUEST, Role.MEMBER, Role.ADMIN, Role.OWNER)
_TABLE: Final[dict[ToolClass, tuple[Decision, Decision, Decision, Decision]]] = {
    # class                       guest               member           admin            owner
    ToolClass.ROOM: (_RUNS, _RUNS, _RUNS, _RUNS),
    ToolClass.READ: (_GUEST_MAY_NOT_SEE, _RUNS, _RUNS, _RUNS),
    ToolClass.WRITE: (_GUEST_MAY_NOT, _RUNS, _RUNS, _RUNS),
    ToolClass.SENSITIVE_WRITE: (_GUEST_MAY_NOT, _ADMIN_APPROVES, _ASKER_CONFIRMS, _ASKER_CONFIRMS),
    ToolClass.TERMINAL: (_GUEST_MAY_NOT, _ADMIN_APPROVES, _RUNS, _RUNS),
    ToolClass.EXTENDED: (_GUEST_MAY_NOT, _ADMIN_APPROVES, _ASKER_CONFIRMS, _ASKER_CONFIRMS),
    ToolClass.NETWORK: (_GUEST_MAY_NOT, _ADMIN_APPROVES, _ASKER_CONFIRMS, _ASKER_CONFIRMS),
    ToolClass.UNSANDBOXED: (_NOBODY, _NOBODY, _NOBODY, _NOBODY),
}
REACHES_OUT: Final = frozenset({ToolClass.EXTENDED, ToolClass.NETWORK, ToolClass.UNSANDBOXED})
"""What a tainted turn does not do without a person, whatever else the room allows."""
STANDING_FOR: Final = frozenset(
    {ToolClass.WRITE, ToolClass.SENSITIVE_WRITE, ToolClass.TERMINAL, ToolClass.EXTENDED, ToolClass.NETWORK}
)


def decide(
    tool_class: ToolClass,
    asker_role: Role | None,
    settings: RoomSettings,
    *,
    at: datetime,
    taint: Collection[Taint] = (),
) -> Decision:
    """Whether a call of this class runs for the person whose message began the chain, with the role held *now*.

    An AI is nobody's asker, so it counts as a guest, as a schedule or webhook does; None is someone who left.
    `taint`: what untrusted words the turn has seen.
    """
    if asker_role is None:
        return _NOT_A_MEMBER
    role = Role.GUEST if asker_role is Role.AI else asker_role
    if role is Role.GUEST and tool_class is ToolClass.READ and settings.guests_see_workspace:
        return _RUNS
    decision = _TABLE[tool_class][_RANKS.index(role)]
    policy = settings.approvals
    if tool_class is ToolClass.TERMINAL:
        if role is Role.MEMBER and policy.members_confirm:
            decision = _ASKER_CONFIRMS
        if role.rank >= Role.ADMIN.rank and policy.admins_confirm:
            decision = _ASKER_CONFIRMS
    if tool_class is ToolClass.WRITE and role is Role.MEMBER and policy.asks_before_writes:
        decision = _ASKER_CONFIRMS
    if taint and tool_class in REACHES_OUT and isinstance(decision, Runs):
        reason = f"{outside_words(taint)}, so it asks before it reaches out of the workspace"
        return NeedsApproval(reason, Decider.ASKER)
    is_standing = any(rule.tool_class is tool_class and rule.until > at for rule in policy.standing)
    if isinstance(decision, NeedsApproval) and is_standing and not taint:
        return _RUNS
    return decision


def outside_words(taint: Collection[Taint]) -> str:
    """Return that a turn has seen such words, and where they are from, for who is asked to approve one of its calls."""
    return f"this turn holds words from outside the room ({', '.join(_SOURCES[one] for one in Taint if one in taint)})"


def may_decide(role: Role, decider: Decider, settings: RoomSettings, *, is_asker: bool) -> bool:
    """Tell whether a member of `role` may approve or reject a call that `decider` must approve."""
    if role in {Role.GUEST, Role.AI} or (is_asker and settings.approvals.not_asker):
        return False
    return role.rank >= Role.ADMIN.rank or (decider is Decider.ASKER and is_asker)
