"""Who may have what run: every cell of the table, what a room tightens, and what taint and standing rules change."""

from datetime import UTC, datetime, timedelta

import pytest

from multiplayer.protocol.cards import Taint
from multiplayer.protocol.members import Role
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.tools import ApprovalPolicy, Decider, StandingRule, ToolClass
from multiplayer.rooms.tool_policy import STANDING_FOR, NeedsApproval, RefusedByPolicy, Runs, decide, may_decide

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TABLE = """
room             runs     runs     runs     runs     runs     refused
read             refused  runs     runs     runs     refused  refused
write            refused  runs     runs     runs     refused  refused
sensitive_write  refused  admin    asker    asker    refused  refused
terminal         refused  admin    runs     runs     refused  refused
extended         refused  admin    asker    asker    refused  refused
network          refused  admin    asker    asker    refused  refused
unsandboxed      refused  refused  refused  refused  refused  refused
"""
COLUMNS = (Role.GUEST, Role.MEMBER, Role.ADMIN, Role.OWNER, Role.AI, None)
CELLS = [
    (ToolClass(name), role, cell)
    for name, *cells in (line.split() for line in TABLE.strip().splitlines())
    for role, cell in zip(COLUMNS, cells, strict=True)
]


def word(decision: Runs | NeedsApproval | RefusedByPolicy) -> str:
    if isinstance(decision, NeedsApproval):
        return decision.decider.value
    return "runs" if isinstance(decision, Runs) else "refused"


def settings(**approvals: object) -> RoomSettings:
    return RoomSettings(approvals=ApprovalPolicy.model_validate(approvals))


def test_the_table_names_every_class_and_role() -> None:
    assert {cell[0] for cell in CELLS} == set(ToolClass)
    assert {cell[1] for cell in CELLS} == {*Role, None}


@pytest.mark.parametrize(("tool_class", "role", "expected"), CELLS)
@pytest.mark.parametrize("guests_see", [False, True])
def test_a_call_is_decided_by_its_class_and_the_role_of_the_asker(
    tool_class: ToolClass, role: Role | None, expected: str, *, guests_see: bool
) -> None:
    decision = decide(tool_class, role, RoomSettings(guests_see_workspace=guests_see), at=NOW)
    if guests_see and tool_class is ToolClass.READ and role in {Role.GUEST, Role.AI}:
        expected = "runs"
    assert word(decision) == expected
    assert isinstance(decision, Runs) or decision.reason


@pytest.mark.parametrize(
    ("approvals", "tool_class", "role", "expected"),
    [
        ({"members_confirm": True}, ToolClass.TERMINAL, Role.MEMBER, "asker"),
        ({"members_confirm": True}, ToolClass.EXTENDED, Role.MEMBER, "admin"),
        ({"members_confirm": True}, ToolClass.TERMINAL, Role.GUEST, "refused"),
        ({"admins_confirm": True}, ToolClass.TERMINAL, Role.OWNER, "asker"),
        ({"admins_confirm": True}, ToolClass.TERMINAL, Role.MEMBER, "admin"),
        ({"asks_before_writes": True}, ToolClass.WRITE, Role.MEMBER, "asker"),
        ({"asks_before_writes": True}, ToolClass.WRITE, Role.OWNER, "runs"),
        ({"asks_before_writes": True}, ToolClass.WRITE, Role.GUEST, "refused"),
    ],
)
def test_a_room_asks_where_it_says_so(
    approvals: dict[str, object], tool_class: ToolClass, role: Role, expected: str
) -> None:
    assert word(decide(tool_class, role, settings(**approvals), at=NOW)) == expected


@pytest.mark.parametrize("tool_class", ToolClass)
@pytest.mark.parametrize("role", [Role.GUEST, Role.MEMBER, Role.OWNER])
@pytest.mark.parametrize("is_tainted", [False, True])
def test_a_standing_rule_replaces_people_for_its_class_until_its_time_and_never_in_a_tainted_turn(
    tool_class: ToolClass, role: Role, *, is_tainted: bool
) -> None:
    taint = (Taint.WEB,) if is_tainted else ()
    plain = decide(tool_class, role, RoomSettings(), at=NOW, taint=taint)
    for given in ToolClass:
        rule = StandingRule(tool_class=given, until=NOW + timedelta(hours=1))
        ruled = settings(standing=(rule,))
        holds = given is tool_class and isinstance(plain, NeedsApproval) and not is_tainted
        assert decide(tool_class, role, ruled, at=NOW, taint=taint) == (Runs() if holds else plain)
        assert decide(tool_class, role, ruled, at=NOW + timedelta(hours=1), taint=taint) == plain


def test_there_is_no_standing_rule_for_what_nobody_may_allow() -> None:
    assert ToolClass.UNSANDBOXED not in STANDING_FOR


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("decider", Decider)
@pytest.mark.parametrize("is_asker", [False, True])
@pytest.mark.parametrize("not_asker", [False, True])
def test_guests_and_ais_never_decide_admins_do_and_a_member_only_for_themselves(
    role: Role, decider: Decider, *, is_asker: bool, not_asker: bool
) -> None:
    expected = role in {Role.OWNER, Role.ADMIN} or (role is Role.MEMBER and decider is Decider.ASKER and is_asker)
    if is_asker and not_asker:
        expected = False
    assert may_decide(role, decider, settings(not_asker=not_asker), is_asker=is_asker) is expected


def test_who_left_the_room_is_told_apart_from_who_lacks_the_right() -> None:
    decision = decide(ToolClass.READ, None, RoomSettings(guests_see_workspace=True), at=NOW)
    assert decision == RefusedByPolicy("whoever asked is no longer a member of the room")
