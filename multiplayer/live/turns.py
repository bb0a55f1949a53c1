"""Which turns this pod runs: claim, lease, stop, take over what another pod left."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

import structlog

from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.directory import Directory
from multiplayer.live.room_host import RoomHost
from multiplayer.live.speech import Speech
from multiplayer.live.turn_lease import TurnLease
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import Event
from multiplayer.protocol.ids import RoomId, TurnId
from multiplayer.protocol.inner_commands import StartTurn
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.turn_events import ApprovalDecided, TurnEnded, TurnRequested, TurnStarted, TurnStopRequested
from multiplayer.protocol.turns import TurnOutcome
from multiplayer.rooms.turn_rules import STOPPED_BY_A_MEMBER
from multiplayer.storage.port import OpenTurn, OutcomeUnknown, Storage, StorageUnavailable
from multiplayer.telemetry.metrics import Metrics

SWEEP_S = 1.0
UNCLAIMED_S = 1.0
MAX_RUNNING = 64
"""Turns at once on this pod; the rest wait for a place, or for another pod."""

_log = structlog.get_logger(__name__)


@dataclass
class Running:
    host: RoomHost
    turn_id: TurnId
    fence: int
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    why: str = ""
    speech: Speech | None = None


class Turns:
    """Owns the tasks of running turns. Hears every event of every room that is loaded here."""

    def __init__(self, seat: AiSeat | None, directory: Directory, storage: Storage, metrics: Metrics, pod: str) -> None:
        self._seat = seat
        self._directory = directory
        self._storage = storage
        self._metrics = metrics
        self._pod = pod
        self._running: dict[TurnId, Running] = {}
        self._passed_over: dict[RoomId, RoomHost] = {}
        """Rooms with a turn for which there was no place here."""
        self._tasks = asyncio.TaskGroup()
        # Without a seat nobody speaks here: a command line only passes through.
        self._is_draining = seat is None

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.drain("the server restarted")
        await self._tasks.__aexit__(None, None, None)

    def __len__(self) -> int:
        return len(self._running)

    def drain(self, why: str) -> None:
        """Start no more, and end those that run, with the words so far."""
        self._is_draining = True
        for running in self._running.values():
            running.why = why
            running.stop.set()

    def hear(self, host: RoomHost, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case TurnRequested() | TurnEnded():
                    if isinstance(event, TurnEnded) and event.turn_id in self._running:
                        self._metrics.turns.labels(event.outcome.value).inc()
                        self._running[event.turn_id].stop.set()
                    self._begin_next(host)
                case TurnStopRequested():
                    running = self._running.get(event.turn_id)
                    if running is not None:
                        running.stop.set()
                case ApprovalDecided():
                    running = self._running.get(event.turn_id)
                    if running is not None and running.speech is not None:
                        running.speech.wake()
                case TurnStarted():
                    running = self._running.get(event.turn_id)
                    if running is not None and running.fence != event.fence:
                        # Another pod took over: whatever we still say would be refused.
                        running.stop.set()
                case _:
                    pass

    async def sweep(self) -> None:
        """For ever: take over turns that nobody claimed or whose pod has died."""
        while True:
            await asyncio.sleep(SWEEP_S)
            if self._is_draining:
                return
            try:
                for open_turn in await self._storage.waiting(unclaimed_for_s=UNCLAIMED_S, limit=MAX_RUNNING):
                    await self._take_over(open_turn)
                if self._seat is not None:
                    await self._seat.purse.sweep()
            except (StorageUnavailable, OutcomeUnknown, Refused):
                # The database is away or a room was deleted meanwhile: the next sweep sees what is left.
                continue

    async def _take_over(self, waiting: OpenTurn) -> None:
        """Begin what was left, if its turn has come."""
        if waiting.turn_id in self._running or len(self._running) >= MAX_RUNNING:
            return
        with suppress(Refused):
            host = await self._directory.host(waiting.room_id)
            turn = host.room.state.turns.get(waiting.turn_id)
            if turn is None:
                # The row was left behind by a log that has moved on; the room reads on by itself.
                host.catch_up()
            elif turn.fence == waiting.fence and not _waits_for_another(host, turn):
                self._begin(host, turn)

    def _begin_next(self, host: RoomHost) -> None:
        """Claim each AI's oldest waiting turn, unless that AI is at another one."""
        busy = {turn.ai_id for turn in host.room.state.turns.values() if turn.is_running}
        busy |= {host.room.state.turns[turn_id].ai_id for turn_id in self._running if turn_id in host.room.state.turns}
        for turn in tuple(host.room.state.turns.values()):
            if turn.ai_id not in busy:
                busy.add(turn.ai_id)
                self._begin(host, turn)

    def _begin_passed_over(self) -> None:
        """Give the places that are free now to those who found none; the sweep would come a second later."""
        while self._passed_over and len(self._running) < MAX_RUNNING:
            host = self._passed_over.pop(next(iter(self._passed_over)))
            if not host.is_stopped:
                self._begin_next(host)

    def _begin(self, host: RoomHost, turn: TurnState) -> None:
        if self._is_draining or turn.turn_id in self._running:
            return
        if len(self._running) >= MAX_RUNNING:
            self._passed_over[host.room_id] = host
            return
        running = Running(host, turn.turn_id, turn.fence + 1)
        self._running[turn.turn_id] = running
        self._tasks.create_task(self._run(running, turn), name=f"turn {turn.turn_id}")

    async def _run(self, running: Running, turn: TurnState) -> None:
        """One turn from claim to end. Whatever breaks in it ends this turn only."""
        host = running.host
        has_started = False
        try:
            start = StartTurn(turn_id=turn.turn_id, fence=running.fence, pod=self._pod)
            await host.ask(turn.ai_id, start, origin="server")
            has_started = True
            await self._speak(running, turn)
        except Refused as refused:
            if refused.code not in {RefusalCode.CONFLICT, RefusalCode.NOT_FOUND}:
                _log.warning("turn_not_started", room=host.room_id, turn=turn.turn_id, code=refused.code.value)
        except (StorageUnavailable, OutcomeUnknown):
            # The lease runs out and a sweep, here or elsewhere, takes the turn from its last durable step.
            _log.warning("turn_left", room=host.room_id, turn=turn.turn_id)
        except Exception:
            _log.exception("turn_broke", room=host.room_id, turn=turn.turn_id)
            await self._end_broken(running, turn)
        finally:
            del self._running[turn.turn_id]
            if has_started:
                # What could not even be claimed is left to the sweep, which does not hurry.
                self._begin_next(host)
            self._begin_passed_over()

    async def _speak(self, running: Running, turn: TurnState) -> None:
        """Let the seat speak until it ends or is stopped; keep the lease and the words meanwhile."""
        host = running.host
        assert self._seat is not None, "nothing begins without a seat"
        lease = self._lease(running)
        # Read under our own fence: its last holder cannot add to it any more.
        left = await self._storage.turn(host.room_id, turn.turn_id) if turn.is_running else None
        text, cards = (left.text, left.cards) if left is not None else ("", ())
        speech = running.speech = Speech(self._seat, host, turn.turn_id, running.fence, lease, text, cards)
        if self._is_being_stopped(running):
            # The pod that held it died before it obeyed.
            running.stop.set()
            await speech.take_over()
        else:
            await self._until_stopped(speech, lease, running)
        if not running.stop.is_set():
            return
        now = host.room.state.turns.get(turn.turn_id)
        if now is None or now.fence != running.fence:
            return
        speech.words.forget_held()
        if now.superseded_by is not None:
            await speech.end(TurnOutcome.INTERRUPTED, "a newer request took its place")
        elif now.is_stop_requested:
            await speech.end(TurnOutcome.STOPPED, STOPPED_BY_A_MEMBER)
        else:
            await speech.end(TurnOutcome.INTERRUPTED, running.why or "interrupted")

    async def _until_stopped(self, speech: Speech, lease: TurnLease, running: Running) -> None:
        """Return when it has ended, is to be stopped, or is not ours for certain: then its end is left to who holds it."""
        try:
            async with asyncio.TaskGroup() as tasks:
                holding = tasks.create_task(lease.keep())
                keeping = tasks.create_task(speech.words.keep())
                speaking = tasks.create_task(speech.run())
                stopping = tasks.create_task(running.stop.wait())
                done, _ = await asyncio.wait({speaking, stopping, holding}, return_when=asyncio.FIRST_COMPLETED)
                if done == {holding}:
                    _log.warning("lease_over", room=running.host.room_id, turn=running.turn_id)
                    if speech.is_ending:
                        # Nobody hears more of it; and its end is refused if another pod holds the turn.
                        await asyncio.wait({speaking, stopping}, return_when=asyncio.FIRST_COMPLETED)
                for task in (speaking, stopping, holding, keeping):
                    task.cancel()
        except ExceptionGroup as group:
            raise group.exceptions[0] from group
        finally:
            # However it ended, or our hold on it did: a call that was cut short is paid for.
            await speech.settle()

    def _lease(self, running: Running) -> TurnLease:
        assert self._seat is not None, "nothing begins without a seat"
        clock_s = self._seat.clock.monotonic_s
        return TurnLease(self._storage, clock_s, running.turn_id, fence=running.fence, pod=self._pod)

    async def _end_broken(self, running: Running, turn: TurnState) -> None:
        """End a turn in which something of ours broke: what people have read stands."""
        assert self._seat is not None, "nothing begins without a seat"
        if turn.turn_id not in running.host.room.state.turns:
            return
        text, cards = running.speech.words.said if running.speech is not None else ("", ())
        outcome = TurnOutcome.INTERRUPTED if text or cards else TurnOutcome.FAILED
        # Anew, so that what broke has no part in it.
        speech = Speech(self._seat, running.host, turn.turn_id, running.fence, self._lease(running), text, cards)
        with suppress(StorageUnavailable, OutcomeUnknown):
            await speech.end(outcome, "something broke in the server; its log says more")

    def _is_being_stopped(self, running: Running) -> bool:
        turn = running.host.room.state.turns.get(running.turn_id)
        return turn is not None and turn.is_stop_requested


def _waits_for_another(host: RoomHost, turn: TurnState) -> bool:
    """Whether its AI is at another turn of the room, so that it cannot be claimed yet."""
    return not turn.is_running and any(other.is_running for other in host.room.state.turns_of(turn.ai_id))
