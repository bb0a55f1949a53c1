"""Erasing a person in memory."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from json import dumps

from multiplayer.protocol.attachments import Attachment, AttachmentState
from multiplayer.protocol.cards import Form
from multiplayer.protocol.events import Event, event_adapter
from multiplayer.protocol.ids import AccountId, MessageId, RoomId, TurnId
from multiplayer.protocol.messages import Message
from multiplayer.protocol.reports_erasure import Erasure, ErasureCounts, ErasureStage
from multiplayer.protocol.turn_events import ChangeProposed
from multiplayer.rooms.erasure_rules import others_in
from multiplayer.rooms.turn_rules import STOPPED_BY_A_MEMBER
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.erased_lines import (
    Place,
    closing_events,
    is_to_erase,
    is_touched,
    line_without,
    renamed,
)
from multiplayer.storage.erased_names import namings
from multiplayer.storage.erasure_port import LEASE_S, Erased, FoundMessage, NewErasure, RoomToErase
from multiplayer.storage.handles import erased_handles
from multiplayer.storage.memory_ai import MemoryAi
from multiplayer.storage.memory_erased import close_rows, is_stopped_by
from multiplayer.storage.memory_profiles import MemoryProfiles
from multiplayer.storage.memory_rooms import MemoryRoom
from multiplayer.storage.redaction import words_of_message


@dataclass
class _Erasure:
    erasure: Erasure
    rooms: dict[RoomId, bool] = field(default_factory=dict)
    contents: set[str] = field(default_factory=set)
    pod: str | None = None
    lease_until_s: float = 0.0


class MemoryErasures(MemoryAi, MemoryProfiles):
    """`erasure_port.ErasureStore` in memory, over rooms and accounts."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        MemoryAi.__init__(self, now_s)
        MemoryProfiles.__init__(self)
        self._author = self._accounts.get
        self._erasures: dict[str, _Erasure] = {}

    async def request_erasure(self, new: NewErasure, *, audit: AuditEntry) -> bool:
        if await self.erasure_of(new.account_id) is not None:
            return False
        self._erasures[new.id] = _Erasure(
            Erasure(
                id=new.id,
                account_id=new.account_id,
                stage=ErasureStage.REQUESTED,
                handle=new.handle,
                requested_at=new.at,
                requested_by=new.by,
                messages=new.messages,
            )
        )
        self._accounts[new.account_id] = replace(self._accounts[new.account_id], disabled=True)
        self._access_version += 1
        self._audit_server(audit)
        return True

    async def erasure_of(self, account_id: AccountId) -> Erasure | None:
        found = next((one for one in self._erasures.values() if one.erasure.account_id == account_id), None)
        if found is None:
            return None
        counted = {"rooms": len(found.rooms), "rooms_done": sum(found.rooms.values())}
        return found.erasure.model_copy(update=counted)

    async def note_preview(self, audit: AuditEntry) -> None:
        self._audit_server(audit)

    async def hold_erasure(
        self, pod: str, *, erasure_id: str | None = None, but: Collection[str] = ()
    ) -> Erasure | None:
        now_s = self._now_s()
        for one in self._erasures.values():
            is_free = one.pod in (None, pod) or one.lease_until_s <= now_s
            if one.erasure.stage is ErasureStage.DONE or not is_free or erasure_id not in (None, one.erasure.id):
                continue
            if one.erasure.id in but:
                continue
            one.pod, one.lease_until_s = pod, now_s + LEASE_S
            started_at = one.erasure.started_at or one.erasure.requested_at
            one.erasure = one.erasure.model_copy(update={"stage": ErasureStage.RUNNING, "started_at": started_at})
            return await self.erasure_of(one.erasure.account_id)
        return None

    async def note_erasure(
        self, erasure_id: str, pod: str, *, messages: int = 0, files_waiting: int | None = None, problem: str = ""
    ) -> bool:
        one = self._erasures[erasure_id]
        if one.pod != pod or one.erasure.stage is ErasureStage.DONE:
            return False
        one.lease_until_s = self._now_s() + LEASE_S
        waiting = one.erasure.files_waiting if files_waiting is None else files_waiting
        done = one.erasure.messages_done + messages
        one.erasure = one.erasure.model_copy(
            update={"messages_done": done, "files_waiting": waiting, "problem": problem}
        )
        return True

    async def release_erasure(self, erasure_id: str, pod: str) -> None:
        one = self._erasures[erasure_id]
        if one.pod == pod:
            one.pod = None

    async def erasure_counts(self, account_id: AccountId) -> ErasureCounts:
        live = [
            message
            for room in self._rooms.values()
            for message in room.timeline.messages.values()
            if not message.is_deleted
        ]
        mine = [message for message in live if is_to_erase(message, account_id)]
        ids = {message.id for message in mine}
        uploads = [one for one in self._uploads.values() if one.attachment.state is not AttachmentState.REMOVED]
        files = [one.attachment for one in uploads if one.message_id in ids]
        authored = sum(message.author_id == account_id for message in mine)
        return ErasureCounts(
            messages=authored,
            answers=len(mine) - authored,
            files=len(files),
            bytes=sum(one.size for one in files),
            uploads=sum(one.uploader_id == account_id and one.message_id is None for one in uploads),
            transcripts=sum(one.transcript is not None and one.transcript.text != "" for one in _attachments_of(mine)),
            forms=sum(any(form.answered_by == account_id for form in _forms_of(message)) for message in live),
            reactions=sum(account_id in reaction.account_ids for message in live for reaction in message.reactions),
            hooks=sum(one.created_by == account_id and one.revoked_at is None for one in self._hooks.values()),
            memberships=sum(account_id in room.state.members for _, room in self._live()),
            tokens=sum(one.account_id == account_id and one.revoked_at is None for one in self._tokens.by_id.values()),
            sign_ins=sum(
                one.account_id == account_id and one.revoked_at is None for one in self._sign_ins.by_id.values()
            ),
            invites=sum(one.created_by == account_id and one.revoked_at is None for one in self._invites.values()),
        )

    async def rooms_with(self, account_id: AccountId) -> Sequence[RoomToErase]:
        found = sorted(self._rooms_of_person(account_id))
        return [RoomToErase(room_id, self._rooms[room_id].state.is_deleted) for room_id in found]

    async def plan_erasure(self, erasure_id: str) -> int:
        one = self._erasures[erasure_id]
        who = one.erasure.account_id
        one.rooms |= dict.fromkeys(self._rooms_of_person(who), False)
        messages = {message.id: message for room in self._rooms.values() for message in room.timeline.messages.values()}
        for upload in self._uploads.values():
            message = messages.get(upload.message_id) if upload.message_id is not None else None
            is_theirs = upload.uploader_id == who or (message is not None and is_to_erase(message, who))
            if upload.sha256 is not None and is_theirs:
                one.contents.add(upload.sha256)
        return len(one.rooms)

    async def rooms_to_erase(self, erasure_id: str, *, limit: int) -> Sequence[RoomToErase]:
        rooms = self._erasures[erasure_id].rooms
        left = sorted(room_id for room_id, is_done in rooms.items() if not is_done)
        return [RoomToErase(room_id, self._rooms[room_id].state.is_deleted) for room_id in left[:limit]]

    async def room_erased(self, erasure_id: str, room_id: RoomId) -> None:
        self._erasures[erasure_id].rooms[room_id] = True

    async def messages_to_erase(
        self, room_id: RoomId, account_id: AccountId, *, after_seq: int, limit: int
    ) -> Sequence[FoundMessage]:
        return self._found(room_id, after_seq, limit, lambda message: is_to_erase(message, account_id))

    async def messages_touched(
        self, room_id: RoomId, account_id: AccountId, *, after_seq: int, limit: int
    ) -> Sequence[FoundMessage]:
        return self._found(room_id, after_seq, limit, lambda message: is_touched(message, account_id))

    async def close_messages(
        self,
        room_id: RoomId,
        account_id: AccountId,
        message_ids: Sequence[MessageId],
        *,
        at: datetime,
        by: AccountId,
    ) -> None:
        room = self._rooms[room_id]
        if not room.state.is_deleted:
            return
        timeline = room.timeline.copy()
        for message_id in message_ids:
            message = timeline.messages[message_id]
            for event in closing_events(message, account_id, room_id=room_id, seq=room.seq + 1, at=at, by=by):
                timeline.apply(event)
        room.timeline = timeline
        self._forget_beside(room_id, timeline, ())

    async def proposals_to_drop(self, room_id: RoomId, account_id: AccountId) -> Sequence[str]:
        turns = self._turns_of(room_id, account_id)
        return [
            event.proposal.id
            for event in self._events(room_id)
            if isinstance(event, ChangeProposed) and event.turn_id in turns
        ]

    async def erase_lines(self, room_id: RoomId, erased: Erased, *, after_seq: int, limit: int) -> int | None:
        room = self._rooms[room_id]
        place = self._place(room_id, erased.account_id)
        for index in range(after_seq, min(after_seq + limit, room.seq)):
            stored = room.timeline.log[index]
            room.timeline.log[index] = replace(stored, line=line_without(stored.line, erased, place))
        last = after_seq + limit
        return last if last < room.seq else None

    async def erase_rows(self, room_id: RoomId, erased: Erased) -> None:
        room = self._rooms[room_id]
        who = erased.account_id
        alone, again = self._turns_of(room_id, who), self._again(room_id, who)
        for turn_id, turn in self._turns.items():
            if turn.room_id != room_id:
                continue
            if turn_id in alone and turn.ended_at is not None:
                turn.text, turn.cards = "", ()
                turn.turn = turn.turn.model_copy(update={"calls": ()})
            if who in turn.turn.askers or turn.turn.replaces in again:
                turn.turn = turn.turn.model_copy(update={"note": ""})
            if is_stopped_by(room, turn.reason, turn.ended_seq, who):
                turn.reason = STOPPED_BY_A_MEMBER
            if turn.manifest is not None and who in turn.manifest:
                for name, other in (
                    (erased.former_handle, erased.handle),
                    (erased.former_name, erased.display_name),
                ):
                    turn.manifest = turn.manifest.replace(dumps(name), dumps(other))
        named = namings(erased)
        room.timeline.parts = {
            name: body for name, body in room.timeline.parts.items() if not any(one.is_in(body) for one in named)
        }
        room.timeline.digests = {}
        if room.state.is_deleted:
            close_rows(room, erased)

    async def loose_contents(self, erasure_id: str, *, now: datetime) -> Collection[str]:
        held = {one.sha256 for one in self._uploads.values()}
        loose = {one for one in self._erasures[erasure_id].contents if one in self._contents and one not in held}
        for sha256 in loose:
            there = self._contents[sha256]
            there.claimed_until = min(there.claimed_until, now)
        return loose

    async def unattached_uploads(self, account_id: AccountId, *, limit: int) -> Sequence[str]:
        mine = [one for one in self._uploads.values() if one.uploader_id == account_id and one.message_id is None]
        return sorted(one.attachment.id for one in mine)[:limit]

    async def finish_erasure(self, erasure_id: str, erased: Erased, *, at: datetime, audit: AuditEntry) -> bool:
        one, who = self._erasures[erasure_id], erased.account_id
        if one.erasure.stage is ErasureStage.DONE:
            return False
        taken = {account.handle for account in self._accounts.values() if account.id != who}
        handle = next(handle for handle in erased_handles(who, erased.handle) if handle not in taken)
        self._accounts[who] = replace(
            self._accounts[who], handle=handle, display_name=erased.display_name, is_operator=False, disabled=True
        )
        self._subjects = {key: account_id for key, account_id in self._subjects.items() if account_id != who}
        self._passwords.pop(who, None)
        for store in (self._tokens, self._sign_ins):
            store.by_id = {key: row for key, row in store.by_id.items() if row.account_id != who}
            store.ids = {digest: key for digest, key in store.ids.items() if key in store.by_id}
        self._links = {digest: link for digest, link in self._links.items() if link.account_id != who}
        self._marks = {key: seq for key, seq in self._marks.items() if key[1] != who}
        one.contents.clear()
        update = {"stage": ErasureStage.DONE, "done_at": at, "handle": handle, "problem": "", "files_waiting": 0}
        one.erasure = one.erasure.model_copy(update=update)
        self._access_version += 1
        self._audit_server(audit)
        return True

    async def erasure_traces(self, erased: Erased) -> Mapping[str, int]:
        who = erased.account_id
        account = self._accounts[who]
        has_names = account.handle == erased.former_handle or who in self._subjects.values()
        found = {
            "account": int(has_names or account.display_name != erased.display_name),
            "secrets": sum(
                row.account_id == who for store in (self._tokens, self._sign_ins) for row in store.by_id.values()
            )
            + int(who in self._passwords)
            + sum(link.account_id == who for link in self._links.values()),
            "read marks": sum(key[1] == who for key in self._marks),
            "files": sum(
                one.uploader_id == who
                and (one.attachment.state is not AttachmentState.REMOVED or one.message_id is None)
                for one in self._uploads.values()
            ),
        }
        for room_id, room in self._rooms.items():
            for place, count in self._traces_in(room_id, room, erased):
                found[place] = found.get(place, 0) + count
        return {place: count for place, count in found.items() if count}

    def _traces_in(self, room_id: RoomId, room: MemoryRoom, erased: Erased) -> Iterable[tuple[str, int]]:
        who = erased.account_id
        said = [message for message in room.timeline.messages.values() if is_to_erase(message, who)]
        member = room.state.members.get(who)
        yield "messages", sum(not message.is_deleted or message.text != "" for message in said)
        yield "revisions", sum(message.id in room.timeline.revisions for message in said)
        yield "reactions", sum(is_touched(message, who) for message in room.timeline.messages.values())
        yield "members", int(member is not None and member != renamed(member, erased))
        yield "facts", sum(fact.by == who for fact in room.state.notes.facts)
        place = self._place(room_id, who)
        yield "lines", sum(line_without(one.line, erased, place) is not one.line for one in room.timeline.log)
        deleted = {message.id for message in said}
        yield (
            "lines",
            sum(
                words_of_message(event) in deleted and not getattr(event, "is_redacted", True)
                for event in map(_event_of, (stored.line for stored in room.timeline.log))
            ),
        )
        yield (
            "turns",
            sum(
                turn.room_id == room_id
                and turn.turn.note != ""
                and (who in turn.turn.askers or turn.turn.replaces in place.again)
                for turn in self._turns.values()
            ),
        )
        yield (
            "ends of turns",
            sum(
                turn.room_id == room_id and is_stopped_by(room, turn.reason, turn.ended_seq, who)
                for turn in self._turns.values()
            ),
        )
        yield "prompts", sum(who in body for body in room.timeline.parts.values())

    def _rooms_of_person(self, account_id: AccountId) -> set[RoomId]:
        found = {
            room_id
            for room_id, room in self._rooms.items()
            if account_id in room.state.members
            or any(account_id.encode() in stored.line for stored in room.timeline.log)
        }
        found |= {one.room_id for one in self._uploads.values() if one.uploader_id == account_id}
        found |= {one.room_id for one in self._hooks.values() if one.created_by == account_id}
        return found | {one.room_id for one in self._invites.values() if one.created_by == account_id}

    def _found(
        self, room_id: RoomId, after_seq: int, limit: int, is_it: Callable[[Message], bool]
    ) -> Sequence[FoundMessage]:
        found = [
            FoundMessage(message.id, message.seq)
            for message in self._rooms[room_id].timeline.messages.values()
            if message.seq > after_seq and not message.is_deleted and is_it(message)
        ]
        return sorted(found, key=lambda one: one.seq)[:limit]

    def _turns_of(self, room_id: RoomId, account_id: AccountId) -> frozenset[TurnId]:
        return frozenset(
            turn_id
            for turn_id, turn in self._turns.items()
            if turn.room_id == room_id and turn.turn.askers == (account_id,)
        )

    def _again(self, room_id: RoomId, account_id: AccountId) -> frozenset[MessageId]:
        messages = self._rooms[room_id].timeline.messages
        asked = {turn.turn.replaces for turn in self._turns.values() if turn.room_id == room_id} - {None}
        return frozenset(one for one in asked if one in messages and account_id in messages[one].asked_by)

    def _place(self, room_id: RoomId, account_id: AccountId) -> Place:
        state = self._rooms[room_id].state
        is_theirs = state.is_deleted and account_id in state.members and not others_in(state, account_id)
        turns, again = self._turns_of(room_id, account_id), self._again(room_id, account_id)
        return Place(state.room.kind, turns, again, is_theirs=is_theirs)

    def _events(self, room_id: RoomId) -> list[Event]:
        return [_event_of(stored.line) for stored in self._rooms[room_id].timeline.log]


def _event_of(line: bytes) -> Event:
    return event_adapter.validate_json(line)


def _forms_of(message: Message) -> Iterable[Form]:
    forms = [message.form, *(answer.form for answer in message.alternatives)]
    return [form for form in forms if form is not None]


def _attachments_of(messages: Iterable[Message]) -> Iterable[Attachment]:
    return [one for message in messages for one in message.attachments]
