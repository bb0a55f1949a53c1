"""The tables of rights that the web interface is compiled with are those of the rooms."""

import json
import re
from pathlib import Path

import pytest

from multiplayer.protocol.members import Role
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.tools import ApprovalPolicy, Decider
from multiplayer.rooms.permissions import TABLE, Right
from multiplayer.rooms.rights_typescript import typescript
from multiplayer.rooms.tool_policy import STANDING_FOR, may_decide

COMMITTED = Path(__file__).parents[2] / "web" / "src" / "protocol" / "rights.ts"


def rows_of(name: str) -> dict[str, dict[str, object]]:
    """Read one of the tables back from what is written."""
    body = typescript().split(f"export const {name}:", 1)[1].split("= {\n", 1)[1].split("\n};", 1)[0]
    rows = re.findall(r"^  (\w+): (\{.*\}),$", body, re.MULTILINE)
    return {key: json.loads(re.sub(r"([{ ])(\w+):", r'\1"\2":', row)) for key, row in rows}


def test_the_committed_file_is_what_the_generator_prints() -> None:
    written = COMMITTED.read_text(encoding="utf-8")
    assert written == typescript(), "run: python -m multiplayer.rooms.rights_typescript > web/src/protocol/rights.ts"


def test_every_right_of_every_role_is_there() -> None:
    rows = rows_of("RIGHTS")
    assert rows.keys() == {right.name.lower() for right in Right}
    assert {tuple(row) for row in rows.values()} == {("owner", "admin", "member", "guest", "ai")}
    assert rows["post"]["guest"] == {"if": "guests_post"}
    assert rows["remove"] == {"owner": "yes", "admin": "lower", "member": "no", "guest": "no", "ai": "no"}
    assert rows["change_role"]["admin"] == "lower_up_to_member"
    assert rows["stop_turn"]["member"] == "own"
    assert rows["approve"]["owner"] == "by_class"
    assert len(rows) == len(TABLE)


@pytest.mark.parametrize("decider", Decider)
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("is_asker", [False, True])
@pytest.mark.parametrize("not_asker", [False, True])
def test_who_decides_a_call_follows_from_the_table_and_from_not_asker_alone(
    decider: Decider, role: Role, *, is_asker: bool, not_asker: bool
) -> None:
    cell = rows_of("DECIDES")[decider.value][role.value]
    by_table = not (is_asker and not_asker) and (cell == "yes" or (cell == "own" and is_asker))
    settings = RoomSettings(approvals=ApprovalPolicy(not_asker=not_asker))
    assert by_table == may_decide(role, decider, settings, is_asker=is_asker)


def test_switches_have_the_defaults_of_a_room() -> None:
    body = typescript().split("export const SWITCHES", 1)[1].split("= {\n", 1)[1].split("};", 1)[0]
    told = {name: value == "true" for name, value in re.findall(r"(\w+): (true|false),", body)}
    assert told
    assert told == {name: getattr(RoomSettings(), name) for name in told}


def test_ranks_and_standing_classes_are_those_of_the_rooms() -> None:
    text = typescript()
    assert all(f"  {role.value}: {role.rank},\n" in text for role in Role)
    named = re.search(r"STANDING_FOR: readonly ToolClass\[\] = (\[.*\]);", text)
    assert named is not None
    assert set(json.loads(named[1])) == {one.value for one in STANDING_FOR}
