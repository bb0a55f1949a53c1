"""What happened since a member left, for that member alone: made of gists that are computed once for all readers."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import ValidationError

from multiplayer.ai.catch_up import Gist, Stretch, forgotten, gist, merged, segments, told
from multiplayer.ai.extract import METHOD
from multiplayer.live.clock import Clock
from multiplayer.live.directory import Directory
from multiplayer.live.handles_of import handles_of
from multiplayer.live.log_pages import events_between
from multiplayer.live.room_host import RoomHost
from multiplayer.protocol.events import Event, MessagePosted
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.members import Member
from multiplayer.protocol.messages import MentionGroup, Message
from multiplayer.protocol.reports_memory import CatchUp, Mention
from multiplayer.protocol.values import Frozen
from multiplayer.rooms.permissions import Right
from multiplayer.storage.ai_port import Digest
from multiplayer.storage.port import MAX_UNREAD, Storage

MOST_SEGMENTS: Final = 200
"""What is longer ago is left out, and that is said."""
AT_ONCE: Final = 1
"""Segments that are worked out on this pod; who asks for one meanwhile finds it made."""
MOST_MENTIONS: Final = 20
MENTION_CHARACTERS: Final = 300
_PAGE: Final = 200


class _Kept(Frozen):
    """A segment's digest as it is stored. A deletion in the segment drops it."""

    gist: Gist
    messages: tuple[tuple[AccountId, int], ...]
    answers: int


class CatchUps:
    def __init__(self, storage: Storage, directory: Directory, clock: Clock) -> None:
        self._storage = storage
        self._directory = directory
        self._clock = clock
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def since(self, room_id: RoomId, reader_id: AccountId, after_seq: int | None = None) -> CatchUp:
        """Tell what the reader missed: after `after_seq`, else after what they have read (or their joining).

        Nothing of it is stored for the reader, and nobody else hears of it. What may not be read is not told.
        """
        host = await self._directory.host(room_id)
        member = host.room.check(reader_id, Right.READ)
        if after_seq is None:
            mark = await self._storage.read_mark(room_id, reader_id)
            after_seq = max(mark.seq, member.joined_seq)
        up_to = host.room.seq
        readable_from = host.room.readable_from(member)
        wanted = max(after_seq + 1, readable_from, 1)
        stretches = segments(wanted, up_to)[-MOST_SEGMENTS:]
        first = stretches[0].first if stretches else wanted
        names = await handles_of(self._storage, host)
        kept = await self._kept(room_id, stretches)
        whole, messages, answers = Gist(), dict[AccountId, int](), 0
        for stretch in stretches:
            part = kept.get((stretch.first, stretch.last))
            if part is None:
                async with self._slots:
                    made = await self._kept(room_id, [stretch])
                    part = made.get((stretch.first, stretch.last)) or await self._made(host, stretch, names)
            whole = merged(whole, part.gist)
            answers += part.answers
            for author_id, count in part.messages:
                messages[author_id] = messages.get(author_id, 0) + count
        whole = await self._readable(room_id, whole, readable_from)
        return CatchUp(
            after_seq=after_seq,
            from_seq=first,
            up_to_seq=up_to,
            was_cut=first > wanted,
            messages=sum(messages.values()),
            answers=answers,
            people=tuple(messages),
            mentions=await self._mentions(room_id, member, first),
            points=told(whole, new_id=self._clock.new_id),
            method=METHOD,
            taint=whole.taint,
        )

    async def _kept(self, room_id: RoomId, stretches: Sequence[Stretch]) -> Mapping[tuple[int, int], _Kept]:
        whole = [stretch for stretch in stretches if stretch.is_whole]
        if not whole:
            return {}
        found: dict[tuple[int, int], _Kept] = {}
        for digest in await self._storage.digests(room_id, whole[0].first, whole[-1].last):
            try:
                found[digest.from_seq, digest.to_seq] = _Kept.model_validate_json(digest.body)
            except ValidationError:
                continue  # of another release: made anew
        return found

    async def _made(self, host: RoomHost, stretch: Stretch, names: Mapping[AccountId, str]) -> _Kept:
        seen_seq = host.room.seq
        events = await events_between(self._storage, host.room_id, stretch.first - 1, stretch.last)
        gone = {event.actor_id for event in events} - names.keys()
        if gone:
            names = {**names, **await handles_of(self._storage, host, gone)}
        made = await asyncio.to_thread(_digested, events, names)
        if stretch.is_whole:
            # Not kept if something was deleted meanwhile: the next reader makes it anew.
            digest = Digest(stretch.first, stretch.last, made.model_dump_json())
            await self._storage.put_digest(host.room_id, digest, seen_seq=seen_seq)
        return made

    async def _readable(self, room_id: RoomId, whole: Gist, readable_from: int) -> Gist:
        """Take out what was said before: an edit tells the words of an older message anew."""
        if not readable_from:
            return whole
        ids = list(dict.fromkeys(line.message_id for line in whole.lines))
        known = await self._storage.messages(room_id, ids) if ids else {}
        return forgotten(whole, [one for one in ids if one not in known or known[one].seq < readable_from])

    async def _mentions(self, room_id: RoomId, member: Member, from_seq: int) -> tuple[Mention, ...]:
        """Return the latest messages that name the member, looked up as they stand now."""
        found: list[Mention] = []
        before: int | None = None
        for _ in range(MAX_UNREAD // _PAGE):
            page = await self._storage.recent_messages(room_id, limit=_PAGE, before_seq=before, from_seq=from_seq)
            found += [_mention(message) for message in reversed(page) if _names(message, member)]
            if len(page) < _PAGE or len(found) >= MOST_MENTIONS:
                break
            before = page[0].seq
        return tuple(found[:MOST_MENTIONS])


def _digested(events: Sequence[Event], names: Mapping[AccountId, str]) -> _Kept:
    messages: dict[AccountId, int] = {}
    answers = 0
    for event in events:
        if isinstance(event, MessagePosted) and not event.is_redacted:
            if event.message.turn_id is not None:
                answers += 1
            else:
                messages[event.actor_id] = messages.get(event.actor_id, 0) + 1
    return _Kept(gist=gist(events, names), messages=tuple(messages.items()), answers=answers)


def _names(message: Message, member: Member) -> bool:
    if message.is_deleted or message.author_id == member.account_id:
        return False
    groups = {MentionGroup.ALL.value, MentionGroup.HERE.value, member.role.value}
    return member.account_id in message.mentions or any(group.value in groups for group in message.mention_groups)


def _mention(message: Message) -> Mention:
    return Mention(
        message_id=message.id,
        seq=message.seq,
        author_id=message.author_id,
        at=message.at,
        text=message.text[:MENTION_CHARACTERS],
    )
