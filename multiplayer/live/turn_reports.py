"""What a turn was asked, built from, did and used: the queue that everyone sees, and the turns that have ended."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from pydantic import ValidationError

from multiplayer.live.directory import Directory
from multiplayer.live.handles_of import handles_of
from multiplayer.live.log_pages import events_between
from multiplayer.live.room_host import RoomHost
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import Event
from multiplayer.protocol.ids import AccountId, CallId, RoomId, TurnId
from multiplayer.protocol.members import Member
from multiplayer.protocol.reports_prompts import Manifest
from multiplayer.protocol.reports_turns import ModelSwitch, ToolCallReport, TurnDetail, TurnPage, TurnReport
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.turn_events import ModelChanged, ToolCalled, ToolFinished, ToolStarted
from multiplayer.protocol.turns import MOST_COUNTED, TokenUsage, TurnReason
from multiplayer.rooms.permissions import Right, may
from multiplayer.rooms.sight import without_files
from multiplayer.storage.ledger_port import TurnCost
from multiplayer.storage.port import Storage, TurnRecord

MAX_PAGE: Final = 100
_CLOCKS: Final = timedelta(minutes=5)
"""How far the clocks of pods may be apart: one asks for a turn, another takes it and keeps its ledger."""
_WHY: Final = {
    TurnReason.MENTION: "{who} mentioned {ai}",
    TurnReason.REPLY: "{who} replied to {ai}",
    TurnReason.THREAD: "{who} wrote in a thread that {ai} follows",
    TurnReason.KEYWORD: "{who} used a word that {ai} answers to",
    TurnReason.EVERY: "{ai} speaks after so many messages, and {who} wrote the last one",
    TurnReason.SCHEDULE: "it was time, by a schedule that {who} set",
    TurnReason.WEBHOOK: "a program called a webhook that {who} set",
    TurnReason.ASKED: "{who} asked {ai}",
    TurnReason.STEERED: "{who} spoke to {ai} while it was at a turn",
    TurnReason.FORM: "{who} filled in a form of {ai}",
    TurnReason.REGENERATE: "{who} wanted another answer of {ai}",
}


class TurnReports:
    def __init__(self, storage: Storage, directory: Directory) -> None:
        self._storage = storage
        self._directory = directory

    async def page(
        self, room_id: RoomId, reader_id: AccountId, *, limit: int = 20, before: int | None = None
    ) -> TurnPage:
        """Return the queue and the latest turns that have ended; `before` as the last page said.

        For who is kept from older history a page may be short: what they may not see is left out of it.
        """
        host, member = await _reader(self._directory, room_id, reader_id)
        waiting = list(host.room.state.turns.values())
        found = await self._storage.turns_of_room(room_id, limit=limit + len(waiting) + 1, before_seq=before)
        ended = [record for record in found if record.ended_seq is not None]
        over = {record.turn_id for record in ended}
        # The room here may be a moment behind the log.
        waiting = [turn for turn in waiting if turn.turn_id not in over] if before is None else []
        shown, more = ended[:limit], len(ended) > limit
        readable_from = host.room.readable_from(member)
        if readable_from:
            waiting = [turn for turn in waiting if turn.requested_seq >= readable_from]
            shown = [record for record in shown if await self._is_readable(record, readable_from)]
        asked = [*waiting, *[record.turn for record in shown if record.turn is not None]]
        names = await handles_of(self._storage, host, _people_of(asked))
        used = await self._used(shown, host, member)
        return TurnPage(
            open=tuple(_open_report(turn, host, names) for turn in waiting),
            ended=tuple(_report(record, names, used.get(record.turn_id)) for record in shown),
            before=ended[limit - 1].requested_seq if more else None,
        )

    async def one(self, room_id: RoomId, reader_id: AccountId, turn_id: TurnId) -> TurnDetail:
        """Return all there is to know of a turn. Refuses one that the reader may not see as one that is not there.

        Who may not see the workspace is not told what its tools were given and brought.
        """
        record, manifest, host, member = await self.readable(room_id, reader_id, turn_id)
        state = host.room.state.turns.get(turn_id) if record.ended_seq is None else None
        turn = state or record.turn
        names = await handles_of(self._storage, host, _people_of([turn] if turn is not None else []))
        used = await self._used([record], host, member)
        report = _open_report(state, host, names) if state else _report(record, names, used.get(turn_id))
        text, cards = (record.text, record.cards) if record.ended_seq is None else ("", ())
        said = host.memory.texts.get(turn_id)
        if said is not None and record.ended_seq is None:
            text, cards = said.text, said.cards
        events = await self.events_of(record, host.room.seq)
        if not host.room.sight_of(reader_id).sees_workspace:
            events = [without_files(event) for event in events]
        return TurnDetail(
            **dict(report),
            note=turn.note if turn is not None else "",
            text=text,
            cards=cards,
            manifest=manifest,
            calls=calls_of(events),
            switches=tuple(
                ModelSwitch(at=event.at, model=event.model, previous=event.previous, reason=event.reason)
                for event in events
                if isinstance(event, ModelChanged)
            ),
        )

    async def readable(
        self, room_id: RoomId, reader_id: AccountId, turn_id: TurnId
    ) -> tuple[TurnRecord, Manifest | None, RoomHost, Member]:
        """Return a turn as it is kept, with its manifest, for a reader who may see it. Raises `Refused`."""
        host, member = await _reader(self._directory, room_id, reader_id)
        record = await self._storage.turn(room_id, turn_id)
        if record is None or not may_read(record, host.room.readable_from(member)):
            raise _no_such_turn()
        return record, manifest_of(record), host, member

    async def events_of(self, record: TurnRecord, up_to: int) -> Sequence[Event]:
        """Return the turn's own events, in order."""
        last = record.ended_seq if record.ended_seq is not None else up_to
        return await events_between(
            self._storage, record.room_id, record.requested_seq - 1, last, marks=(record.turn_id.encode(),)
        )

    async def _used(self, records: Sequence[TurnRecord], host: RoomHost, member: Member) -> Mapping[TurnId, TokenUsage]:
        """Return what turns used and, by the ledger, cost. Empty for who may not see that."""
        if not may(Right.SEE_USAGE, member.role, host.room.state.room.settings):
            return {}
        used = {record.turn_id: record.usage for record in records if record.usage is not None}
        if not used:
            return {}
        since = min(record.requested_at for record in records) - _CLOCKS
        until = max(record.ended_at or record.requested_at for record in records) + _CLOCKS
        costs = await self._storage.costs_of_turns(host.room_id, list(used), since, until)
        return {
            turn_id: _priced(usage, costs[turn_id]) if turn_id in costs else usage for turn_id, usage in used.items()
        }

    async def _is_readable(self, record: TurnRecord, readable_from: int) -> bool:
        # Pages come without manifests.
        whole = await self._storage.turn(record.room_id, record.turn_id)
        return whole is not None and may_read(whole, readable_from)


def may_read(record: TurnRecord, readable_from: int) -> bool:
    """Tell whether someone kept from what was before `readable_from` (0: nobody) may read this turn's prompt."""
    if not readable_from:
        return True
    if record.requested_seq < readable_from:
        return False
    manifest = manifest_of(record)
    # Without a manifest there was no prompt yet, or none that says what it held.
    return manifest.hidden_before >= readable_from if manifest is not None else record.manifest is None


def manifest_of(record: TurnRecord) -> Manifest | None:
    """Return what a turn's prompt was built from; None if none was, or release 0.1 wrote it."""
    if record.manifest is None:
        return None
    try:
        return Manifest.model_validate_json(record.manifest)
    except ValidationError:
        return None


def calls_of(events: Sequence[Event]) -> tuple[ToolCallReport, ...]:
    """Return the tool calls that `events` tell of, in order."""
    calls: dict[CallId, ToolCallReport] = {}
    for event in events:
        match event:
            case ToolCalled():
                calls[event.call_id] = ToolCallReport(
                    call_id=event.call_id,
                    name=event.name,
                    arguments=event.arguments,
                    called_at=event.at,
                    is_redacted=event.is_redacted,
                )
            case ToolStarted() if event.call_id in calls:
                calls[event.call_id] = calls[event.call_id].model_copy(update={"is_started": True})
            case ToolFinished() if event.call_id in calls:
                came = {
                    "finished_at": event.at,
                    "is_ok": event.is_ok,
                    "text": event.text,
                    "code": event.code,
                    "exit_status": event.exit_status,
                    "taint": event.taint,
                    "is_redacted": event.is_redacted or calls[event.call_id].is_redacted,
                }
                calls[event.call_id] = calls[event.call_id].model_copy(update=came)
            case _:
                pass  # of the turn, but no call
    return tuple(calls.values())


def why_of(turn: TurnState, names: Mapping[AccountId, str]) -> str:
    """Say what made this turn."""
    who = " and ".join(f"@{names.get(asker, 'someone')}" for asker in turn.askers) or "nobody"
    why = _WHY[turn.reason].format(who=who, ai=f"@{names.get(turn.ai_id, 'the AI')}")
    return f"{why}, through another AI" if turn.hops else why


def _open_report(turn: TurnState, host: RoomHost, names: Mapping[AccountId, str]) -> TurnReport:
    queue = [one.turn_id for one in host.room.state.turns_of(turn.ai_id)]
    return TurnReport(
        turn_id=turn.turn_id,
        ai_id=turn.ai_id,
        state="running" if turn.is_running else "requested",
        position=0 if turn.is_running else queue.index(turn.turn_id),
        reason=turn.reason,
        rule_id=turn.rule_id,
        askers=turn.askers,
        messages=turn.messages,
        replaces=turn.replaces,
        hops=turn.hops,
        why=why_of(turn, names),
        requested_at=turn.requested_at,
        requested_seq=turn.requested_seq,
    )


def _report(record: TurnRecord, names: Mapping[AccountId, str], usage: TokenUsage | None) -> TurnReport:
    turn = record.turn
    return TurnReport(
        turn_id=record.turn_id,
        ai_id=record.ai_id,
        state=record.state,
        reason=turn.reason if turn else None,
        rule_id=turn.rule_id if turn else None,
        askers=turn.askers if turn else (),
        messages=turn.messages if turn else (),
        replaces=turn.replaces if turn else None,
        hops=turn.hops if turn else 0,
        why=why_of(turn, names) if turn else "",
        requested_at=record.requested_at,
        requested_seq=record.requested_seq,
        ended_at=record.ended_at,
        ended_seq=record.ended_seq,
        ended_because=record.reason,
        message_id=record.message_id,
        usage=usage,
    )


def _priced(usage: TokenUsage, cost: TurnCost) -> TokenUsage:
    micros = None if cost.micros is None else min(cost.micros, MOST_COUNTED)
    return usage.model_copy(update={"cost_micros": micros, "price_version": cost.price_version or None})


def _people_of(turns: Sequence[TurnState]) -> set[AccountId]:
    return {one for turn in turns for one in (*turn.askers, turn.ai_id)}


async def _reader(directory: Directory, room_id: RoomId, reader_id: AccountId) -> tuple[RoomHost, Member]:
    host = await directory.host(room_id)
    return host, host.room.check(reader_id, Right.READ)


def _no_such_turn() -> Refused:
    return Refused(RefusalCode.NOT_FOUND, "there is no such turn in this room")
