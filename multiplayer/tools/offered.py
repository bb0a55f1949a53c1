"""Which tools this server offers."""

from collections.abc import Sequence

from multiplayer.tools.files import file_tools
from multiplayer.tools.registry import ToolRegistry
from multiplayer.tools.sandbox import Sandbox
from multiplayer.tools.terminal import execute_command


def build_tools(sandbox: Sandbox | None, secret_values: Sequence[str] = ()) -> ToolRegistry:
    """The file tools, and the terminal only if preflight has found the sandbox `strict`.

    `secret_values` (keys from the settings) are taken out of whatever tools show.
    """
    files = file_tools(secret_values)
    if sandbox is None or sandbox.status.mode != "strict":
        return ToolRegistry(files)
    return ToolRegistry((*files, execute_command(sandbox, secret_values)))
