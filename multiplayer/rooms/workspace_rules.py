"""Deciding what the log says of the workspace: changed files, undo; and what AIs propose to remember."""

from multiplayer.protocol.cards import Taint
from multiplayer.protocol.commands import DecideProposal, UndoTurn
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import Event, FactForgotten, FactPinned
from multiplayer.protocol.inner_commands import FinishUndo, NoteChanges, NoteJobChanges, Propose, RecordChanges
from multiplayer.protocol.members import Role
from multiplayer.protocol.memory import Fact, Proposal
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.turn_events import ChangeProposed, FilesChanged, ProposalDecided, TurnUndone, UndoRequested
from multiplayer.rooms.deciding import Deciding
from multiplayer.rooms.notes import ChangedFiles
from multiplayer.rooms.permissions import Right

MAX_PROPOSALS = 20


def note_changes(deciding: Deciding, turn: TurnState, command: NoteChanges) -> list[Event]:
    call = next((call for call in turn.calls if call.call_id == command.call_id), None)
    if call is None or not call.is_started:
        raise Refused(RefusalCode.CONFLICT, "there is no such call running")
    return [
        FilesChanged(
            **deciding.head(),
            turn_id=turn.turn_id,
            call_id=call.call_id,
            changes=command.changes,
            more=command.more,
            before=command.before,
            after=command.after,
            asked_by=turn.askers,
            approved_by=call.approval.approved_by if call.approval is not None else (),
            taint=_all(turn, command.taint),
        )
    ]


def _all(turn: TurnState, more: tuple[Taint, ...]) -> tuple[Taint, ...]:
    return tuple(dict.fromkeys((*turn.taint, *more)))


def record_changes(deciding: Deciding, command: RecordChanges) -> list[Event]:
    deciding.check(Right.CHANGE_WORKSPACE)
    return [
        FilesChanged(
            **deciding.head(),
            changes=command.changes,
            more=command.more,
            before=command.before,
            after=command.after,
        )
    ]


def note_job_changes(deciding: Deciding, command: NoteJobChanges) -> list[Event]:
    """What is done is done: neither a turn that has ended nor an AI that was removed makes it untold."""
    return [
        FilesChanged(
            **deciding.head(),
            turn_id=command.turn_id,
            call_id=command.call_id,
            changes=command.changes,
            more=command.more,
            before=command.before,
            after=command.after,
            asked_by=command.asked_by,
            approved_by=command.approved_by,
            taint=command.taint,
        )
    ]


def undo(deciding: Deciding, command: UndoTurn) -> list[Event]:
    deciding.check(Right.READ)
    if command.turn_id in deciding.state.turns:
        raise Refused(RefusalCode.CONFLICT, "this turn still runs: stop it first")
    changed = _changed(deciding, command)
    deciding.check(Right.STEER_TURN, is_own_request=changed.askers == (deciding.actor_id,))
    if changed.undo:
        raise Refused(RefusalCode.NO_CHANGE, "this turn is undone already, or being undone")
    return [UndoRequested(**deciding.head(), turn_id=command.turn_id, keeps_others=command.keeps_others)]


def finish_undo(deciding: Deciding, command: FinishUndo) -> list[Event]:
    changed = _changed(deciding, command)
    if changed.undo != "wanted":
        raise Refused(RefusalCode.CONFLICT, "nobody waits for this")
    return [
        TurnUndone(
            **deciding.head(),
            turn_id=command.turn_id,
            is_ok=command.is_ok,
            reason=command.reason,
            changes=command.changes,
            more=command.more,
            conflicts=command.conflicts,
        )
    ]


def _changed(deciding: Deciding, command: UndoTurn | FinishUndo) -> ChangedFiles:
    changed = next((one for one in deciding.state.notes.changed if one.turn_id == command.turn_id), None)
    if changed is None:
        raise Refused(RefusalCode.NOT_FOUND, "this turn changed no files, or it is too long ago to be undone")
    return changed


def propose(deciding: Deciding, turn: TurnState, command: Propose) -> list[Event]:
    """Put an AI's proposal before the room. A guest's request changes nobody's memory, not even by proposal."""
    if deciding.state.authority_of(turn) in {None, Role.GUEST, Role.AI}:
        raise Refused(RefusalCode.EXPIRED, "in a guest's name nothing is proposed to be remembered or forgotten")
    notes = deciding.state.notes
    text = " ".join(command.text.split())
    if bool(text) == (command.fact_id is not None):
        raise Refused(RefusalCode.MALFORMED, "propose a text to remember, or the id of a fact to forget")
    if command.fact_id is not None and all(fact.id != command.fact_id for fact in notes.facts):
        raise Refused(RefusalCode.NOT_FOUND, "there is no such fact in this room")
    known = {*(fact.text for fact in notes.facts), *(one.text for one in notes.proposals)}
    if (text and text in known) or any(one.fact_id == command.fact_id for one in notes.proposals if command.fact_id):
        raise Refused(RefusalCode.NO_CHANGE, "the room knows this, or is being asked already")
    if len(notes.proposals) >= MAX_PROPOSALS:
        raise Refused(RefusalCode.LIMIT_REACHED, f"{MAX_PROPOSALS} proposals wait for the room already")
    proposal = Proposal(
        id=deciding.new_id(),
        by=turn.ai_id,
        at=deciding.at,
        text=text,
        fact_id=command.fact_id,
        taint=_all(turn, command.taint),
    )
    return [ChangeProposed(**deciding.head(), turn_id=turn.turn_id, proposal=proposal)]


def decide_proposal(deciding: Deciding, command: DecideProposal) -> list[Event]:
    deciding.check(Right.EDIT_SUMMARY)
    notes = deciding.state.notes
    proposal = next((one for one in notes.proposals if one.id == command.proposal_id), None)
    if proposal is None:
        raise Refused(RefusalCode.NOT_FOUND, "there is no such proposal, or it is decided")
    events: list[Event] = [ProposalDecided(**deciding.head(), proposal_id=proposal.id, is_accepted=command.is_accepted)]
    if not command.is_accepted:
        return events
    if proposal.fact_id is not None:
        if any(fact.id == proposal.fact_id for fact in notes.facts):
            events.append(FactForgotten(**deciding.head(), fact_id=proposal.fact_id))
    elif len(notes.facts) >= deciding.limits.facts:
        raise Refused(RefusalCode.LIMIT_REACHED, f"a room may have at most {deciding.limits.facts} facts")
    else:
        fact = Fact(
            id=deciding.new_id(), text=proposal.text, by=deciding.actor_id, at=deciding.at, taint=proposal.taint
        )
        events.append(FactPinned(**deciding.head(), fact=fact))
    return events
