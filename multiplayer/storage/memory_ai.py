"""`ai_port.AiStore` in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256 as sha256_of

from multiplayer.protocol.events import FactForgotten, MessageDeleted, SummaryUpdated, event_adapter
from multiplayer.protocol.ids import MessageId, RoomId
from multiplayer.protocol.memory import SummaryVersion
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.trigger_rules import ScheduleRule
from multiplayer.rooms.facts import ThreadFacts
from multiplayer.storage.ai_port import Digest, StoredHook
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.memory_rooms import MemoryRoom, MemoryRooms
from multiplayer.storage.summary_rows import summary_of


class MemoryAi(MemoryRooms):
    """Summaries, pieces of prompts, digests, hooks, schedules and threads in memory."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        super().__init__(now_s)
        self._hooks: dict[str, StoredHook] = {}
        self._hook_ids: dict[bytes, str] = {}

    async def summaries(self, room_id: RoomId) -> Sequence[SummaryVersion]:
        room = self._room(room_id)
        events = [
            event_adapter.validate_json(stored.line)
            for stored in (() if room is None else room.timeline.log)
            if b'"type":"summary_updated"' in stored.line
        ]
        versions = [
            SummaryVersion(summary=summary_of(event), at=event.at)
            for event in events
            if isinstance(event, SummaryUpdated)
        ]
        return versions[::-1]

    async def put_part(self, room_id: RoomId, body: str) -> str:
        name = sha256_of(body.encode()).hexdigest()
        room = self._room(room_id)
        if room is not None:
            room.timeline.parts[name] = body
        return name

    async def parts(self, room_id: RoomId, sha256s: Sequence[str]) -> Mapping[str, str]:
        room = self._room(room_id)
        there = {} if room is None else room.timeline.parts
        return {name: there[name] for name in sha256s if name in there}

    async def put_digest(self, room_id: RoomId, digest: Digest, *, seen_seq: int) -> bool:
        room = self._room(room_id)
        if room is None:
            return False
        since = [event_adapter.validate_json(stored.line) for stored in room.timeline.log[seen_seq:]]
        if any(isinstance(event, MessageDeleted | FactForgotten) for event in since):
            return False
        room.timeline.digests[digest.from_seq, digest.to_seq] = digest.body
        return True

    async def digests(self, room_id: RoomId, from_seq: int, to_seq: int) -> Sequence[Digest]:
        room = self._room(room_id)
        there = {} if room is None else room.timeline.digests
        return [
            Digest(first, last, body)
            for (first, last), body in sorted(there.items())
            if from_seq <= first and last <= to_seq
        ]

    async def add_hook(self, hook: StoredHook, sha256: bytes, *, audit: AuditEntry) -> None:
        self._hooks[hook.id] = hook
        self._hook_ids[sha256] = hook.id
        self._rooms[hook.room_id].add_audit([audit])

    async def find_hook(self, sha256: bytes) -> StoredHook | None:
        hook = self._hooks.get(self._hook_ids.get(sha256, ""))
        if hook is None or hook.revoked_at is not None or self._room(hook.room_id) is None:
            return None
        return hook

    async def hooks(self, room_id: RoomId) -> Sequence[StoredHook]:
        hooks = [hook for hook in self._hooks.values() if hook.room_id == room_id]
        return sorted(hooks, key=lambda hook: (hook.created_at, hook.id))

    async def revoke_hook(self, room_id: RoomId, hook_id: str, *, at: datetime, audit: AuditEntry) -> bool:
        hook = self._hooks.get(hook_id)
        if hook is None or hook.room_id != room_id or hook.revoked_at is not None:
            return False
        self._hooks[hook_id] = replace(hook, revoked_at=at)
        self._rooms[room_id].add_audit([audit])
        return True

    async def scheduled_rooms(self) -> Sequence[tuple[RoomId, RoomSettings]]:
        found = [
            (room_id, room.state.room.settings)
            for room_id, room in self._live()
            if room.state.room.archived_at is None and _has_schedule(room.state.room.settings)
        ]
        return sorted(found, key=lambda item: item[0])

    async def thread_facts(self, room_id: RoomId, roots: Sequence[MessageId]) -> Mapping[MessageId, ThreadFacts]:
        room = self._rooms.get(room_id)
        return {} if room is None else {root: _facts(room, root) for root in roots if root in room.timeline.messages}

    async def room_of_message(self, message_id: MessageId) -> RoomId | None:
        return next((room_id for room_id, room in self._live() if message_id in room.timeline.messages), None)


def _has_schedule(settings: RoomSettings) -> bool:
    return any(isinstance(rule, ScheduleRule) and rule.is_on for rule in settings.triggers)


def _facts(room: MemoryRoom, root: MessageId) -> ThreadFacts:
    said = room.timeline.messages.values()
    thread = [message for message in said if root in (message.id, message.thread_root)]
    return ThreadFacts(
        ai_ids=frozenset(message.author_id for message in thread if message.turn_id is not None),
        last_at=max(thread, key=lambda message: message.seq).at,
    )
