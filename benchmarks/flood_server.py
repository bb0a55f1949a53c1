"""Our server, but that a command may print as much as it likes: `python -m benchmarks.flood_server serve …`.

By default a command is killed after 10 MiB of output. Only so can a whole flood pass through, and be measured: also on
a slow machine, so it may run for nearly as long as a turn.
"""

from collections.abc import Callable
from dataclasses import replace

from multiplayer.cli.app import main
from multiplayer.tools.limits import GIB, Limits
from multiplayer.tools.sandbox.sandbox import Exit
from multiplayer.tools.terminal.live_output import Emit, LiveRunner
from multiplayer.tools.workspace import Workspace

_WALL_S = 280.0


def _without_output_limit() -> None:
    run = LiveRunner.run

    async def run_on(
        self: LiveRunner,
        workspace: Workspace,
        command: str,
        cwd: str,
        limits: Limits,
        *,
        keep: Callable[[str], None],
        emit: Emit,
    ) -> Exit:
        raised = replace(limits, wall_s=_WALL_S, output_bytes=GIB)
        return await run(self, workspace, command, cwd, raised, keep=keep, emit=emit)

    LiveRunner.run = run_on  # type: ignore[method-assign]  # a limit that no setting raises, for this measurement alone


if __name__ == "__main__":
    _without_output_limit()
    main()
