"""Where the tools of one turn work: what they may know, what the log says of them, and which files each has changed."""

import asyncio
import json
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from typing import Final, Literal

import structlog

from multiplayer.ai.brain import Brain
from multiplayer.ai.steps import ToolAsked, ToolDone, ToolStarting
from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.left_taint import left_taint
from multiplayer.live.log_pages import events_between
from multiplayer.live.room_desk import RoomDesk
from multiplayer.live.room_host import RoomHost
from multiplayer.live.tool_gate import CHANGES_FILES, ToolGate
from multiplayer.live.turn_door import TurnDoor
from multiplayer.protocol.cards import Form, Taint
from multiplayer.protocol.errors import Refused
from multiplayer.protocol.ids import AttachmentId, CallId, TurnId
from multiplayer.protocol.inner_commands import CallTool, FinishTool, NoteChanges
from multiplayer.protocol.rooms import ToolCallState
from multiplayer.protocol.signals import ToolOutput, TurnProgress
from multiplayer.protocol.tools import ToolClass
from multiplayer.protocol.turn_events import FilesChanged
from multiplayer.storage.port import OutcomeUnknown, StorageUnavailable
from multiplayer.tools.checkpoints.store import CheckpointGone
from multiplayer.tools.checkpoints.tree import shown_path
from multiplayer.tools.registry import ToolCallContext, ToolResult
from multiplayer.tools.workspace import Workspace

_log = structlog.get_logger(__name__)
_FILES_CHANGED: Final = (b'"files_changed"',)
ANYWHERE = "*"
"""In the list of tainted files: more than can be told."""


class ToolBench:
    """For one turn under one fence. `taint` tells what untrusted words it has seen; `give` takes a form for the room.

    `carry` takes a file for the answer.
    """

    def __init__(
        self,
        seat: AiSeat,
        host: RoomHost,
        door: TurnDoor,
        turn_id: TurnId,
        fence: int,
        *,
        taint: Callable[[], Collection[Taint]],
        give: Callable[[Form], bool],
        carry: Callable[[AttachmentId], bool],
    ) -> None:
        self._seat = seat
        self._host = host
        self._door = door
        self._turn_id = turn_id
        self._fence = fence
        self._taint = taint
        self._desk = RoomDesk(host, seat, door, turn_id, fence, give, carry, taint)
        self._workspace: Workspace | None = None
        self._outputs = 0
        self._decided = asyncio.Event()
        self._before: str | None = None
        """The workspace before the call that runs, if that may change files; we hold the room's lock then."""
        self._running: CallId | None = None
        """That call."""
        self._class: ToolClass | None = None

    def wake(self) -> None:
        """Somebody has decided about an approval of this turn."""
        self._decided.set()

    async def take(self, step: ToolAsked | ToolStarting | ToolDone) -> None:
        """Write a step into the log."""
        match step:
            case ToolAsked(call):
                await self._door.submit(
                    CallTool(
                        turn_id=self._turn_id,
                        fence=self._fence,
                        call_id=CallId(call.id),
                        name=call.name,
                        arguments=call.arguments,
                    )
                )
            case ToolStarting():
                self._outputs = 0
                self._class = None
                if self._workspace is None:
                    self._workspace = await self._seat.workbench.open(self._host.room_id)
            case ToolDone(call, result):
                # What it wrote is no better than what it brought.
                await self._note_changes({result.taint} if result.taint is not None else ())
                await self._finish(CallId(call.id), result, call.arguments)

    async def close_left(self, calls: Collection[ToolCallState]) -> None:
        """End the calls that an earlier holder had begun: none is run again, the model is told that nobody knows.

        What they had changed in the workspace is noted all the same.
        """
        for call in calls:
            if call.is_started and call.before and not await self._is_noted(call.call_id):
                self._workspace = self._workspace or await self._seat.workbench.open(self._host.room_id)
                await self._seat.workbench.lock(self._host.room_id).acquire()
                self._running, self._before = call.call_id, call.before
                # What class it was nobody knows any more: it may have read whatever there is.
                self._class = ToolClass.EXTENDED
                left = await left_taint(self._seat, self._host, self._turn_id, has_cards=False)
                await self._note_changes(left)
                self._class = None
            text = (
                "The outcome of this call is unknown: the server went away while it ran. It was not run again."
                if call.is_started
                else "This call was not run: the server went away before it began."
            )
            code = "unknown" if call.is_started else "not_run"
            await self._finish(call.call_id, ToolResult(ok=False, text=text, code=code), call.arguments)

    async def _is_noted(self, call_id: CallId) -> bool:
        """Whether its holder died right before it could say what the call came to."""
        state = self._host.room.state
        since = state.turns[self._turn_id].requested_seq
        noted = await events_between(self._seat.storage, self._host.room_id, since, state.seq, marks=_FILES_CHANGED)
        return any(
            isinstance(event, FilesChanged) and (event.turn_id, event.call_id) == (self._turn_id, call_id)
            for event in noted
        )

    async def close(self) -> None:
        """Note what a call that was cut short has changed, and let go of the workspace."""
        try:
            # Refused: the turn has ended, or another pod holds it and has noted it.
            with suppress(Refused, StorageUnavailable, OutcomeUnknown):
                await self._note_changes()
        finally:
            self._release()
            if self._workspace is not None:
                self._workspace.close()
                self._workspace = None

    def context(self, brain: Brain, call_id: CallId) -> ToolCallContext:
        """Return what one call may know. Its authority is asked for anew by whoever decides."""
        assert self._workspace is not None, "a tool that starts has opened it"

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

        gate = ToolGate(
            self._host,
            self._door,
            self._seat.clock,
            self._turn_id,
            self._fence,
            call_id,
            taint=self._all_taint,
            decided=self._decided,
            prepare=partial(self._prepare, call_id),
            give_up=self._release,
            disabled=self._seat.storage.disabled_accounts,
        )
        return ToolCallContext(
            workspace=self._workspace,
            gate=gate,
            emit=emit,
            call_id=call_id,
            allows=lambda name: self._seat.is_allowed(name, self._host.room.state.room.settings, brain),
            desk=self._desk,
        )

    async def _prepare(self, call_id: CallId, tool_class: ToolClass) -> str:
        """Take the room's lock and a checkpoint if the call may change files; return the checkpoint's hash."""
        self._class = tool_class
        assert self._workspace is not None, "a tool that starts has opened it"
        if tool_class not in CHANGES_FILES:
            if tool_class not in {ToolClass.ROOM, ToolClass.NETWORK}:
                await self._seat.workbench.freshen(self._host.room_id, self._workspace)
            self._signal("tool")
            return ""
        await self._seat.workbench.mirror.fetch(self._host.room_id)
        lock = self._seat.workbench.lock(self._host.room_id)
        if lock.locked():
            self._signal("waiting", "somebody else is changing files")
        await lock.acquire()
        try:
            before = await self._seat.workbench.begin(self._host.room_id, self._workspace)
        except BaseException:
            lock.release()
            raise
        self._running, self._before = call_id, before
        self._signal("tool")
        return before

    async def _note_changes(self, left: Collection[Taint] = ()) -> None:
        """Tell the log what the call that holds the lock has changed; then let go of the lock.

        `left`: what it had brought itself, or an earlier holder's prompt.
        """
        if self._before is None or self._running is None:
            return
        assert self._workspace is not None, "a tool that started has opened it"
        try:
            changed = await self._seat.workbench.since(self._host.room_id, self._workspace, self._before)
            # Whether it can be told or not: it is this call's.
            self._seat.workbench.end(self._host.room_id, changed.after)
            if changed:
                note = NoteChanges(
                    turn_id=self._turn_id,
                    fence=self._fence,
                    call_id=self._running,
                    changes=changed.changes,
                    more=changed.more,
                    before=changed.before,
                    after=changed.after,
                    taint=tuple(sorted({*self._taint(), *left, *self._taint_of_files()})),
                )
                # One key: who was cut off while this was written comes here again.
                await self._door.submit(note, key=f"changes-{self._turn_id}-{self._running}")
        except asyncio.CancelledError:
            raise  # `close` notes it, before it lets go of the lock
        except (OSError, CheckpointGone) as error:
            _log.warning("changes_not_noted", room=self._host.room_id, turn=self._turn_id, error=str(error))
        except BaseException:
            self._release()
            raise
        self._release()

    def _release(self) -> None:
        if self._before is not None:
            self._before = self._running = None
            self._seat.workbench.lock(self._host.room_id).release()

    def _signal(self, phase: Literal["tool", "waiting"], said: str = "") -> None:
        self._host.memory.signal(
            TurnProgress(room_id=self._host.room_id, turn_id=self._turn_id, phase=phase, said=said)
        )

    async def _finish(self, call_id: CallId, result: ToolResult, arguments: str) -> None:
        taint = result.taint
        if taint is None and self._has_read_tainted(arguments):
            taint = Taint.FILE
        await self._door.submit(
            FinishTool(
                turn_id=self._turn_id,
                fence=self._fence,
                call_id=call_id,
                is_ok=result.ok,
                text=result.text,
                code=result.code,
                exit_status=result.exit_status,
                taint=taint,
            )
        )

    def _taint_of_files(self) -> Collection[Taint]:
        """What the call that runs may have copied: a file that it writes is no better than those that it read."""
        turn = self._host.room.state.turns.get(self._turn_id)
        running = [call for call in turn.calls if call.call_id == self._running] if turn is not None else []
        return {Taint.FILE for call in running if self._has_read_tainted(call.arguments)}

    def _has_read_tainted(self, arguments: str) -> bool:
        """Whether the call may have read a file that a tainted turn wrote: a command any of them, a tool what it names."""
        tainted = self._host.room.state.notes.tainted_files
        if not tainted or self._class in {None, ToolClass.ROOM, ToolClass.NETWORK}:
            return False
        if self._class in {ToolClass.TERMINAL, ToolClass.EXTENDED} or ANYWHERE in tainted:
            return True
        named = _path_in(arguments)
        return any(named in {path, ""} or path.startswith(f"{named}/") for path in tainted)

    def _all_taint(self) -> Collection[Taint]:
        turn = self._host.room.state.turns.get(self._turn_id)
        return {*self._taint(), *(turn.taint if turn is not None else ())}


def _path_in(arguments: str) -> str:
    with suppress(ValueError):
        given = json.loads(arguments)
        path = given.get("path") if isinstance(given, dict) else None
        if isinstance(path, str):
            plain = "/".join(part for part in path.split("/") if part not in {"", "."})
            # As the log names it: odd characters are written out there.
            return shown_path(plain.encode(errors="surrogatepass"))
    return ""
