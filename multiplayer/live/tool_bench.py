"""Where the tools of one turn work: the room's workspace, opened at the first call, and what a call may know."""

import asyncio

from multiplayer.ai.brain import Brain
from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.room_host import RoomHost
from multiplayer.protocol.ids import CallId, TurnId
from multiplayer.protocol.members import Role
from multiplayer.protocol.signals import ToolOutput
from multiplayer.tools.registry import ToolCallContext
from multiplayer.tools.workspace import Workspace


class ToolBench:
    def __init__(self, seat: AiSeat, host: RoomHost, turn_id: TurnId) -> None:
        self._seat = seat
        self._host = host
        self._turn_id = turn_id
        self._workspace: Workspace | None = None
        self._outputs = 0

    async def begin_call(self) -> None:
        """Open the workspace if no call has; the next call's output counts from 0."""
        self._outputs = 0
        if self._workspace is None:
            number = await self._seat.storage.room_number(self._host.room_id)
            self._workspace = await asyncio.to_thread(self._seat.workspaces.open, self._host.room_id, number)

    def close(self) -> None:
        if self._workspace is not None:
            self._workspace.close()

    def context(self, brain: Brain, call_id: CallId) -> ToolCallContext:
        """Return what one call may know. Its authority is asked for anew by whoever decides."""
        assert self._workspace is not None, "a tool that starts has opened it"

        async def authority() -> Role | None:
            turn = self._host.room.state.turns.get(self._turn_id)
            return self._host.room.state.authority_of(turn) if turn else None

        async def emit(text: str) -> None:
            self._host.memory.signal(
                ToolOutput(
                    room_id=self._host.room_id,
                    turn_id=self._turn_id,
                    call_id=call_id,
                    index=self._outputs,
                    text=text,
                )
            )
            self._outputs += 1

        policy = self._seat.policy_of(self._host.room.state.room.settings, brain)
        return ToolCallContext(
            workspace=self._workspace, authority=authority, emit=emit, call_id=call_id, policy=policy
        )
