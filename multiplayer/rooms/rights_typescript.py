"""The tables of rights as TypeScript, for the web interface: it offers what the room would let a member do.

`python -m multiplayer.rooms.rights_typescript` prints what stands in `web/src/protocol/rights.ts`.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Final

from multiplayer.protocol.members import Role
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.tools import Decider, ToolClass
from multiplayer.rooms.permissions import TABLE, Cell, Grant, IfSetting, Right
from multiplayer.rooms.tool_policy import STANDING_FOR, may_decide

_ROLES: Final = (Role.OWNER, Role.ADMIN, Role.MEMBER, Role.GUEST, Role.AI)
"""In the order of the table's columns."""


def typescript() -> str:
    """Return the tables, as the web interface's formatter would write them."""
    switches = dict.fromkeys(cell.name for row in TABLE.values() for cell in row if isinstance(cell, IfSetting))
    defaults = RoomSettings().model_dump()
    return "\n".join(
        [
            "/** Who may do what. Made by `python -m multiplayer.rooms.rights_typescript`; change multiplayer/rooms/ instead. */",
            "",
            'import type { Decider, Role, ToolClass } from "./wire";',
            "",
            _type("Right", (right.name.lower() for right in Right)),
            _type("Grant", (grant.name.lower() for grant in Grant)),
            "/** A switch of the room's settings that decides a cell. */",
            _type("Switch", switches),
            "export type Cell = Grant | { readonly if: Switch };",
            "",
            "/** What a switch is where the settings do not say. */",
            _record("SWITCHES", "Switch", "boolean", {name: json.dumps(defaults[name]) for name in switches}),
            "/** Higher acts on lower. */",
            _record("RANKS", "Role", "number", {role.value: str(role.rank) for role in _ROLES}),
            _rights(),
            "/** Who approves or rejects a call: `own` is who asked for it. */",
            _table("DECIDES", "Decider", '"yes" | "own" | "no"', {one.value: _deciders(one) for one in Decider}),
            "/** Classes of calls that a room may let run for some time without being asked one by one. */",
            "export const STANDING_FOR: readonly ToolClass[] = ["
            + ", ".join(_quoted(one) for one in ToolClass if one in STANDING_FOR)
            + "];",
            "",
        ]
    )


def _rights() -> str:
    rows = "".join(
        f"  /** {right.value} */\n  {right.name.lower()}: {_row(dict(zip(_ROLES, map(_cell, cells), strict=True)))},\n"
        for right, cells in TABLE.items()
    )
    return f"export const RIGHTS: {_rows_of('Right', 'Cell')} = {{\n{rows}}};\n"


def _cell(cell: Cell) -> str:
    return f"{{ if: {_quoted(cell.name)} }}" if isinstance(cell, IfSetting) else _quoted(cell.name.lower())


def _deciders(decider: Decider) -> dict[Role, str]:
    """Ask the rule itself; what a room's `not_asker` takes away is looked at beside the table."""
    settings = RoomSettings()

    def may(role: Role, *, is_asker: bool) -> bool:
        return may_decide(role, decider, settings, is_asker=is_asker)

    return {
        role: _quoted("yes" if may(role, is_asker=False) else "own" if may(role, is_asker=True) else "no")
        for role in _ROLES
    }


def _type(name: str, values: Iterable[str]) -> str:
    quoted = [_quoted(value) for value in values]
    flat = f"export type {name} = {' | '.join(quoted)};"
    # Longer lines are broken by the formatter.
    return f"{flat}\n" if len(flat) <= 120 else f"export type {name} =\n  | " + "\n  | ".join(quoted) + ";\n"


def _record(name: str, keys: str, values: str, entries: Mapping[str, str]) -> str:
    lines = "".join(f"  {key}: {value},\n" for key, value in entries.items())
    return f"export const {name}: Readonly<Record<{keys}, {values}>> = {{\n{lines}}};\n"


def _table(name: str, keys: str, values: str, rows: Mapping[str, Mapping[Role, str]]) -> str:
    lines = "".join(f"  {key}: {_row(row)},\n" for key, row in rows.items())
    return f"export const {name}: {_rows_of(keys, values)} = {{\n{lines}}};\n"


def _rows_of(keys: str, values: str) -> str:
    return f"Readonly<Record<{keys}, Readonly<Record<Role, {values}>>>>"


def _row(cells: Mapping[Role, str]) -> str:
    return "{ " + ", ".join(f"{role.value}: {cell}" for role, cell in cells.items()) + " }"


def _quoted(value: str) -> str:
    return json.dumps(value)


if __name__ == "__main__":
    sys.stdout.write(typescript())
