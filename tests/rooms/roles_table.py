"""The table of rights as people wrote it down, row by row, and read independently of the code that keeps it.

● yes · ○ or – no · ◐ a room setting, default in brackets · ↓ only towards lower ranks
"""

from dataclasses import dataclass
from typing import Final

from multiplayer.protocol.members import Role
from multiplayer.protocol.rooms import RoomSettings

TEXT: Final = """
| right | owner | admin | member | guest | ai |
|---|---|---|---|---|---|
| read the room, its history and files | ● | ● | ● | ● (◐ only from joining on [no]) | ● |
| post, reply | ● | ● | ● | ◐ (no) | ● |
| edit / delete own message | ● | ● | ● | ◐ (as post) | ○ |
| delete anyone's message | ● | ● | ○ | ○ | ○ |
| react | ● | ● | ● | ● | ● |
| pin | ● | ● | ● | ○ | ○ |
| attach files | ● | ● | ● | ○ | ● (from its workspace) |
| mark read, typing | ● | ● | ● | ● | – |
| invite (link or by name) | ● | ● | ◐ (no) | ○ | ○ |
| remove or ban a member | ● | ↓ | ○ | ○ | ○ |
| change a role | ● | ↓ (up to member) | ○ | ○ | ○ |
| hand over ownership | ● | ○ | ○ | ○ | ○ |
| rename, topic | ● | ● | ○ | ○ | ○ |
| room settings | ● | ● | ○ | ○ | ○ |
| archive, delete the room | ● | ○ | ○ | ○ | ○ |
| export | ● | ● | ○ | ○ | ○ |
| ask the AI | ● | ● | ● | ◐ (no) | ○ |
| stop a turn | ● | ● | own request | own request | ○ |
| steer, regenerate, undo a turn | ● | ● | own request | ○ | ○ |
| choose AI members, model, persona, triggers | ● | ● | ○ | ○ | ○ |
| approve a tool call | by class, see sandbox.md | by class | by class | ○ | ○ never |
| see the workspace | ● | ● | ● | ◐ (no) | ● |
| change workspace files by hand | ● | ● | ● | ○ | by tools |
| edit the summary, pin or forget facts | ● | ● | ● | ○ | proposes |
| set budgets | ● | ● | ○ | ○ | ○ |
| see usage and cost | ● | ● | ● | ○ | – |
| read the audit trail | ● | ● | ○ | ○ | ○ |
| webhooks, bot tokens of the room | ● | ● | ○ | ○ | ○ |
"""

ROLES: Final = (Role.OWNER, Role.ADMIN, Role.MEMBER, Role.GUEST, Role.AI)
RANKS: Final = {Role.OWNER: 4, Role.ADMIN: 3, Role.MEMBER: 2, Role.GUEST: 1, Role.AI: 0}

SWITCHES: Final = {
    ("post, reply", Role.GUEST): "guests_post",
    ("edit / delete own message", Role.GUEST): "guests_post",
    ("invite (link or by name)", Role.MEMBER): "members_invite",
    ("ask the AI", Role.GUEST): "guests_ask_ai",
    ("see the workspace", Role.GUEST): "guests_see_workspace",
}
"""Which room setting each ◐ means."""


def _read() -> dict[tuple[str, Role], str]:
    cells: dict[tuple[str, Role], str] = {}
    for line in TEXT.strip().splitlines()[2:]:
        label, *row = (cell.strip() for cell in line.strip("|").split("|"))
        cells.update({(label, role): cell for role, cell in zip(ROLES, row, strict=True)})
    return cells


CELLS: Final = _read()
ROWS: Final = tuple(dict.fromkeys(label for label, _ in CELLS))


@dataclass(frozen=True)
class Asked:
    """What a right is asked for: on whom, and whether the turn is the actor's own request."""

    towards: Role | None = None
    is_own_request: bool = False


def allows(row: str, role: Role, settings: RoomSettings, asked: Asked) -> bool:
    """Tell what the written table says."""
    cell = CELLS[row, role]
    match cell[0]:
        case "●":
            return True
        case "○" | "–":
            return False
        case "◐":
            switch: object = getattr(settings, SWITCHES[row, role])
            return switch is True
        case "↓":
            return asked.towards is not None and RANKS[asked.towards] < RANKS[role]
        case _:
            return cell == "own request" and asked.is_own_request
