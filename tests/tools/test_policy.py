"""Who may have what run: every cell of the table."""

import pytest

from multiplayer.protocol.members import Role
from multiplayer.tools.policy import NeedsApproval, RefusedByPolicy, RoomPolicy, Runs, ToolClass, decide

TABLE = """
read             refused  runs     runs    runs    refused refused
write            refused  runs     runs    runs    refused refused
sensitive_write  refused  approval approval approval refused refused
terminal         refused  approval runs    runs    refused refused
extended         refused  approval approval approval refused refused
unsandboxed      refused  refused  refused refused refused refused
"""
COLUMNS = (Role.GUEST, Role.MEMBER, Role.ADMIN, Role.OWNER, Role.AI, None)
CELLS = [
    (ToolClass(name), role, cell)
    for name, *cells in (line.split() for line in TABLE.strip().splitlines())
    for role, cell in zip(COLUMNS, cells, strict=True)
]
WORDS = {Runs: "runs", NeedsApproval: "approval", RefusedByPolicy: "refused"}


def test_the_table_names_every_class_and_role() -> None:
    assert {cell[0] for cell in CELLS} == set(ToolClass)
    assert {cell[1] for cell in CELLS} == {*Role, None}


@pytest.mark.parametrize(("tool_class", "role", "expected"), CELLS)
@pytest.mark.parametrize("guests_see", [False, True])
def test_a_call_is_decided_by_its_class_and_the_role_of_the_asker(
    tool_class: ToolClass, role: Role | None, expected: str, guests_see: bool
) -> None:
    decision = decide(tool_class, role, RoomPolicy(guests_see_workspace=guests_see))
    if guests_see and tool_class is ToolClass.READ and role in {Role.GUEST, Role.AI}:
        expected = "runs"
    assert WORDS[type(decision)] == expected
    assert isinstance(decision, Runs) or decision.reason


def test_who_left_the_room_is_told_apart_from_who_lacks_the_right() -> None:
    decision = decide(ToolClass.READ, None, RoomPolicy(guests_see_workspace=True))
    assert decision == RefusedByPolicy("whoever asked is no longer a member of the room")
