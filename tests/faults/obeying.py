"""A server whose AI carries out every order that it can read, and a picture of all that no order may change.

An order is `order-17`, short enough for a handle. What each number means the model knows, as if it were written out.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

from pydantic import ConfigDict, JsonValue

from multiplayer.live.pod import Pod, PodLimits
from multiplayer.live.session import SessionLimits
from multiplayer.models.openai_compatible import Endpoint, OpenAICompatible
from multiplayer.models.port import ChatRequest, Chunk, Finished
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.members import AccountKind
from multiplayer.protocol.profiles import AiProfile
from multiplayer.protocol.tools import ToolClass
from multiplayer.storage.memory import MemoryStorage
from multiplayer.tools.files.tools import file_tools
from multiplayer.tools.net.fetch_url import fetch_url
from multiplayer.tools.net.guarded_http import GuardedHttp
from multiplayer.tools.registry import AnyTool, Arguments, Tool, ToolCallContext, ToolRegistry, ToolResult
from multiplayer.tools.room_tools import room_tools
from tests.faults.orders import BARRED_BY_PROFILE, BARRED_BY_ROOM, LOOK_UP, OWN_ORDERS, OWN_READ, WAIT, Order
from tests.support.brains import GivenBrains, brain_of
from tests.support.pods import Guest, Line, memory_pod, system_clock
from tests.support.provider import Behaviour, Provider, Reply, call, calls, provider

PROVIDER_KEY = "sk-canary-of-the-provider-0123456789"
DATABASE_URL = "postgresql://multiplayer:canary-of-the-database@127.0.0.1/multiplayer"
DIARY = "canary of the vault's diary"
TALK = "canary of what is said in the vault"
KEY_FILE = "sk-canary-of-a-key-file"
_ORDER = re.compile(r"order-(\d+)", re.IGNORECASE)


class Anything(Arguments):
    """Whatever a model sends along."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)


class Parrot:
    """Another AI: says whatever `chunks` are, each time it is asked."""

    model_name = "parrot"
    context_tokens = 32_000

    def __init__(self) -> None:
        self.chunks: Sequence[Chunk] = ()

    async def stream(self, _request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """See `ChatModel.stream`."""
        for chunk in self.chunks:
            yield chunk
        yield Finished("stop")


@dataclass
class World:
    """One server: the vault, which is dave's, and rooms of alice's in which the model is asked."""

    pod: Pod
    folder: Path
    provider: Provider
    parrot: Parrot
    brains: GivenBrains
    storage: MemoryStorage
    orders: Mapping[int, Order]
    alice: Guest
    bob: Guest
    mallory: Guest
    dave: Guest
    vault: RoomId
    parrot_id: AccountId
    tokens: Sequence[str]
    room_id: RoomId
    canary: "Canary"
    word: str = ""
    """The order, as it is planted."""
    ran: list[tuple[str, str]] = field(default_factory=list)
    """Which tools were run, and with what."""
    obeyed: set[int] = field(default_factory=set)
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def workspace(self) -> Path:
        return self.folder / "workspaces" / self.room_id

    async def new_room(self, settings: Mapping[str, JsonValue]) -> None:
        """A room of alice's with bob (a member), mallory (a guest) and both AIs."""
        self.room_id = await self.pod.lobby.create_room(self.alice.id, "demo", origin="cli")
        for handle, role in (("bob", "member"), ("mallory", "guest"), ("parrot", "member")):
            await self.does(self.alice, type="invite_member", handle=handle, role=role)
        tools = [name for name in self.pod_tools if name != BARRED_BY_ROOM]
        # More than there are people who may: what needs approval is refused, so that no order waits for one.
        given = {
            "approvals": {"approvers": 5},
            "guests_post": True,
            "guests_ask_ai": True,
            "fetches_urls": True,
            "tools": tools,
            **settings,
        }
        await self.does(self.alice, type="set_room_settings", settings=given)
        for guest in (self.alice, self.bob, self.mallory):
            await guest.join(self.room_id)
        # As a command in the workspace could leave them.
        self.file("ours.txt", "the room's own")
        (self.workspace / "link").symlink_to(f"../{self.vault}/diary.txt")
        (self.workspace / "way").symlink_to(f"../{self.vault}")

    @property
    def pod_tools(self) -> Sequence[str]:
        return (*TOOLS, *SERVERS_OWN)

    async def does(self, who: Guest, **line: object) -> Line:
        """Let somebody do something in the room that must be accepted."""
        answer = await who.ask(room_id=self.room_id, **line)
        assert answer["type"] == "accepted", (line, answer)
        return answer

    async def asked(self, who: Guest, text: str = "please go on") -> None:
        """Ask the AI and wait until its turn has ended."""
        start = len(self.alice.heard)
        await self.does(who, type="post_message", text=f"@ai {text}")
        await self.until_ended(start)

    async def until_ended(self, start: int) -> Line:
        return await self.alice.expect(
            lambda line: line["type"] == "turn_ended" and line["room_id"] == self.room_id, start=start
        )

    async def log(self, room_id: RoomId) -> list[Line]:
        stored = await self.storage.events_after(room_id, 0, limit=100_000)
        return [cast("Line", json.loads(event.line)) for event in stored]

    def file(self, name: str, text: str) -> None:
        """Put a file into the room's workspace, as a member would by hand."""
        self.workspace.mkdir(parents=True, exist_ok=True)
        (self.workspace / name).write_text(text)

    def files(self) -> dict[str, str]:
        """All files of the server, without what the model was rightly told to write and what is kept to undo that."""
        return {
            str(path.relative_to(self.folder)): path.read_text(errors="replace")
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
            and not path.is_symlink()
            and not path.name.startswith("obeyed-")
            and not {"workspaces-checkpoints", ".used", ".naming"} & set(path.parts)
        }

    async def picture(self) -> dict[str, object]:
        """Everything that no order may change."""
        state = (await self.pod.directory.host(self.room_id)).room.state
        seqs = {room_id: room.state.seq for room_id, room in self.storage._rooms.items() if room_id != self.room_id}
        audits = {room_id: len(room.audit) for room_id, room in self.storage._rooms.items()}
        return {
            "other rooms": seqs,
            "the vault": await self.log(self.vault),
            "the room": state.room,
            "its members": dict(state.members),
            "its bans": state.banned,
            "its pins": state.pins,
            "its facts": state.notes.facts,
            "its budget": state.notes.budget,
            "its summary": state.summary,
            "accounts": dict(self.storage._accounts),
            "profiles": dict(self.storage._profiles),
            "invites": dict(self.storage._invites),
            "hooks": dict(self.storage._hooks),
            "server settings": dict(self.storage._settings),
            "audit": (audits, len(self.storage._server_audit)),
            "files": self.files(),
            "what ran": tuple(self.ran),
            "who knocked": self.canary.knocks,
        }

    async def shown(self) -> str:
        """Every word that alice, bob or mallory was sent, that a room but the vault keeps, or a workspace holds."""
        heard = [guest.heard for guest in (self.alice, self.bob, self.mallory)]
        logs = [await self.log(room_id) for room_id in self.storage._rooms if room_id != self.vault]
        workspaces = [
            path.read_text(errors="replace")
            for path in (self.folder / "workspaces").rglob("*")
            if path.is_file() and not path.is_symlink() and self.vault not in path.parts
        ]
        return json.dumps([heard, logs, workspaces], ensure_ascii=False)

    def sent(self) -> str:
        """All that the provider was sent."""
        return json.dumps([request.body for request in self.provider.requests], ensure_ascii=False)

    def markers(self) -> set[str]:
        """The markers that stood in any prompt."""
        found: set[str] = set()
        for request in self.provider.requests:
            for message in request.messages:
                content = str(message["content"])
                if message["role"] == "user":
                    lines = [json.loads(line) for line in content.split("\n") if line.startswith("{")]
                    found |= {str(line["marker"]) for line in lines if "marker" in line}
                elif message["role"] == "tool":
                    found.add(content.removeprefix("[result ").split(" ")[0])
        return found

    def obey(self) -> Behaviour:
        """Carry out, once in each turn, every order that stands anywhere in the request."""

        async def play(reply: Reply) -> None:
            prompt = json.dumps(reply.request.body, ensure_ascii=False)
            found = [int(number) for number in _ORDER.findall(prompt)]
            fresh = [number for number in dict.fromkeys(found) if number in self.orders and number not in self.obeyed]
            self.obeyed.update(fresh)
            count = len(self.provider.requests)
            wanted = [
                call(self._filled(name), self._arguments(arguments), f"c{count}-{number}-{place}")
                for number in fresh
                for place, (name, arguments) in enumerate(self._calls(number))
            ]
            if any(self.orders[number].repeats_prompt for number in fresh):
                wanted.append(call("write_file", {"path": "obeyed-prompt.txt", "content": prompt}, f"c{count}-all"))
            says = " ".join(self._filled(self.orders[number].says) for number in sorted(self.obeyed))
            if wanted:
                await calls(*wanted, piece=20_000, thinking=f"I read: {prompt}").play(reply)
                return
            # Whatever the tools said is told to the room, too.
            said = [str(message["content"]) for message in reply.request.messages if message["role"] == "tool"]
            whole = prompt if any(self.orders[number].repeats_prompt for number in self.obeyed) else ""
            await reply.begin_stream()
            words = f"I have obeyed. {says} {said} {whole}"
            for at in range(0, len(words), 97):
                await reply.delta({"content": words[at : at + 97]})
            await reply.delta({}, "stop")
            await reply.done()

        return Behaviour("obeys", play)

    def _calls(self, number: int) -> Sequence[tuple[str, Mapping[str, JsonValue] | str]]:
        order = self.orders[number]
        if number >= OWN_READ:
            return order.calls
        proof: tuple[str, Mapping[str, JsonValue]] = ("write_file", {"path": f"obeyed-{number}.txt", "content": "yes"})
        return (proof, *order.calls)

    def _arguments(self, arguments: Mapping[str, JsonValue] | str) -> str:
        return self._filled(arguments if isinstance(arguments, str) else json.dumps(arguments))

    def _filled(self, text: str) -> str:
        values = {
            "vault": self.vault,
            "folder": str(self.folder),
            "room": self.room_id,
            "word": self.word,
            "bob": self.bob.id,
            "mallory": self.mallory.id,
            "alice": self.alice.id,
            "parrot": self.parrot_id,
            "canary": f"127.0.0.1:{self.canary.port}",
            "canary_port": str(self.canary.port),
        }
        return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), text)


@dataclass
class Canary:
    """A server on this machine that nothing of ours may reach."""

    port: int = 0
    knocks: int = 0

    @classmethod
    @asynccontextmanager
    async def listening(cls) -> AsyncIterator["Canary"]:
        canary = cls()

        async def knocked(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            canary.knocks += 1
            writer.close()

        async with await asyncio.start_server(knocked, "127.0.0.1", 0) as server:
            canary.port = server.sockets[0].getsockname()[1]
            yield canary


async def _run(world: list[World], name: str, arguments: Anything, _context: ToolCallContext) -> ToolResult:
    world[0].ran.append((name, json.dumps(arguments.model_extra, sort_keys=True)))
    return ToolResult(ok=True, text=f"{name} has run")


async def _look_up(world: list[World], _arguments: Anything, _context: ToolCallContext) -> ToolResult:
    return ToolResult(ok=True, text=world[0].word, taint=Taint.WEB)


async def _wait(world: list[World], _arguments: Anything, _context: ToolCallContext) -> ToolResult:
    async with asyncio.timeout(10):
        await world[0].may_go_on.wait()
    return ToolResult(ok=True, text="waited")


TOOLS: Mapping[str, ToolClass] = {
    "terminal": ToolClass.TERMINAL,
    "long_job": ToolClass.EXTENDED,
    "raw_shell": ToolClass.UNSANDBOXED,
    "delete_all": ToolClass.SENSITIVE_WRITE,
    "execute_command": ToolClass.TERMINAL,
    "job_start": ToolClass.EXTENDED,
    BARRED_BY_ROOM: ToolClass.READ,
    BARRED_BY_PROFILE: ToolClass.READ,
    LOOK_UP: ToolClass.READ,
    WAIT: ToolClass.READ,
}
SERVERS_OWN = (
    *("read_file", "list_files", "search_files", "write_file", "edit_file", "move_file", "delete_file"),
    *("search_room", "ask_people", "remember", "forget", "fetch_url"),
)
"""The real ones."""


@asynccontextmanager
async def obeying_world(folder: Path, orders: Mapping[int, Order], *real: AnyTool) -> AsyncIterator[World]:
    """Run the server. Its AI asks the obeying stand-in; `parrot` says what a test lets it say.

    `real`: tools that take the place of the stand-ins of their names.
    """
    made: list[World] = []
    runs = {LOOK_UP: _look_up, WAIT: _wait}
    tools = ToolRegistry(
        [
            *file_tools(),
            *room_tools(),
            fetch_url(GuardedHttp()),
            *(
                Tool(name, f"{name}.", Anything, kind, partial(runs[name], made))
                if name in runs
                else Tool(name, f"{name}.", Anything, kind, partial(_run, made, name))
                for name, kind in TOOLS.items()
                if all(name != one.name for one in real)
            ),
            *real,
        ]
    )
    clock, storage = system_clock(), MemoryStorage()
    orders = {**orders, **OWN_ORDERS}
    workspaces = folder / "workspaces"
    (folder / "workspaces-secrets" / "ai").mkdir(parents=True)
    (folder / "workspaces-secrets" / "ai" / "x.key").write_text(KEY_FILE)
    async with provider() as stand_in, Canary.listening() as canary:
        model = OpenAICompatible(
            Endpoint(stand_in.base_url, "stand-in", 200_000), PROVIDER_KEY, now=clock.now, make_id=clock.new_id
        )
        allowed = tuple(name for name in (*TOOLS, *SERVERS_OWN) if name != BARRED_BY_PROFILE)
        brains = GivenBrains(brain_of(model, AiProfile(handle="ai", name="AI", tools=allowed)))
        limits = PodLimits(session=SessionLimits(commands_per_s=100_000, commands_burst=100_000))
        try:
            async with memory_pod(
                workspaces, brains=brains, storage=storage, tools=tools, limits=limits, clock=clock
            ) as pod:
                parrot = Parrot()
                account = await pod.lobby.create_account("parrot", kind=AccountKind.AI, origin="cli")
                brains.each[account.id] = brain_of(parrot)
                alice, bob, mallory, dave = [
                    await Guest.enter(pod, handle) for handle in ("alice", "bob", "mallory", "dave")
                ]
                vault = await pod.lobby.create_room(dave.id, "vault", origin="cli")
                await dave.join(vault)
                await dave.post(vault, TALK)
                await dave.ask(type="pin_fact", room_id=vault, text="a fact of the vault")
                token = await pod.doors.access_tokens.create(dave.id, "daves", None)
                world = World(
                    pod, folder, stand_in, parrot, brains, storage, orders, alice, bob, mallory, dave, vault,
                    account.id, [token.text], vault, canary,
                )  # fmt: skip
                made.append(world)
                stand_in.default = world.obey()
                world.file("diary.txt", DIARY)
                yield world
        finally:
            await model.aclose()
