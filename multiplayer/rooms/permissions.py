"""Role × right, one table: the only place where a right is written. What is not listed is denied."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from multiplayer.protocol.members import Role
from multiplayer.protocol.rooms import RoomSettings


class Right(StrEnum):
    """The rows of the table of rights."""

    READ = "read the room, its history and files"
    POST = "post, reply"
    EDIT_OWN = "edit or delete your own message"
    DELETE_ANY = "delete anyone's message"
    REACT = "react"
    PIN = "pin"
    ATTACH = "attach files"
    MARK_READ = "mark read, typing"
    INVITE = "invite"
    REMOVE = "remove or ban a member"
    CHANGE_ROLE = "change a role"
    HAND_OVER = "hand over ownership"
    RENAME = "rename, topic"
    SETTINGS = "change the room's settings"
    ARCHIVE = "archive or delete the room"
    EXPORT = "export"
    ASK_AI = "ask the AI"
    STOP_TURN = "stop a turn"
    STEER_TURN = "steer, regenerate or undo a turn"
    CHOOSE_AI = "choose AI members, model, persona, triggers"
    APPROVE = "approve a tool call"
    SEE_WORKSPACE = "see the workspace"
    CHANGE_WORKSPACE = "change workspace files by hand"
    EDIT_SUMMARY = "edit the summary, pin or forget facts"
    SET_BUDGETS = "set budgets"
    SEE_USAGE = "see usage and cost"
    READ_AUDIT = "read the audit trail"
    WEBHOOKS = "webhooks and bot tokens of the room"


class Grant(StrEnum):
    """A cell of the table."""

    YES = "yes"
    NO = "no"
    LOWER = "towards lower ranks"
    LOWER_UP_TO_MEMBER = "towards lower ranks, up to member"
    OWN = "own request"
    BY_CLASS = "by class of the tool"


@dataclass(frozen=True)
class IfSetting:
    """A cell that a switch of the room decides."""

    name: str


Cell = Grant | IfSetting

_YES, _NO, _LOWER, _OWN = Grant.YES, Grant.NO, Grant.LOWER, Grant.OWN
_GUESTS_POST = IfSetting("guests_post")

# Columns: owner, admin, member, guest, ai.
TABLE: Final[dict[Right, tuple[Cell, Cell, Cell, Cell, Cell]]] = {
    Right.READ: (_YES, _YES, _YES, _YES, _YES),
    Right.POST: (_YES, _YES, _YES, _GUESTS_POST, _YES),
    Right.EDIT_OWN: (_YES, _YES, _YES, _GUESTS_POST, _NO),
    Right.DELETE_ANY: (_YES, _YES, _NO, _NO, _NO),
    Right.REACT: (_YES, _YES, _YES, _YES, _YES),
    Right.PIN: (_YES, _YES, _YES, _NO, _NO),
    Right.ATTACH: (_YES, _YES, _YES, _NO, _YES),
    Right.MARK_READ: (_YES, _YES, _YES, _YES, _NO),
    Right.INVITE: (_YES, _YES, IfSetting("members_invite"), _NO, _NO),
    Right.REMOVE: (_YES, _LOWER, _NO, _NO, _NO),
    Right.CHANGE_ROLE: (_YES, Grant.LOWER_UP_TO_MEMBER, _NO, _NO, _NO),
    Right.HAND_OVER: (_YES, _NO, _NO, _NO, _NO),
    Right.RENAME: (_YES, _YES, _NO, _NO, _NO),
    Right.SETTINGS: (_YES, _YES, _NO, _NO, _NO),
    Right.ARCHIVE: (_YES, _NO, _NO, _NO, _NO),
    Right.EXPORT: (_YES, _YES, _NO, _NO, _NO),
    Right.ASK_AI: (_YES, _YES, _YES, IfSetting("guests_ask_ai"), _NO),
    Right.STOP_TURN: (_YES, _YES, _OWN, _OWN, _NO),
    Right.STEER_TURN: (_YES, _YES, _OWN, _NO, _NO),
    Right.CHOOSE_AI: (_YES, _YES, _NO, _NO, _NO),
    Right.APPROVE: (Grant.BY_CLASS, Grant.BY_CLASS, Grant.BY_CLASS, _NO, _NO),
    Right.SEE_WORKSPACE: (_YES, _YES, _YES, IfSetting("guests_see_workspace"), _YES),
    Right.CHANGE_WORKSPACE: (_YES, _YES, _YES, _NO, _NO),
    Right.EDIT_SUMMARY: (_YES, _YES, _YES, _NO, _NO),
    Right.SET_BUDGETS: (_YES, _YES, _NO, _NO, _NO),
    Right.SEE_USAGE: (_YES, _YES, _YES, _NO, _NO),
    Right.READ_AUDIT: (_YES, _YES, _NO, _NO, _NO),
    Right.WEBHOOKS: (_YES, _YES, _NO, _NO, _NO),
}
_COLUMN: Final = {Role.OWNER: 0, Role.ADMIN: 1, Role.MEMBER: 2, Role.GUEST: 3, Role.AI: 4}


def grant(right: Right, role: Role, settings: RoomSettings) -> Grant:
    """Return the cell for `role`, with the room's switches thrown."""
    cell = TABLE[right][_COLUMN[role]]
    if isinstance(cell, IfSetting):
        return Grant.YES if getattr(settings, cell.name) is True else Grant.NO
    return cell


def may(
    right: Right, role: Role, settings: RoomSettings, *, towards: Role | None = None, is_own_request: bool = False
) -> bool:
    """Tell whether `role` has `right`, acting on a member of role `towards` or on a turn it asked for itself."""
    match grant(right, role, settings):
        case Grant.YES:
            return True
        case Grant.NO | Grant.BY_CLASS:
            return False
        case Grant.LOWER | Grant.LOWER_UP_TO_MEMBER:
            return towards is not None and towards.rank < role.rank
        case Grant.OWN:
            return is_own_request


def highest_role_given_by(role: Role, settings: RoomSettings, *, by_invite: bool) -> Role | None:
    """Return the highest role that `role` may give to another, or None if it may give none.

    An invite makes at most an admin: ownership passes between members only.
    """
    if by_invite and not may(Right.INVITE, role, settings):
        return None
    match grant(Right.CHANGE_ROLE, role, settings):
        case Grant.YES:
            return Role.ADMIN if by_invite else Role.OWNER
        case Grant.LOWER_UP_TO_MEMBER:
            return Role.MEMBER
        case _:
            return Role.MEMBER if by_invite else None
