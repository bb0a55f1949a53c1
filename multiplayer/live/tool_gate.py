"""What stands between one tool call and its run: the asker's rights now, people's approval, and the room's log."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from multiplayer.live.clock import Clock
from multiplayer.live.room_host import RoomHost
from multiplayer.live.turn_door import TurnDoor
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import CallId, TurnId
from multiplayer.protocol.inner_commands import ExpireApproval, RequestApproval, StartTool
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.signals import TurnProgress
from multiplayer.protocol.tools import ApprovalCard, CallLimits, ToolClass
from multiplayer.rooms.tool_policy import Decision, NeedsApproval, decide
from multiplayer.tools.refusal import ToolFault, ToolRefused
from multiplayer.tools.registry import BoundCall

LOOK_S: Final = 1.0
CHANGES_FILES: Final = frozenset({ToolClass.WRITE, ToolClass.SENSITIVE_WRITE, ToolClass.TERMINAL, ToolClass.EXTENDED})
RUNS_COMMANDS: Final = frozenset({ToolClass.TERMINAL, ToolClass.EXTENDED})


class ToolGate:
    """For one call. `taint` tells what untrusted words the turn has seen.

    `prepare` is called right before the tool runs: it returns the hash of the workspace as it is then, empty for a call
    that changes no files. `give_up` is called if the call does not run after all.
    """

    def __init__(
        self,
        host: RoomHost,
        door: TurnDoor,
        clock: Clock,
        turn_id: TurnId,
        fence: int,
        call_id: CallId,
        *,
        taint: Callable[[], Collection[Taint]],
        decided: asyncio.Event,
        prepare: Callable[[ToolClass], Awaitable[str]],
        give_up: Callable[[], None],
        disabled: Callable[[Collection[str]], Awaitable[frozenset[str]]],
    ) -> None:
        """`decided` is set whenever somebody decides about an approval of the turn."""
        self._host = host
        self._door = door
        self._clock = clock
        self._turn_id = turn_id
        self._fence = fence
        self._call_id = call_id
        self._taint = taint
        self._decided = decided
        self._prepare = prepare
        self._give_up = give_up
        self._disabled = disabled

    async def decide(self, tool_class: ToolClass) -> Decision:
        state = self._host.room.state
        authority = state.authority_of(self._turn)
        if authority is None:
            raise Refused(RefusalCode.FORBIDDEN, "who asked for this turn is no longer in the room")
        return decide(tool_class, authority, state.room.settings, at=self._clock.now(), taint=self._taint())

    async def approve(self, call: BoundCall, needs: NeedsApproval) -> None:  # noqa: ARG002 - the room decides that anew
        try:
            await self._door.submit(
                RequestApproval(
                    turn_id=self._turn_id,
                    fence=self._fence,
                    call_id=self._call_id,
                    tool_class=call.tool_class,
                    sha256=call.sha256,
                    limits=told_limits(call),
                    taint=tuple(sorted(self._taint())),
                )
            )
        except Refused as refused:
            if refused.code is RefusalCode.FORBIDDEN:
                raise ToolRefused(ToolFault.NEEDS_APPROVAL, f"not run: {refused.message}") from refused
            raise
        began_s = self._clock.monotonic_s()
        self._host.memory.signal(TurnProgress(room_id=self._host.room_id, turn_id=self._turn_id, phase="approval"))
        card = await self._decision()
        self._door.extend(self._clock.monotonic_s() - began_s)
        if card.is_approved:
            return
        if card.is_expired:
            raise ToolRefused(ToolFault.NOT_APPROVED, "not run: nobody approved this call in time")
        member = self._host.room.state.members.get(card.rejected_by) if card.rejected_by is not None else None
        who = f"@{member.handle}" if member is not None else "a member"
        raise ToolRefused(ToolFault.NOT_APPROVED, f"not run: {who} rejected this call")

    async def start(self, call: BoundCall) -> None:
        """Durable before the tool runs: what was started is never started again, here or elsewhere."""
        cards = [one.approval for one in self._turn.calls if one.call_id == self._call_id and one.approval is not None]
        approved_by = [account_id for card in cards for account_id in card.approved_by]
        if await self._disabled((*self._turn.askers, *approved_by)):
            raise ToolRefused(ToolFault.REFUSED, "not run: who asked for it or approved it has a disabled account")
        before = await self._prepare(call.tool_class)
        try:
            await self._door.submit(
                StartTool(
                    turn_id=self._turn_id,
                    fence=self._fence,
                    call_id=self._call_id,
                    tool_class=call.tool_class,
                    sha256=call.sha256,
                    taint=tuple(sorted(self._taint())),
                    before=before,
                )
            )
        except Refused as refused:
            self._give_up()
            if refused.code is RefusalCode.EXPIRED:
                raise ToolRefused(ToolFault.REFUSED, f"not run: {refused.message}") from refused
            raise

    async def _decision(self) -> ApprovalCard:
        """Wait for people; when their time is over, say so in the log."""
        while True:
            self._decided.clear()
            card = next((call.approval for call in self._turn.calls if call.call_id == self._call_id), None)
            if card is None:
                raise Refused(RefusalCode.CONFLICT, "this call has ended")
            if not card.is_open:
                return card
            left_s = (card.expires_at - self._clock.now()).total_seconds()
            if left_s > 0:
                try:
                    # In short looks: the wall clock may be set while people think.
                    async with asyncio.timeout(min(left_s, LOOK_S)):
                        await self._decided.wait()
                except TimeoutError:
                    pass  # looked at again: a decision may have come in the same moment
                continue
            try:
                await self._door.submit(ExpireApproval(turn_id=self._turn_id, fence=self._fence, call_id=self._call_id))
            except Refused as refused:
                # Decided in the last moment, or the room's clock is a little behind ours.
                if refused.code is not RefusalCode.CONFLICT or self._turn.fence != self._fence:
                    raise
                await asyncio.sleep(0.05)

    @property
    def _turn(self) -> TurnState:
        turn = self._host.room.state.turns.get(self._turn_id)
        if turn is None:
            raise Refused(RefusalCode.CONFLICT, "this turn has ended")
        return turn


def told_limits(call: BoundCall) -> CallLimits:
    """Return what whoever approves the call is told of its limits: of memory and output only where a command runs."""
    limits = call.limits
    if call.tool_class not in RUNS_COMMANDS:
        return CallLimits(wall_s=limits.wall_s)
    return CallLimits(wall_s=limits.wall_s, memory_bytes=limits.resident_bytes, output_bytes=limits.output_bytes)
