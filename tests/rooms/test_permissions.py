"""The table of rights in the code says what the written one says, cell by cell."""

import pytest

from multiplayer.protocol.members import Role
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.rooms.permissions import TABLE, Cell, Grant, IfSetting, Right, highest_role_given_by, may
from tests.rooms.roles_table import CELLS, ROLES, ROWS, SWITCHES, Asked, allows

ROW_OF = {
    Right.READ: "read the room, its history and files",
    Right.POST: "post, reply",
    Right.EDIT_OWN: "edit / delete own message",
    Right.DELETE_ANY: "delete anyone's message",
    Right.REACT: "react",
    Right.PIN: "pin",
    Right.ATTACH: "attach files",
    Right.MARK_READ: "mark read, typing",
    Right.INVITE: "invite (link or by name)",
    Right.REMOVE: "remove or ban a member",
    Right.CHANGE_ROLE: "change a role",
    Right.HAND_OVER: "hand over ownership",
    Right.RENAME: "rename, topic",
    Right.SETTINGS: "room settings",
    Right.ARCHIVE: "archive, delete the room",
    Right.EXPORT: "export",
    Right.ASK_AI: "ask the AI",
    Right.STOP_TURN: "stop a turn",
    Right.STEER_TURN: "steer, regenerate, undo a turn",
    Right.CHOOSE_AI: "choose AI members, model, persona, triggers",
    Right.APPROVE: "approve a tool call",
    Right.SEE_WORKSPACE: "see the workspace",
    Right.CHANGE_WORKSPACE: "change workspace files by hand",
    Right.EDIT_SUMMARY: "edit the summary, pin or forget facts",
    Right.SET_BUDGETS: "set budgets",
    Right.SEE_USAGE: "see usage and cost",
    Right.READ_AUDIT: "read the audit trail",
    Right.WEBHOOKS: "webhooks, bot tokens of the room",
}
MEANING: dict[str, Cell] = {
    "●": Grant.YES,
    "● (◐ only from joining on [no])": Grant.YES,
    "● (from its workspace)": Grant.YES,
    "○": Grant.NO,
    "○ never": Grant.NO,
    "–": Grant.NO,
    "by tools": Grant.NO,
    "proposes": Grant.NO,
    "↓": Grant.LOWER,
    "↓ (up to member)": Grant.LOWER_UP_TO_MEMBER,
    "own request": Grant.OWN,
    "by class": Grant.BY_CLASS,
    "by class, see sandbox.md": Grant.BY_CLASS,
}
EVERY_CELL = [pytest.param(right, role, id=f"{role}: {right}") for right in Right for role in ROLES]
OPEN = RoomSettings(guests_post=True, guests_ask_ai=True, guests_see_workspace=True, members_invite=True)


def test_every_written_row_is_a_right_and_every_right_a_written_row() -> None:
    assert set(ROW_OF) == set(Right) == set(TABLE)
    assert set(ROW_OF.values()) == set(ROWS)
    assert len(ROW_OF) == len(ROWS)


@pytest.mark.parametrize(("right", "role"), EVERY_CELL)
def test_a_cell_of_the_code_is_the_written_cell(right: Right, role: Role) -> None:
    row = ROW_OF[right]
    written = CELLS[row, role]
    expected = IfSetting(SWITCHES[row, role]) if written.startswith("◐") else MEANING[written]
    assert TABLE[right][ROLES.index(role)] == expected


@pytest.mark.parametrize("settings", [RoomSettings(), OPEN], ids=["closed", "open"])
@pytest.mark.parametrize(("right", "role"), EVERY_CELL)
def test_may_answers_as_the_written_table_for_whoever_it_is_done_to(
    right: Right, role: Role, settings: RoomSettings
) -> None:
    for towards in (None, *ROLES):
        for is_own_request in (False, True):
            asked = Asked(towards, is_own_request)
            said = may(right, role, settings, towards=towards, is_own_request=is_own_request)
            assert said == allows(ROW_OF[right], role, settings, asked)


def test_every_switch_is_off_in_a_new_room() -> None:
    new = RoomSettings()
    assert not any(getattr(new, switch) for switch in SWITCHES.values())
    assert new.guests_see_history


@pytest.mark.parametrize(
    ("role", "settings", "by_invite", "highest"),
    [
        (Role.OWNER, RoomSettings(), False, Role.OWNER),
        (Role.OWNER, RoomSettings(), True, Role.ADMIN),
        (Role.ADMIN, RoomSettings(), False, Role.MEMBER),
        (Role.ADMIN, RoomSettings(), True, Role.MEMBER),
        (Role.MEMBER, RoomSettings(), False, None),
        (Role.MEMBER, RoomSettings(), True, None),
        (Role.MEMBER, OPEN, True, Role.MEMBER),
        (Role.MEMBER, OPEN, False, None),
        (Role.GUEST, OPEN, True, None),
        (Role.GUEST, OPEN, False, None),
        (Role.AI, OPEN, True, None),
        (Role.AI, OPEN, False, None),
    ],
)
def test_the_highest_role_someone_may_give(
    role: Role, settings: RoomSettings, by_invite: bool, highest: Role | None
) -> None:
    assert highest_role_given_by(role, settings, by_invite=by_invite) is highest
