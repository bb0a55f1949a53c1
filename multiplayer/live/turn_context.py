"""Gathers what a prompt is built from, out of the room and its log; and gathers it again for a replay."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from multiplayer.ai.brief import Pinned, RoomBrief, Who, brief_before, former, load_brief
from multiplayer.ai.context import ContextInput, Prompt
from multiplayer.ai.file_lines import with_files
from multiplayer.ai.manifest import dump_tools, load_tools
from multiplayer.ai.tokens import TokenCounter
from multiplayer.live.turn_material import (
    as_if_never_answered,
    changed_since,
    folded_turn,
    without_what_was_before,
)
from multiplayer.models.port import ToolDefinition
from multiplayer.protocol.events import Event, MessagePosted, event_adapter
from multiplayer.protocol.ids import AccountId, MessageId, RoomId
from multiplayer.protocol.members import Account, AccountKind, Member, Role
from multiplayer.protocol.memory import Fact, Summary
from multiplayer.protocol.messages import Message
from multiplayer.protocol.reports_prompts import Manifest
from multiplayer.protocol.rooms import TurnState
from multiplayer.protocol.turn_fold import TurnEvent
from multiplayer.protocol.values import UtcTime
from multiplayer.rooms.room import Room
from multiplayer.rooms.sight import Sight, without_files
from multiplayer.storage.cache import EventsAfter
from multiplayer.storage.port import Storage, TurnRecord

PAGE = 500
MAX_PROMPT_TOKENS = 100_000
"""Models hold far more; what is older than this is better told by the summary, and cheaper."""
MAX_EVENTS = 4_000
"""How far back a prompt looks when there is no summary yet."""
PIN_CHARACTERS = 400


@dataclass(frozen=True)
class Manner:
    """How an AI is asked: its system message, its tools, and how much it may be told."""

    rules: str
    tools: tuple[ToolDefinition, ...]
    model_name: str
    budget_tokens: int
    counter: TokenCounter
    previous_messages: int = 5
    is_plain: bool = False
    """Its provider takes a plain question, no prompt."""


class CannotReplay(Exception):  # noqa: N818 - says what is so
    """The prompt cannot be built again; `str()` of it says why."""


class TurnContext:
    """One room's material. `secret` keys the envelopes' markers of this room; events are read from `log`."""

    def __init__(self, storage: Storage, room_id: RoomId, secret: bytes, log: EventsAfter | None = None) -> None:
        self._storage = storage
        self._log = log or storage
        self._room_id = room_id
        self._secret = secret

    async def gather(
        self, room: Callable[[], Room], turn: Callable[[], TurnState], ai: Member, manner: Manner
    ) -> ContextInput:
        """Return what the prompt of a turn is built from. `room` and `turn` give both as they are now."""
        # Nobody learns through the AI what they may not read themselves: not even in what others ask along with them.
        hidden = max((room().hidden_before(asker) for asker in turn().askers), default=0)
        summary = room().state.summary
        if hidden or (summary is not None and not summary.points):
            summary = None
        first = max(summary.up_to_seq if summary else 0, hidden - 1)
        # In large steps, so that the prompt's beginning stays the same for many turns.
        after = max(first, (room().seq - MAX_EVENTS) // MAX_EVENTS * MAX_EVENTS)
        read = await self._events(after, lambda: room().seq)
        state, asked = room().state.copy(), turn()
        sees_workspace = all(room().sight_of(asker).sees_workspace for asker in turn().askers)
        events, as_of = await self._visible(read, asked, Sight(hidden, sees_workspace))
        accounts = await self._accounts(events, state.members)
        brief = await self._brief(summary)
        if brief is None or hidden:
            brief = brief_before(state, read, accounts)
        if hidden:
            brief = replace(brief, pins=(), facts=())
        facts = {} if hidden else {fact.id: fact for fact in state.notes.facts}
        return ContextInput(
            room_id=self._room_id,
            ai=ai,
            turn=_told_at_first(asked),
            events=events,
            summary=summary,
            brief=brief,
            secret=self._secret,
            tools=manner.tools,
            budget_tokens=manner.budget_tokens,
            counter=manner.counter,
            model_name=manner.model_name,
            rules=manner.rules,
            as_of=as_of,
            accounts=accounts,
            older=() if hidden else await self._older(asked, events, as_of),
            facts=facts,
            pinned={} if hidden else await self._pinned(brief, events, accounts),
            hidden_before=hidden,
            sees_workspace=sees_workspace,
            previous_messages=manner.previous_messages,
            is_plain=manner.is_plain,
        )

    async def keep(self, given: ContextInput, prompt: Prompt) -> Manifest:
        """Keep the pieces that the manifest names, so that the prompt can be built again."""
        told = () if given.is_plain else (given.rules, dump_tools(given.tools))
        for part in (given.brief.dump(), *told):
            await self._storage.put_part(self._room_id, part)
        return prompt.manifest

    async def gather_again(
        self, record: TurnRecord, manifest: Manifest, facts: Mapping[str, Fact], counter: TokenCounter
    ) -> ContextInput:
        """Return what the prompt of an earlier turn was built from. Raises `CannotReplay`."""
        names = {manifest.brief}
        if manifest.conversation is None:
            names |= {manifest.rules, manifest.tools_text}
        parts = await self._storage.parts(self._room_id, list(names))
        if manifest.as_of is None or len(parts) < len(names):
            raise CannotReplay("this answer is from before prompts were kept")
        read = await self._events(manifest.from_seq - 1, lambda: manifest.up_to_seq) if manifest.from_seq else []
        turn = folded_turn(read, record.turn_id) or record.turn
        if turn is None:
            raise CannotReplay("what asked for this turn is no longer known")
        events, _ = await self._visible(read, turn, Sight(manifest.hidden_before, manifest.sees_workspace))
        brief = load_brief(parts[manifest.brief])
        accounts = {
            account_id: Account(id=account_id, kind=AccountKind.HUMAN, handle=handle, display_name=name)
            for account_id, (handle, name) in manifest.former.items()
        }
        return ContextInput(
            room_id=self._room_id,
            ai=_ai_of(manifest, brief, turn),
            turn=_told_at_first(turn),
            events=events,
            summary=await self._summary(manifest.summary_version),
            brief=brief,
            secret=self._secret,
            tools=load_tools(parts[manifest.tools_text]) if manifest.conversation is None else (),
            budget_tokens=manifest.budget_tokens,
            counter=counter,
            model_name=manifest.model,
            rules=parts[manifest.rules] if manifest.conversation is None else "",
            as_of=manifest.as_of,
            accounts=accounts,
            older=await self._as_at(manifest.older, manifest.as_of),
            facts={fact_id: facts[fact_id] for fact_id in manifest.facts if fact_id in facts},
            pinned=await self._pinned(brief, events, accounts) if manifest.pins else {},
            hidden_before=manifest.hidden_before,
            sees_workspace=manifest.sees_workspace,
            previous_messages=manifest.conversation.previous_at_most if manifest.conversation is not None else 0,
            is_plain=manifest.conversation is not None,
        )

    async def _events(self, after: int, up_to: Callable[[], int]) -> list[Event]:
        seq = after
        events: list[Event] = []
        while seq < up_to():
            page = await self._log.events_after(self._room_id, seq, limit=min(PAGE, up_to() - seq))
            if not page:
                break
            events += [event_adapter.validate_json(stored.line) for stored in page]
            seq = page[-1].seq
        return events

    async def _visible(self, read: Sequence[Event], turn: TurnState, sight: Sight) -> tuple[list[Event], UtcTime]:
        """Return the events that the model is told, and the time of the last that was read."""
        events = list(read)
        as_of = events[-1].at if events else turn.requested_at
        if sight.from_seq:
            events = without_what_was_before(events)
        if not sight.sees_workspace:
            # What this turn's own tools bring was allowed to whoever asks.
            events = [
                event if isinstance(event, TurnEvent) and event.turn_id == turn.turn_id else without_files(event)
                for event in events
            ]
        if turn.replaces is not None:
            # It is asked again, as if it had never answered; what it is asked is what stands there now.
            answer = (await self._storage.messages(self._room_id, [turn.replaces])).get(turn.replaces)
            if answer is not None:
                # Their places are asked for, not looked for in `events`, which may begin anywhere.
                changed = await self._storage.messages(self._room_id, list(changed_since(events, answer)))
                earlier = {message.id for message in changed.values() if message.seq < answer.seq}
                events = as_if_never_answered(events, answer, turn, earlier)
        return events, as_of

    async def _brief(self, summary: Summary | None) -> RoomBrief | None:
        if summary is None or summary.brief is None:
            return None
        kept = await self._storage.parts(self._room_id, [summary.brief])
        return load_brief(kept[summary.brief]) if summary.brief in kept else None

    async def _summary(self, version: int | None) -> Summary | None:
        if version is None:
            return None
        for kept in await self._storage.summaries(self._room_id):
            if kept.summary.version == version:
                return kept.summary
        raise CannotReplay("the summary that it was built on is gone")

    async def _accounts(
        self, events: Sequence[Event], members: Mapping[AccountId, Member]
    ) -> Mapping[AccountId, Account]:
        """Return those who spoke and are members no more, so that their old words keep their names."""
        gone = {event.actor_id for event in events} - members.keys()
        return await self._storage.accounts(list(gone)) if gone else {}

    async def _older(self, turn: TurnState, events: Sequence[Event], as_of: UtcTime) -> Sequence[Message]:
        """Return the messages to be answered that lie before `events`."""
        here = {event.message.id for event in events if isinstance(event, MessagePosted)}
        return await self._as_at([message_id for message_id in turn.messages if message_id not in here], as_of)

    async def _pinned(
        self, brief: RoomBrief, events: Sequence[Event], accounts: Mapping[AccountId, Account]
    ) -> Mapping[MessageId, Pinned]:
        """Return the pinned messages that lie before `events`, as they stood when the brief was made."""
        here = {event.message.id for event in events if isinstance(event, MessagePosted)}
        wanted = [message_id for message_id in brief.pins if message_id not in here]
        if not wanted or brief.at is None:
            return {}
        return {
            message.id: Pinned(
                _name(brief, message.author_id, accounts).handle,
                with_files(message.text[:PIN_CHARACTERS], message.attachments),
                message.taint,
            )
            for message in await self._as_at(wanted, brief.at)
            if not message.is_deleted
        }

    async def _as_at(self, message_ids: Sequence[MessageId], at: UtcTime) -> Sequence[Message]:
        """Return messages with the text that they had at a time."""
        if not message_ids:
            return ()
        found: list[Message] = []
        for message in (await self._storage.messages(self._room_id, list(message_ids))).values():
            if message.revision > 1 and not message.is_deleted:
                states = await self._storage.revisions(self._room_id, message.id)
                then = [state for state in states if state.at <= at]
                found.append(message.model_copy(update={"text": then[-1].text}) if then else message)
            else:
                found.append(message)
        return found


def _told_at_first(turn: TurnState) -> TurnState:
    """Return the turn as its first prompt is asked: what steers it is told step by step."""
    if not turn.steering:
        return turn
    told = tuple(message_id for message_id in turn.messages if message_id not in turn.steering)
    return turn.model_copy(update={"messages": told})


def _name(brief: RoomBrief, account_id: AccountId, accounts: Mapping[AccountId, Account]) -> Who:
    return brief.members.get(account_id) or former(account_id, accounts)


def _ai_of(manifest: Manifest, brief: RoomBrief, turn: TurnState) -> Member:
    """Return the AI as a member; a prompt names it by its handle and knows it by its id."""
    known = brief.members.get(manifest.ai_id)
    return Member(
        account_id=manifest.ai_id,
        kind=AccountKind.AI,
        handle=manifest.handle,
        display_name=known.name if known else manifest.handle,
        role=Role.AI,
        joined_at=turn.requested_at,
        joined_seq=1,
    )
