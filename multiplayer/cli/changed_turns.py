"""Finds the turns that changed files and that somebody means: the last one, one before it, the one to be undone."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from multiplayer.cli.chat_refusals import not_there
from multiplayer.client import RefusalCode, Refused, Room, RoomWord
from multiplayer.protocol.ids import TurnId
from multiplayer.protocol.reports_workspace import TurnChanges
from multiplayer.protocol.turn_events import TurnUndone

LOOKED_AT: Final = 20
"""So many of the last turns are looked at for changed files."""
UNDO_S: Final = 60.0
"""How long an undo is waited for."""


async def changed_turns(room: Room, known: Sequence[TurnId] = ()) -> AsyncIterator[TurnChanges]:
    """Yield the last turns that changed files, the latest first. `known`: the latest ones, where they are known."""
    for turn_id in known:
        yield await room.turn_changes(turn_id)
    page = await room.turns(limit=LOOKED_AT)
    for turn in (*reversed(page.open), *page.ended):
        if turn.turn_id not in known and (changes := await room.turn_changes(turn.turn_id)).calls:
            yield changes


async def nth_changed(room: Room, wanted: int, known: Sequence[TurnId] = ()) -> TurnChanges:
    """Return the last turn that changed files (1), or one before it. Raises `Refused` if there is none."""
    seen = 0
    async for turn in changed_turns(room, known):
        seen += 1
        if seen == wanted:
            return turn
    raise not_there(f"of the last turns, {seen or 'none'} changed files")


async def turn_to_undo(room: Room, known: Sequence[TurnId] = ()) -> TurnChanges:
    """Return the last turn that can be undone, and by this member. Raises `Refused` with what stands in the way."""
    is_of_others = False
    async for turn in changed_turns(room, known):
        if not turn.may_undo:
            is_of_others |= turn.undo in {"possible", "running"}
        elif turn.undo == "possible":
            return turn
        elif turn.undo in {"running", "wanted"}:
            why = "still runs: stop it first" if turn.undo == "running" else "is being undone now"
            raise Refused(RefusalCode.CONFLICT, f"the turn that changed files last {why}")
    if is_of_others:
        raise Refused(RefusalCode.FORBIDDEN, "a member undoes only what an AI changed for that member alone")
    raise not_there("none of the last turns changed files that could be put back")


async def undo(room: Room, turn_id: TurnId, *, keeps_others: bool) -> TurnUndone | None:
    """Ask for it and return what came of it; None if that takes too long to wait for."""
    accepted = await room.undo_turn(turn_id, keeps_others=keeps_others)
    assert accepted.seq is not None, "an undo is an event"

    def is_end(word: RoomWord) -> bool:
        return isinstance(word, TurnUndone) and word.turn_id == turn_id

    try:
        undone = await room.wait_for(is_end, UNDO_S, after=accepted.seq)
    except TimeoutError:
        return None
    assert isinstance(undone, TurnUndone)
    return undone
