"""What a joining member is shown: the room as it stands, cut to what this member may read."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from multiplayer.protocol.budgets import Budget
from multiplayer.protocol.cards import Card
from multiplayer.protocol.ids import AccountId, TurnId
from multiplayer.protocol.members import Member
from multiplayer.protocol.messages import Message
from multiplayer.protocol.rooms import ReadMark, Snapshot, TurnState
from multiplayer.rooms.deciding import readable_from
from multiplayer.rooms.permissions import Grant, Right, grant, may
from multiplayer.rooms.sight import turn_without_files
from multiplayer.rooms.state import RoomState


@dataclass(frozen=True)
class RunningText:
    """What a running turn has said so far; `index` is that of its next delta."""

    text: str
    index: int
    cards: tuple[Card, ...] = ()


def snapshot_of(
    state: RoomState,
    *,
    reader: Member,
    messages: Sequence[Message],
    online: Collection[AccountId],
    read: ReadMark,
    texts: Mapping[TurnId, RunningText],
    has_older: bool = False,
) -> Snapshot:
    """Return what `reader` sees of the room at `state.seq`.

    `messages`: the last ones, oldest first, folded up to `state.seq`. `texts`: for each turn that has said something,
    what it was. `has_older`: there may be messages before `messages`. `online` may name others than members; they are left out.
    A guest who may not see what was before sees of the pins those that stand in `messages`.
    """
    first_seq = readable_from(state, reader)
    is_restricted = first_seq > 0
    visible = tuple(message for message in messages if message.seq >= first_seq)
    visible_ids = {message.id for message in visible}
    sees_workspace = may(Right.SEE_WORKSPACE, reader.role, state.room.settings)

    def told(turn: TurnState) -> TurnState:
        turn = _as_told(_with_text(turn, texts), first_seq)
        return turn if sees_workspace else turn_without_files(turn)

    return Snapshot(
        room=state.room,
        seq=state.seq,
        members=tuple(state.members.values()),
        banned=tuple(sorted(state.banned)) if _may_remove(state, reader) else (),
        pins=tuple(pin for pin in state.pins if pin in visible_ids or not is_restricted),
        turns=tuple(map(told, state.turns.values())),
        summary=None if is_restricted else state.summary,
        facts=() if is_restricted else state.notes.facts,
        proposals=() if is_restricted else state.notes.proposals,
        budget=state.notes.budget if may(Right.SEE_USAGE, reader.role, state.room.settings) else Budget(),
        messages=visible,
        has_older=has_older and len(visible) == len(messages),
        online=tuple(account_id for account_id in state.members if account_id in online),
        read=read,
    )


def _may_remove(state: RoomState, reader: Member) -> bool:
    return grant(Right.REMOVE, reader.role, state.room.settings) is not Grant.NO


def _as_told(turn: TurnState, first_seq: int) -> TurnState:
    """Return a turn without what was asked and done before the reader may read; its answer they will read anyway."""
    if turn.requested_seq >= first_seq:
        return turn
    return turn.model_copy(update={"note": "", "calls": (), "messages": (), "steering": ()})


def _with_text(turn: TurnState, texts: Mapping[TurnId, RunningText]) -> TurnState:
    running = texts.get(turn.turn_id)
    if running is None:
        return turn
    return turn.model_copy(update={"text": running.text, "text_index": running.index, "cards": running.cards})
