"""Loads what a batch of commands needs to be decided, in as few queries as there are kinds of things."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from multiplayer.live.batch import Submission
from multiplayer.live.room_memory import RoomMemory
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.ids import AttachmentId, MessageId, RoomId
from multiplayer.protocol.messages import Message
from multiplayer.rooms.facts import Facts, Needs, NoteFacts, ThreadFacts, Uploaded
from multiplayer.rooms.room import Room
from multiplayer.storage.port import Storage


async def load_facts(storage: Storage, room: Room, memory: RoomMemory, waiting: Iterable[Submission]) -> Facts:
    """Return the facts for all of `waiting`. Raises `StorageUnavailable`."""
    needs = Needs()
    for submission in waiting:
        needs |= room.needs(submission.actor_id, submission.command)
    if not needs:
        return Facts()
    room_id = room.state.room.id
    messages = memory.held(needs.messages)
    missing = [message_id for message_id in needs.messages if message_id not in messages]
    if missing:
        messages |= await storage.messages(room_id, missing)
    threads = await _threads(storage, room_id, [messages[one] for one in needs.threads_of if one in messages])
    accounts = list((await storage.accounts(list(needs.accounts))).values()) if needs.accounts else []
    for handle in needs.handles:
        found = await storage.find_account_by_handle(handle)
        if found is not None and not found.disabled:
            accounts.append(found.account)
    notes = await _notes(storage, room_id, [messages[one] for one in needs.notes_of if one in messages])
    uploads = await _uploads(storage, room_id, needs.attachments) if needs.attachments else {}
    return Facts.of(messages, accounts, threads, notes, uploads)


async def _uploads(
    storage: Storage, room_id: RoomId, wanted: Collection[AttachmentId]
) -> Mapping[AttachmentId, Uploaded]:
    found = await storage.uploads(wanted)
    return {
        one.attachment.id: Uploaded(one.attachment, one.uploader_id, one.message_id)
        for one in found.values()
        if one.room_id == room_id
    }


async def _notes(storage: Storage, room_id: RoomId, answers: Sequence[Message]) -> Mapping[MessageId, NoteFacts]:
    notes: dict[MessageId, NoteFacts] = {}
    for answer in answers:
        record = await storage.turn(room_id, answer.turn_id) if answer.turn_id is not None else None
        if record is not None and record.turn is not None and record.turn.note:
            taint = tuple(one for one in record.turn.taint if one is Taint.WEBHOOK)
            notes[answer.id] = NoteFacts(record.turn.note, taint)
    return notes


async def _threads(storage: Storage, room_id: RoomId, messages: Sequence[Message]) -> Mapping[MessageId, ThreadFacts]:
    roots = list({message.thread_root or message.id for message in messages})
    return await storage.thread_facts(room_id, roots) if roots else {}
