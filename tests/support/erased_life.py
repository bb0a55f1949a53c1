"""A person who has left one word in every place that words get to; and a look for it wherever anything is kept."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import cast

import asyncpg
from pydantic import JsonValue

from multiplayer.auth.random_secrets import SecretKind, mint
from multiplayer.live.pod import Pod
from multiplayer.models.scripted import Call, Say, ScriptedModel
from multiplayer.protocol.attachments import BeginUpload
from multiplayer.protocol.ids import MessageId, RoomId
from multiplayer.protocol.members import Account, Role
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.trigger_rules import ScheduleRule, WebhookRule
from multiplayer.storage.ai_port import Digest, StoredHook
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.erasure_port import Erased
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import Storage
from tests.support.pods import Guest, Line, system_clock
from tests.support.transcribers import recording

WORD = "quokka"
HANDLE, NAME = f"{WORD}.alice", f"Alice {WORD.title()}"
_QUESTION: JsonValue = {"question": "Which animal?"}


def model() -> ScriptedModel:
    """What the AI does in `live_a_life`, turn by turn."""
    return ScriptedModel(
        [
            # Asked by bob alone: it asks the room by a form.
            [Call("ask_people", {"text": "Please say:", "questions": [_QUESTION]})],
            [Say("Please fill it in.")],
            # Asked by alice's answers to the form.
            [Say(f"So it is the {WORD}.")],
            # Asked by alice alone.
            [Call("search_room", {"query": WORD}), Call("remember", {"text": f"the {WORD} is alice's"})],
            [Say(f"You said {WORD} before.")],
            # Asked by bob alone, when alice was there: what it finds quotes her.
            [Call("search_room", {"query": "again"})],
            [Say("Good evening, bob.")],
            # In the room of alice alone.
            [Say(f"Dear diary, {WORD}.")],
            # Asked by bob in a room that alice has left.
            [Say("Nothing new.")],
        ]
    )


@dataclass
class Life:
    """`rooms` by what they are to her; `kept` are messages of others, which must stay as they are."""

    pod: Pod
    alice: Guest
    bob: Guest
    rooms: dict[str, RoomId] = field(default_factory=dict)
    kept: dict[MessageId, RoomId] = field(default_factory=dict)
    bobs_answer: str = ""

    @property
    def erased(self) -> Erased:
        """As whom she was known; the new names do not matter where it is used."""
        return Erased(self.alice.id, HANDLE, NAME, f"erased-{self.alice.id[-6:].lower()}")

    async def ask(self, who: Guest, room: str, kind: str, **fields: object) -> Line:
        answer = await who.ask(type=kind, room_id=self.rooms[room], **fields)
        assert answer["type"] == "accepted", answer
        return answer

    async def say(self, who: Guest, room: str, text: str, **fields: object) -> str:
        return str((await self.ask(who, room, "post_message", text=text, **fields))["event_id"])

    async def turn(self, who: Guest, room: str, text: str) -> Line:
        """Ask the AI and wait until it has answered."""
        message_id = await self.say(who, room, text)
        requested = await who.expect_type("turn_requested", message_id=message_id)
        return await who.expect_type("turn_ended", turn_id=requested["turn_id"], outcome="done")

    async def file(self, room: str, name: str, data: bytes) -> str:
        asked = BeginUpload(name=name, size=len(data))
        upload = await self.pod.files.uploads.take(self.rooms[room], self.alice.id, asked, _once(data))
        return str(upload.attachment.id)


async def live_a_life(pod: Pod) -> Life:
    """Let alice use all there is, and bob beside her."""
    account = await pod.lobby.create_account(HANDLE, display_name=NAME, origin="cli")
    life = Life(pod, await Guest.enter(pod, account.handle), await Guest.enter(pod, "bob"))
    await _in_the_team(life)
    await _with_the_ai(life)
    await _elsewhere(life)
    await _beside_rooms(life, account)
    return life


async def _in_the_team(life: Life) -> None:
    alice, bob = life.alice, life.bob
    room_id = life.rooms["team"] = await life.pod.lobby.create_room(bob.id, "team", origin="cli")
    await life.ask(bob, "team", "invite_member", handle=HANDLE, role="admin")
    for one in (alice, bob):
        await one.join(room_id)
    first = await life.say(alice, "team", f"first {WORD}")
    await life.ask(alice, "team", "edit_message", message_id=first, text=f"{WORD} again")
    kept = await life.say(bob, "team", "bob's own words")
    life.kept[MessageId(kept)] = room_id
    await life.ask(alice, "team", "add_reaction", message_id=kept, emoji=f":{WORD}:")
    await life.say(alice, "team", f"a reply: {WORD}", reply_to=kept)
    await life.ask(bob, "team", "pin_message", message_id=first)
    for name, data in ((f"{WORD}.txt", f"in a file: {WORD}".encode()), (f"{WORD}.wav", recording(f"said {WORD}"))):
        file = await life.file("team", name, data)
        start = len(alice.heard)
        await life.say(alice, "team", "", attachments=[file])
        if name.endswith(".wav"):
            await alice.expect(lambda line: f"words: said {WORD}" in str(line), start=start)
    await life.ask(alice, "team", "pin_fact", text=f"alice's {WORD}")
    await life.ask(bob, "team", "pin_fact", text=f"from her message: {WORD}", message_id=first)
    await life.ask(bob, "team", "pin_fact", text="bob's fact")
    points = [{"section": "facts", "text": f"alice's point: {WORD}"}]
    await life.ask(alice, "team", "edit_summary", version=0, points=points)
    summary = (await life.pod.directory.host(room_id)).room.state.summary
    assert summary is not None
    bobs = [{"section": "facts", "text": "bob's point"}, {**points[0], "id": summary.points[0].id}]
    await life.ask(bob, "team", "edit_summary", version=1, points=bobs)
    settings = (await life.pod.directory.host(room_id)).room.state.room.settings
    rules = (
        *settings.triggers,
        ScheduleRule.model_validate({"id": "daily", "type": "schedule", "at": "03:00", "prompt": f"what of {WORD}?"}),
        WebhookRule(id="ring", prompt=f"the {WORD} rang"),
    )
    changed = RoomSettings(triggers=rules).model_dump(mode="json")
    await life.ask(alice, "team", "set_room_settings", settings=changed)


async def _with_the_ai(life: Life) -> None:
    alice, bob, storage = life.alice, life.bob, life.pod.storage
    room_id = life.rooms["team"]
    asked = await life.turn(bob, "team", "@ai what do we need to know?")
    life.bobs_answer = str(asked["message_id"])
    message = (await storage.messages(room_id, [MessageId(life.bobs_answer)]))[MessageId(life.bobs_answer)]
    assert message.form is not None
    answers = [{"question_id": message.form.questions[0].id, "values": [f"a {WORD}"]}]
    await life.ask(alice, "team", "answer_form", message_id=life.bobs_answer, answers=answers)
    requested = await alice.expect_type("turn_requested", reason="form")
    await alice.expect_type("turn_ended", turn_id=requested["turn_id"], outcome="done")
    await life.turn(alice, "team", f"@ai look for {WORD}")
    last = await life.turn(bob, "team", "@ai good evening")
    life.kept[MessageId(str(last["message_id"]))] = room_id
    seq = (await storage.seqs([room_id]))[room_id]
    assert await storage.put_digest(room_id, Digest(1, 3, f"{NAME} came"), seen_seq=seq)
    await storage.put_part(room_id, f"a prompt that names {NAME}")


async def _elsewhere(life: Life) -> None:
    alice, bob, lobby = life.alice, life.bob, life.pod.lobby
    life.rooms["direct"] = await lobby.direct(bob.id, [HANDLE], origin="cli")
    life.rooms["diary"] = await lobby.create_room(alice.id, f"{WORD} diary", topic=f"on {WORD}", origin="cli")
    for name in ("left", "archived", "deleted"):
        life.rooms[name] = await lobby.create_room(bob.id, name, origin="cli")
        await life.ask(bob, name, "invite_member", handle=HANDLE, role="member")
    for name, room_id in life.rooms.items():
        if name == "team":
            continue
        await alice.join(room_id)
        if name != "diary":
            await bob.join(room_id)
            kept = await life.say(bob, name, f"bob in {name}")
            life.kept[MessageId(kept)] = room_id
        said = await life.say(alice, name, f"{WORD} in {name}")
        await life.ask(alice, name, "edit_message", message_id=said, text=f"{WORD} was in {name}")
        await life.ask(alice, name, "pin_fact", text=f"{WORD} of {name}")
    await life.turn(alice, "diary", f"@ai {WORD}?")
    await life.ask(alice, "left", "leave_room")
    await life.turn(bob, "left", "@ai and now?")
    # Where she came, and never said a word.
    life.rooms["quiet"] = await lobby.create_room(bob.id, "quiet", origin="cli")
    await bob.join(life.rooms["quiet"])
    await life.ask(bob, "quiet", "invite_member", handle=HANDLE, role="member")
    await life.ask(bob, "archived", "archive_room", is_archived=True)
    await life.ask(bob, "deleted", "delete_room")


async def _beside_rooms(life: Life, account: Account) -> None:
    pod, alice, room_id = life.pod, life.alice, life.rooms["team"]
    await life.file("team", f"{WORD}-never-sent.txt", f"not sent: {WORD}".encode())
    pending = BeginUpload(name=f"{WORD}-pending.txt", size=5)
    await pod.files.uploads.begin(room_id, alice.id, pending)
    await pod.doors.access_tokens.create(alice.id, f"{WORD}'s token", None)
    await pod.doors.sign_ins.create(alice.id)
    await pod.doors.local.set_password(account.id, f"{WORD} {WORD} {WORD}")
    await pod.lobby.create_invite(room_id, alice.id, role=Role.GUEST, uses=None, ttl=timedelta(days=1), origin="cli")
    now = system_clock().now()
    audit = AuditEntry(at=now, actor_id=alice.id, origin="cli", action="hook_created", subject="h")
    hook = StoredHook(system_clock().new_id(), room_id, "ring", alice.id, now, None)
    await pod.storage.add_hook(hook, mint(SecretKind.INVITE).sha256, audit=audit)
    await pod.storage.mark_read(room_id, alice.id, 5)


async def places_of(word: str, storage: Storage, dsn: str | None, folder: Path) -> dict[str, int]:
    """Look through every table and column, or all that memory holds, and every file of the store; return where it is."""
    found: dict[str, int] = {}
    if dsn is not None:
        found |= await _in_tables(word, dsn)
    else:
        assert isinstance(storage, MemoryStorage)
        found |= _in_memory(word, storage)
    return found | await asyncio.to_thread(_in_files, word, folder)


def _in_files(word: str, folder: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for path in folder.rglob("*"):
        held = path.name.encode() + (path.read_bytes() if path.is_file() else b"")
        if word.encode() in held.lower():
            place = f"blob {path.relative_to(folder).parts[0]}"
            found[place] = found.get(place, 0) + 1
    return found


async def _in_tables(word: str, dsn: str) -> dict[str, int]:
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch(
            "SELECT oid::regclass::text AS name FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        assert len(tables) > 30
        counts = {
            row["name"]: await connection.fetchval(
                f"SELECT count(*) FROM {row['name']} t WHERE t::text ILIKE $1", f"%{word}%"
            )
            for row in tables
        }
    finally:
        await connection.close()
    return {name: count for name, count in counts.items() if count}


def _in_memory(word: str, storage: MemoryStorage) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, held in vars(storage).items():
        if name == "_rooms":
            rooms = cast("Mapping[RoomId, object]", held)
            for room in rooms.values():
                for part, value in vars(room).items():
                    _count(found, "audit" if part.startswith("audit") else part, word, value)
        else:
            _count(found, "audit" if "audit" in name else name, word, held)
    return found


def _count(found: dict[str, int], place: str, word: str, value: object) -> None:
    count = repr(value).lower().count(word)
    if count:
        found[place] = found.get(place, 0) + count


async def audited_words(word: str, storage: Storage, rooms: Mapping[str, RoomId]) -> set[str]:
    """Return the actions of entries of the audit trail in which the word stands."""
    actions: set[str] = set()
    for chain in (None, *rooms.values()):
        for row in await storage.audit_after(chain, 0, limit=1_000):
            if word in f"{row.entry.subject} {row.entry.before} {row.entry.after}".lower():
                actions.add(row.entry.action)
    return actions


async def told_to(who: Guest, room_id: RoomId) -> str:
    """All that a member can read of a room: what the snapshot tells, and every line of the log."""
    joined = await who.join(room_id)
    # From 1 on: of the first line, which was written when the room was made, no pod has a copy.
    log = await who.pod.cache.events_after(room_id, 1, limit=10_000)
    whole = await who.pod.storage.events_after(room_id, 0, limit=10_000)
    return json.dumps(joined) + "".join(event.line.decode() for event in (*log, *whole))


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
