"""Builds the prompt of an earlier turn again, and says whether it is the same and what was erased since."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from multiplayer.ai.brain import NoBrain
from multiplayer.ai.context import ContextInput, ask_plainly, build_prompt
from multiplayer.ai.conversation import conversation_message, conversation_sha256
from multiplayer.ai.masking import KnownMarkers
from multiplayer.ai.tokens import EstimatedTokens, TokenCounter
from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.directory import Directory
from multiplayer.live.log_pages import events_between
from multiplayer.live.turn_context import CannotReplay
from multiplayer.live.turn_reports import TurnReports
from multiplayer.models.port import PromptMessage, ToolDefinition
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import (
    AnswerRegenerated,
    Event,
    FactForgotten,
    FactPinned,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
)
from multiplayer.protocol.ids import AccountId, MessageId, RoomId, TurnId
from multiplayer.protocol.messages import Message
from multiplayer.protocol.reports_prompts import Manifest, Replay, ReplayedCall, ReplayedMessage, ReplayedTool
from multiplayer.protocol.turn_events import (
    FilesChanged,
    ToolCalled,
    ToolFinished,
    TurnCollected,
    TurnRequested,
    TurnSteered,
    TurnUndone,
)
from multiplayer.rooms.permissions import Right
from multiplayer.rooms.sight import FILE_EVENTS
from multiplayer.storage.port import TurnRecord

_CHANGED: Final = "The code that builds prompts has changed since."


@dataclass(frozen=True, slots=True)
class _Sent:
    """What a model was asked, built again; empty where it cannot be."""

    sha256: str = ""
    messages: tuple[PromptMessage, ...] = ()
    tools: tuple[ToolDefinition, ...] = ()
    tokens: int = 0


class Replays:
    def __init__(self, seat: AiSeat, directory: Directory, turns: TurnReports) -> None:
        self._seat = seat
        self._storage = seat.storage
        self._directory = directory
        self._turns = turns

    async def of_message(self, room_id: RoomId, reader_id: AccountId, message_id: MessageId) -> Replay:
        """Replay the turn that wrote this answer; of several answers, the one that stands."""
        host = await self._directory.host(room_id)
        member = host.room.check(reader_id, Right.READ)
        message = (await self._storage.messages(room_id, [message_id])).get(message_id)
        if message is None or message.seq < host.room.readable_from(member):
            raise Refused(RefusalCode.NOT_FOUND, "there is no such message in this room")
        if message.turn_id is None:
            raise Refused(RefusalCode.CONFLICT, "no AI wrote this message")
        return await self.of_turn(room_id, reader_id, message.turn_id)

    async def of_turn(self, room_id: RoomId, reader_id: AccountId, turn_id: TurnId) -> Replay:
        """Build the first prompt of a turn again. Refuses a turn that never had one, or of release 0.1.

        Refuses who may not see the workspace a prompt that quotes its files.
        """
        record, manifest, host, _ = await self._turns.readable(room_id, reader_id, turn_id)
        if manifest is None or manifest.as_of is None:
            said = "this turn is from before prompts were kept" if record.manifest else "this turn has no prompt"
            raise Refused(RefusalCode.CONFLICT, said)
        if not host.room.sight_of(reader_id).sees_workspace and await self._quotes_files(record, manifest):
            raise Refused(RefusalCode.FORBIDDEN, "this prompt quotes files of the workspace, which you may not see")
        facts = {fact.id: fact for fact in host.room.state.notes.facts}
        context = self._seat.context_of(room_id)
        counter = self._counter_of(manifest)
        sent = _Sent()
        broken: list[str] = []
        try:
            given = await context.gather_again(record, manifest, facts, counter)
            sent = await asyncio.to_thread(_plain if given.is_plain else _prompted, given)
        except CannotReplay as cannot:
            broken = [str(cannot)]
        is_equal = sent.sha256 == manifest.prompt_sha256
        differs: list[str] = []
        if not is_equal:
            differs = await self._erased(record, manifest, facts.keys(), counter) or broken or [_CHANGED]
        model = record.turn.model if record.turn is not None else None
        if manifest.conversation is not None and model not in (None, manifest.model):
            is_equal = False
            differs.append(f"{model} stood in. It was given the room's prompt, of which no record was kept.")
        return Replay(
            turn_id=turn_id,
            message_id=record.message_id,
            model=manifest.model,
            is_equal=is_equal,
            differs=tuple(differs),
            prompt_sha256=manifest.prompt_sha256,
            rebuilt_sha256=sent.sha256,
            prompt=without_markers(sent.messages),
            tools=_tools(sent.tools),
            tokens=sent.tokens,
        )

    async def _quotes_files(self, record: TurnRecord, manifest: Manifest) -> bool:
        """Tell whether what tools were given and brought, or which files were changed, stands in a prompt."""
        if manifest.conversation is not None or not manifest.from_seq:
            return False
        marks = [kind.encode() for kind in FILE_EVENTS]
        events = await events_between(
            self._storage, record.room_id, manifest.from_seq - 1, manifest.up_to_seq, marks=marks
        )
        # Of other turns a prompt without sight of the workspace says only that something was done.
        return any(
            manifest.sees_workspace or event.turn_id == record.turn_id
            for event in events
            if isinstance(event, ToolCalled | ToolFinished | FilesChanged | TurnUndone)
        )

    def _counter_of(self, manifest: Manifest) -> TokenCounter:
        """Return what counted then. Where it is not to be had, the same prompt comes out unless it had to be cut."""
        try:
            counter = self._seat.brains.of(manifest.ai_id).counter
        except NoBrain:
            return EstimatedTokens()
        return EstimatedTokens() if manifest.counter == EstimatedTokens.__name__ else counter

    async def _erased(
        self, record: TurnRecord, manifest: Manifest, facts: Collection[str], counter: TokenCounter
    ) -> list[str]:
        """Say what of the prompt was taken back after it was sent."""
        found: list[str] = []
        events = (
            await events_between(self._storage, record.room_id, manifest.from_seq - 1, manifest.up_to_seq)
            if manifest.from_seq
            else []
        )
        named = [*manifest.older, *manifest.pins, *(record.turn.messages if record.turn is not None else ())]
        known = await self._storage.messages(record.room_id, list(dict.fromkeys(named)))
        gone = {*_erased_messages(events), *(one.id for one in known.values() if _is_gone_since(one, manifest))}
        if manifest.conversation is not None:
            gone &= {message.id for message in manifest.messages}
        found += _counted(len(gone), "message that it was built from was deleted", "messages", "were deleted", gone)
        forgotten = {*(fact_id for fact_id in manifest.facts if fact_id not in facts), *_erased_facts(events)}
        found += _counted(len(forgotten), "fact that it was built from was forgotten", "facts", "were forgotten", ())
        found += await self._erased_summary(record, manifest, counter)
        found += await self._erased_parts(record, manifest)
        if any(event.is_redacted for event in events if isinstance(event, TurnRequested | TurnCollected | TurnSteered)):
            found.append("What a form, a schedule or a webhook had asked was erased.")
        if any(event.is_redacted for event in events if isinstance(event, ToolCalled | ToolFinished)):
            found.append(
                "What tools were told or brought was erased, with messages or files that it came of or quoted."
            )
        return found

    async def _erased_summary(self, record: TurnRecord, manifest: Manifest, counter: TokenCounter) -> list[str]:
        if manifest.summary_version is None:
            return []
        versions = await self._storage.summaries(record.room_id)
        kept = next((one.summary for one in versions if one.summary.version == manifest.summary_version), None)
        if kept is None:
            return [f"Version {manifest.summary_version} of the summary is gone."]
        if manifest.conversation is not None:
            is_shorter = len(kept.points) < manifest.conversation.summary_points
        else:
            is_known = type(counter).__name__ == manifest.counter
            is_shorter = is_known and counter.count(kept.text) != manifest.share.summary
        if is_shorter:
            return [f"Points of version {kept.version} of the summary were erased with the messages they came from."]
        return []

    async def _erased_parts(self, record: TurnRecord, manifest: Manifest) -> list[str]:
        parts = await self._storage.parts(record.room_id, [manifest.rules, manifest.brief, manifest.tools_text])
        said = {
            manifest.rules: "The rules of conduct that it began with",
            manifest.brief: "The picture of the room that it began with",
            manifest.tools_text: "The description of its tools",
        }
        return [
            f"{what} held words that were taken back, and went with them."
            for name, what in said.items()
            if name and name not in parts
        ]


def _prompted(given: ContextInput) -> _Sent:
    prompt = build_prompt(given)
    return _Sent(prompt.manifest.prompt_sha256, prompt.messages, prompt.tools, prompt.tokens)


def _plain(given: ContextInput) -> _Sent:
    conversation = ask_plainly(given).conversation
    return _Sent(conversation_sha256(conversation), (conversation_message(conversation),))


def without_markers(messages: Sequence[PromptMessage]) -> tuple[ReplayedMessage, ...]:
    """Return a prompt with a dot for each marker, wherever it stands: also where an AI repeated it."""
    markers = KnownMarkers()
    markers.learn(messages)
    return tuple(
        ReplayedMessage(
            role=message.role,
            content=markers.hide(message.content),
            tool_call_id=message.tool_call_id,
            tool_calls=tuple(
                ReplayedCall(id=call.id, name=call.name, arguments=markers.hide(call.arguments))
                for call in message.tool_calls
            ),
        )
        for message in messages
    )


def _tools(tools: Sequence[ToolDefinition]) -> tuple[ReplayedTool, ...]:
    return tuple(ReplayedTool(name=tool.name, description=tool.description) for tool in tools)


def _erased_messages(events: Sequence[Event]) -> set[MessageId]:
    """Return the messages whose words are gone, though the prompt was sent before they were deleted."""
    deleted = {event.message_id for event in events if isinstance(event, MessageDeleted)}
    gone = {
        event.message.id if isinstance(event, MessagePosted) else event.message_id
        for event in events
        if isinstance(event, MessagePosted | MessageEdited | AnswerRegenerated) and event.is_redacted
    }
    return gone - deleted


def _erased_facts(events: Sequence[Event]) -> set[str]:
    forgotten = {event.fact_id for event in events if isinstance(event, FactForgotten)}
    return {event.fact.id for event in events if isinstance(event, FactPinned) and event.is_redacted} - forgotten


def _is_gone_since(message: Message, manifest: Manifest) -> bool:
    return message.deleted_at is not None and manifest.as_of is not None and message.deleted_at > manifest.as_of


def _counted(count: int, one: str, many: str, were: str, ids: Collection[str]) -> list[str]:
    named = f": {', '.join(sorted(ids))}" if ids else ""
    if count == 1:
        return [f"One {one} since{named}."]
    return [f"{count} {many} that it was built from {were} since{named}."] if count else []
