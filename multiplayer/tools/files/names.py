"""Names in a workspace: which are protected, which may be changed, and how an odd one is shown."""

from typing import Final

from multiplayer.protocol.folded_names import folded
from multiplayer.tools.checkpoints.folders import MAX_DEPTH
from multiplayer.tools.files.paths import check_path
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.terminal.output import clean_text

_REPOSITORY: Final = ".git"
_OBEYED: Final = frozenset({"hooks", "config", "config.worktree"})
"""What git runs or obeys, in its folder or in those of submodules and worktrees below it."""


def check_change_path(path: str) -> tuple[str, ...]:
    """As `check_path`, for something that is to be made, changed or removed; raises `ToolRefused`."""
    parts = check_path(path)
    if not parts:
        raise ToolRefused(ToolFault.BAD_PATH, "the path names nothing in the workspace")
    if len(parts) > MAX_DEPTH:
        # What lies deeper is not measured, so the workspace would count as full from then on.
        raise ToolRefused(ToolFault.BAD_PATH, f"the path has more than {MAX_DEPTH} folders")
    return parts


def is_repository(name: str) -> bool:
    """Whether a file system that folds names could take this one for git's own folder."""
    return folded(name) == _REPOSITORY


def is_protected(path: str) -> bool:
    """Whether `path` names something git runs or obeys, or a part above it. A courtesy: a command can write it too."""
    parts = [folded(part) for part in path.split("/") if part not in {"", "."}]
    if _REPOSITORY not in parts:
        return False
    below = parts[parts.index(_REPOSITORY) + 1 :]
    return parts[-1] == _REPOSITORY or not _OBEYED.isdisjoint(below)


def shown_name(name: str) -> str:
    """A name or path on one line, as it is if nobody can be deceived by that, else escaped and in quotes."""
    is_plain = name.isprintable() and name == name.strip() and "  " not in name and name[:1] not in {"'", '"', "["}
    if is_plain and (name.isascii() or clean_text(name.encode()) == name):
        return name
    return ascii(name)
