"""Turns as their events leave them, and what they used."""

from collections.abc import Mapping, Sequence
from typing import Final

from multiplayer.protocol.events import Event
from multiplayer.protocol.ids import AccountId, TurnId
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.turn_events import TurnEnded, TurnRequested, TurnStarted
from multiplayer.protocol.turn_fold import TurnEvent, turn_after, turn_of
from multiplayer.storage.database import Connection, columns
from multiplayer.storage.queries import Queries
from multiplayer.storage.unfit import Unfit

_WAITING, _RUNNING = "requested", "running"
_NOT_ENDED: Final = (None, None, "", None, None)


def turn_word(turn: TurnState) -> str:
    """Return the `state` of a turn that has not ended."""
    return _RUNNING if turn.is_running else _WAITING


async def project_turns(connection: Connection, queries: Queries, events: Sequence[Event]) -> None:
    """Make turns that are asked for, change and end others. Raises `Unfit`."""
    turn_events = [event for event in events if isinstance(event, TurnEvent)]
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
        if isinstance(event, TurnRequested):
            turn = turns[event.turn_id] = turn_of(event)
            row = (turn.turn_id, event.room_id, turn.ai_id, turn.requested_at, turn.requested_seq, turn.rule_id)
            requested[event.turn_id] = (*row, turn.model_dump_json())
            continue
        before = turns.get(event.turn_id)
        if before is None:
            raise Unfit(f"{event.type} of a turn that is not open")
        if isinstance(event, TurnEnded):
            # What its unfinished calls were told stands in the log, and goes out of that when it has to.
            last[event.turn_id] = turns.pop(event.turn_id).model_copy(update={"calls": ()})
            ends[event.turn_id] = event
            usage += _usage_rows(event, before.askers)
            continue
        last[event.turn_id] = turns[event.turn_id] = turn_after(before, event)
        if isinstance(event, TurnStarted):
            pods[event.turn_id] = event.pod
    if requested:
        await connection.execute(queries["put_turns"], *columns(list(requested.values())))
    if last:
        last |= await _without_notes(connection, queries, {turn_id: (last[turn_id], ends[turn_id]) for turn_id in ends})
        rows = [_row(turn, pods.get(turn_id), ends.get(turn_id)) for turn_id, turn in last.items()]
        await connection.execute(queries["change_turns"], *columns(rows))
    if usage:
        await connection.execute(queries["put_usage"], *columns(usage))


async def _open_turns(connection: Connection, queries: Queries, turn_ids: set[TurnId]) -> dict[TurnId, TurnState]:
    rows = await connection.fetch(queries["turns_to_change"], list(turn_ids)) if turn_ids else []
    return {row["id"]: TurnState.model_validate_json(row["open_state"]) for row in rows}


async def _without_notes(
    connection: Connection, queries: Queries, ended: Mapping[TurnId, tuple[TurnState, TurnEnded]]
) -> dict[TurnId, TurnState]:
    """Return those of the ended turns with a deleted message or answer without what they were asked beside it."""
    noted = {
        turn_id: (turn, end.room_id, {*turn.messages, *filter(None, (end.message_id, turn.replaces))})
        for turn_id, (turn, end) in ended.items()
        if turn.note
    }
    wanted: list[tuple[object, ...]] = [
        (room_id, message_id) for _, room_id, message_ids in noted.values() for message_id in message_ids
    ]
    if not wanted:
        return {}
    rows = await connection.fetch(queries["deleted_among"], *columns(wanted))
    gone = {(row["room_id"], row["id"]) for row in rows}
    return {
        turn_id: turn.model_copy(update={"note": ""})
        for turn_id, (turn, room_id, message_ids) in noted.items()
        if any((room_id, message_id) in gone for message_id in message_ids)
    }


def _row(turn: TurnState, pod: str | None, end: TurnEnded | None) -> tuple[object, ...]:
    body = turn.model_dump_json()
    if end is None:
        return (turn.turn_id, body, turn_word(turn), turn.fence, pod, turn.model, *_NOT_ENDED)
    model = turn.model if end.usage is None else end.usage.model
    return (turn.turn_id, None, end.outcome, turn.fence, pod, model, end.at, end.seq, end.reason, end.message_id, body)


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
            used.price_version,
            used.calls,
        )
    ]
