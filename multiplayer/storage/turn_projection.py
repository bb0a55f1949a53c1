"""Turns as their events leave them, folded by the room's own fold, and what they used."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from multiplayer.protocol.events import (
    Event,
    ToolCalled,
    ToolFinished,
    ToolStarted,
    TurnCollected,
    TurnEnded,
    TurnRequested,
    TurnStarted,
    TurnStopRequested,
)
from multiplayer.protocol.ids import AccountId, RoomId, TurnId
from multiplayer.protocol.rooms import RoomKind, RoomSettings, RoomView, TurnState
from multiplayer.rooms.state import RoomState
from multiplayer.storage.database import Connection, columns
from multiplayer.storage.queries import Queries
from multiplayer.storage.unfit import Unfit

_TurnEvent = (
    TurnRequested
    | TurnCollected
    | TurnStarted
    | TurnStopRequested
    | TurnEnded
    | ToolCalled
    | ToolStarted
    | ToolFinished
)
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WAITING, _RUNNING = "requested", "running"


def turn_word(turn: TurnState) -> str:
    """Return the `state` of a turn that has not ended."""
    return _RUNNING if turn.is_running else _WAITING


async def project_turns(connection: Connection, queries: Queries, events: Sequence[Event]) -> None:
    """Make turns that are asked for, change and end others. Raises `Unfit`."""
    turn_events = [event for event in events if isinstance(event, _TurnEvent)]
    if not turn_events:
        return
    new = {event.turn_id for event in turn_events if isinstance(event, TurnRequested)}
    old = {event.turn_id for event in turn_events} - new
    turns = await _open_turns(connection, queries, old)
    requested: dict[TurnId, tuple[object, ...]] = {}
    pods: dict[TurnId, str] = {}
    ends: dict[TurnId, TurnEnded] = {}
    last: dict[TurnId, TurnState] = {}
    usage: list[tuple[object, ...]] = []
    for event in turn_events:
        before = turns.turns.get(event.turn_id)
        turns.seq = event.seq - 1
        if isinstance(event, TurnRequested):
            turns.apply(event)
            turn = turns.turns[event.turn_id]
            row = (turn.turn_id, event.room_id, turn.ai_id, turn.requested_at, turn.requested_seq)
            requested[event.turn_id] = (*row, turn.model_dump_json())
            continue
        if before is None:
            raise Unfit(f"{event.type} of a turn that is not open")
        turns.apply(event)
        last[event.turn_id] = turns.turns.get(event.turn_id, before)
        if isinstance(event, TurnStarted):
            pods[event.turn_id] = event.pod
        if isinstance(event, TurnEnded):
            ends[event.turn_id] = event
            usage += _usage_rows(event, before.askers)
    if requested:
        await connection.execute(queries["put_turns"], *columns(list(requested.values())))
    if last:
        rows = [_row(turn, pods.get(turn_id), ends.get(turn_id)) for turn_id, turn in last.items()]
        await connection.execute(queries["change_turns"], *columns(rows))
    if usage:
        await connection.execute(queries["put_usage"], *columns(usage))


async def _open_turns(connection: Connection, queries: Queries, turn_ids: set[TurnId]) -> RoomState:
    """Return a room of no name that holds these turns: the fold of turns looks at nothing else."""
    rows = await connection.fetch(queries["turns_to_change"], list(turn_ids)) if turn_ids else []
    anywhere = RoomView(
        id=RoomId(""), kind=RoomKind.ROOM, name="", topic="", settings=RoomSettings(), created_at=_NEVER
    )
    turns = {row["id"]: TurnState.model_validate_json(row["open_state"]) for row in rows}
    return RoomState(room=anywhere, seq=0, turns=turns)


def _row(turn: TurnState, pod: str | None, end: TurnEnded | None) -> tuple[object, ...]:
    if end is None:
        return (turn.turn_id, turn.model_dump_json(), turn_word(turn), turn.fence, pod, None)
    return (turn.turn_id, None, end.outcome, turn.fence, pod, end.at)


def _usage_rows(event: TurnEnded, askers: Sequence[AccountId]) -> list[tuple[object, ...]]:
    used = event.usage
    if used is None:
        return []
    return [
        (
            event.turn_id,
            event.room_id,
            event.ai_id,
            " ".join(askers),
            event.at,
            used.model,
            used.tokens_in,
            used.tokens_cached,
            used.tokens_out,
            used.cost_micros,
            used.is_estimated,
        )
    ]
