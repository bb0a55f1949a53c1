"""From where words may have come into what an earlier holder of a turn had said before its pod died."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from multiplayer.ai.brain import NoBrain
from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.log_pages import events_between
from multiplayer.live.room_host import RoomHost
from multiplayer.live.turn_context import MAX_EVENTS
from multiplayer.live.turn_reports import manifest_of
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.events import AnswerRegenerated, Event, FactPinned, MessagePosted, SummaryUpdated
from multiplayer.protocol.ids import TurnId
from multiplayer.protocol.profiles import Provider
from multiplayer.protocol.reports_prompts import Manifest
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.turn_events import ToolFinished, TurnCollected, TurnRequested, TurnStarted, TurnSteered

# As in `"taint":[...]`, `"note_taint":[...]`, and the reason of a turn that a webhook asked for.
_MARKS: Final = (b'taint":', b'"webhook"')


async def left_taint(seat: AiSeat, host: RoomHost, turn_id: TurnId, *, has_cards: bool) -> frozenset[Taint]:
    """Return what its prompt and its tools had brought, and what its words can only be. Empty if it has ended.

    Of a prompt of which nothing is kept: whatever it may have held.
    """
    turn: TurnState | None = host.room.state.turns.get(turn_id)
    if turn is None:
        return frozenset()
    record = await seat.storage.turn(host.room_id, turn_id)
    manifest = manifest_of(record) if record is not None else None
    found = {*(manifest.taint if manifest is not None else ()), *turn.taint}
    # Messages that steered it stand in no manifest.
    told = await seat.storage.messages(host.room_id, list(turn.messages))
    found.update(taint for message in told.values() for taint in message.taint)
    if manifest is None or await _is_of_an_earlier_holder(seat, host, turn, manifest):
        found |= await _in_reach(seat, host, turn)
    with suppress(NoBrain):
        # Nobody keeps what such a site says of its words before the end; but all of them come from outside.
        if has_cards or seat.brains.of(turn.ai_id).profile.provider is Provider.NLWEB:
            found.add(Taint.NLWEB)
    return frozenset(found)


async def _is_of_an_earlier_holder(seat: AiSeat, host: RoomHost, turn: TurnState, manifest: Manifest) -> bool:
    """Whether the last holder, the one before us, began after this manifest was made, so that its own was not kept."""
    since = await events_between(
        seat.storage, host.room_id, manifest.up_to_seq, host.room.seq, marks=(turn.turn_id.encode(),)
    )
    return any(
        isinstance(event, TurnStarted) and event.turn_id == turn.turn_id and event.fence == turn.fence - 1
        for event in since
    )


async def _in_reach(seat: AiSeat, host: RoomHost, turn: TurnState) -> set[Taint]:
    """Return all untrusted sources of what a prompt of this turn could have held: more rather than less."""
    state = host.room.state
    # A prompt begins at a multiple of so many events, at the summary at the earliest.
    after = max(0, turn.requested_seq - 2 * MAX_EVENTS)
    events = await events_between(seat.storage, host.room_id, after, host.room.seq, marks=_MARKS)
    found = {taint for event in events for taint in _taint_of(event)}
    for kept in await seat.storage.summaries(host.room_id):
        found |= {*kept.summary.taint}
    found.update(taint for fact in state.notes.facts for taint in fact.taint)
    older = await seat.storage.messages(host.room_id, list(state.pins))
    return found.union(*(message.taint for message in older.values()))


def _taint_of(event: Event) -> Sequence[Taint]:
    match event:
        case MessagePosted():
            return event.message.taint
        case AnswerRegenerated():
            return event.answer.taint
        case SummaryUpdated():
            return event.taint
        case FactPinned():
            return event.fact.taint
        case ToolFinished():
            return (event.taint,) if event.taint is not None else ()
        case TurnRequested() | TurnCollected() | TurnSteered():
            return (*event.note_taint, *((Taint.WEBHOOK,) if event.is_by_webhook else ()))
        case _:
            return ()
