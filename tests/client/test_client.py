"""The SDK against a real server, with a network that breaks in between, over both transports."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from typing_extensions import override

from multiplayer.client import (
    Client,
    ConnectionLost,
    Connectivity,
    NotSignedIn,
    RefusalCode,
    Refused,
    Room,
    RoomWord,
)
from multiplayer.client.view import View
from multiplayer.models.scripted import Say, ScriptedModel
from multiplayer.protocol.commands import (
    AddReaction,
    DeleteMessage,
    EditMessage,
    InviteMember,
    PinMessage,
    RemoveMember,
    SetTopic,
    SetTyping,
    UnpinMessage,
)
from multiplayer.protocol.event_frame import EventFrame
from multiplayer.protocol.events import MemberRemoved, MessagePosted
from multiplayer.protocol.ids import MessageId
from multiplayer.protocol.signals import AiDelta
from multiplayer.protocol.turn_events import TurnEnded
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import Append, Appended, OutcomeUnknown
from tests.client.cutting_proxy import CuttingProxy, cutting_proxy
from tests.support.server import Known, RunningServer, running_server

Transport = Literal["ws", "sse"]
PATIENCE_S = 30.0
pytestmark = pytest.mark.slow


class ForgetfulStorage(MemoryStorage):
    """Stores, and now and then cannot say whether it did."""

    is_forgetful = False

    @override
    async def append(self, append: Append) -> Appended:
        outcome = await super().append(append)
        if self.is_forgetful:
            self.is_forgetful = False
            raise OutcomeUnknown
        return outcome


@pytest.fixture(params=["ws", "sse"])
def transport(request: pytest.FixtureRequest) -> Transport:
    return "ws" if request.param == "ws" else "sse"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    model = ScriptedModel([[Say("Here I am, 你好 😀, with words.", pieces=9)]])
    async with running_server(tmp_path, storage=ForgetfulStorage(), model=model) as running:
        yield running


@pytest.fixture
async def proxy(server: RunningServer) -> AsyncIterator[CuttingProxy]:
    async with cutting_proxy(server.port) as between:
        yield between


@pytest.fixture
async def alice(server: RunningServer) -> Known:
    return await server.know("alice")


@pytest.fixture
async def bob(server: RunningServer) -> Known:
    return await server.know("bob")


def client_of(url: str, known: Known, transport: Transport, *, patience_s: float = 30.0) -> Client:
    return Client(url, token=known.token, transport=transport, patience_s=patience_s)


async def texts(room: Room, count: int, *, after: int) -> Sequence[tuple[int, str]]:
    """Read `count` messages from a place on; every event on the way must be the next one."""
    found: list[tuple[int, str]] = []
    seq = after
    async with asyncio.timeout(PATIENCE_S):
        async for word in room.events(after=after):
            if isinstance(word, EventFrame):
                assert word.seq == seq + 1
                seq = word.seq
            if isinstance(word, MessagePosted):
                found.append((word.seq, word.message.text))
            if len(found) == count:
                break
    return found


async def test_two_people_hear_each_other_in_the_same_order(
    server: RunningServer, alice: Known, bob: Known, transport: Transport
) -> None:
    await server.room(alice, bob)
    async with client_of(server.url, alice, transport) as one, client_of(server.url, bob, transport) as two:
        room, same = await one.room("demo"), await two.room("#demo")
        start = room.view.seq
        await asyncio.gather(*(room.send(f"a{n}") for n in range(5)), *(same.send(f"b{n}") for n in range(5)))
        heard = await texts(room, 10, after=start)
        assert heard == await texts(same, 10, after=start)
        assert {text for _, text in heard} == {f"{who}{n}" for who in "ab" for n in range(5)}
        assert [message.text for message in await room.history(limit=3)] == [text for _, text in heard[-3:]]


async def test_the_words_of_an_ai_come_piece_by_piece_and_amount_to_its_message(
    server: RunningServer, alice: Known, transport: Transport
) -> None:
    await server.room(alice)
    async with client_of(server.url, alice, transport) as client:
        room = await client.room("demo")
        words = room.events()
        sent = await room.send("@ai are you there?")
        turns = await room.turns_of(sent)
        assert len(turns) == 1
        pieces: list[str] = []
        answer: MessagePosted | None = None
        async with asyncio.timeout(PATIENCE_S):
            async for word in words:
                match word:
                    case AiDelta():
                        pieces.append(word.text)
                    case MessagePosted() if word.message.turn_id == turns[0]:
                        answer = word
                    case TurnEnded():
                        break
                    case _:
                        pass
        assert answer is not None
        assert "".join(pieces) == answer.message.text == "Here I am, 你好 😀, with words."
        assert await room.turns_of(await room.send("nobody is asked")) == []


async def test_a_view_kept_by_folding_is_the_snapshot_somebody_gets_who_comes_later(
    server: RunningServer, alice: Known, bob: Known, transport: Transport
) -> None:
    await server.room(alice)
    async with client_of(server.url, alice, transport) as client:
        room = await client.room("demo")
        await room.command(InviteMember(handle="bob"))
        first, second = await room.send("one"), await room.send("two")
        await room.command(EditMessage(message_id=first.message_id, text="one, better"))
        await room.command(AddReaction(message_id=second.message_id, emoji="👍"))
        for sent in (first, second):
            await room.command(PinMessage(message_id=sent.message_id))
        await room.command(DeleteMessage(message_id=first.message_id))
        third = await room.send("three")
        await room.command(PinMessage(message_id=third.message_id))
        await room.command(UnpinMessage(message_id=second.message_id))
        last = await room.command(SetTopic(topic="folding"))
        assert last.seq is not None
        await texts(room, 2, after=1)
        await room.wait_for(lambda word: getattr(word, "seq", 0) == last.seq, PATIENCE_S, after=last.seq - 1)
        async with client_of(server.url, alice, transport) as later:
            fresh = (await later.room("demo")).view
        assert _comparable(room.view) == _comparable(fresh)


async def _read_out(words: AsyncIterator[RoomWord]) -> Sequence[RoomWord]:
    return [word async for word in words]


def _comparable(view: View) -> Sequence[object]:
    return [view.room, view.seq, view.members, view.messages, view.pins, view.turns, view.summary, view.banned]


async def test_events_go_on_over_broken_connections_without_gap_or_repeat(
    server: RunningServer, proxy: CuttingProxy, alice: Known, bob: Known, transport: Transport
) -> None:
    await server.room(alice, bob)
    async with client_of(proxy.url, alice, transport) as one, client_of(server.url, bob, transport) as two:
        room, other = await one.room("demo"), await two.room("demo")
        changes = one.status.subscribe()
        words = room.events()
        seqs: list[int] = []
        expected = 0
        for round_ in range(3):
            for number in range(4):
                await other.send(f"{round_}.{number}")
                expected += 1
                if number == 1:
                    proxy.cut()
            async with asyncio.timeout(PATIENCE_S):
                while len(seqs) < expected:
                    word = await anext(words)
                    if isinstance(word, MessagePosted):
                        seqs.append(word.seq)
        assert seqs == list(range(seqs[0], seqs[0] + expected))
        seen = [(await anext(changes)).state for _ in range(3)]
        assert seen == [Connectivity.ONLINE, Connectivity.RECONNECTING, Connectivity.ONLINE]


async def test_a_message_whose_acceptance_was_lost_is_stored_once(
    server: RunningServer, proxy: CuttingProxy, alice: Known, bob: Known, transport: Transport
) -> None:
    await server.room(alice, bob)
    async with client_of(proxy.url, alice, transport) as client, client_of(server.url, bob, transport) as witness:
        room, witnessing = await client.room("demo"), await witness.room("demo")
        before = room.view.seq
        proxy.is_swallowing = True
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(room.send("only once"))
            # Committed, and told to everyone whom the network does not keep from hearing it.
            await texts(witnessing, 1, after=before)
            proxy.cut()
            proxy.is_swallowing = False
        sent = sending.result()
        assert sent.seq == before + 1
        await room.send("after it")
        assert [text for _, text in await texts(room, 2, after=before)] == ["only once", "after it"]


async def test_an_unknown_outcome_is_asked_again_under_the_same_key(
    server: RunningServer, alice: Known, transport: Transport
) -> None:
    await server.room(alice)
    async with client_of(server.url, alice, transport) as client:
        room = await client.room("demo")
        before = room.view.seq
        assert isinstance(server.pod.storage, ForgetfulStorage)
        server.pod.storage.is_forgetful = True
        sent = await room.send("stored, but who knows")
        assert not server.pod.storage.is_forgetful
        assert sent.seq == before + 1
        assert (await room.send("next")).seq == before + 2


async def test_the_same_key_is_the_same_message_and_another_content_is_refused(
    server: RunningServer, alice: Known, transport: Transport
) -> None:
    await server.room(alice)
    async with client_of(server.url, alice, transport) as client:
        room = await client.room("demo")
        first = await room.send("once", key="k1")
        assert await room.send("once", key="k1") == first
        with pytest.raises(Refused) as refused:
            await room.send("other words", key="k1")
        assert refused.value.code is RefusalCode.KEY_REUSED


async def test_a_revoked_token_ends_the_client_and_is_not_tried_again(
    server: RunningServer, proxy: CuttingProxy, alice: Known, transport: Transport
) -> None:
    await server.room(alice)
    async with client_of(proxy.url, alice, transport) as client:
        room = await client.room("demo")
        words = room.events()
        changes = client.status.subscribe()
        await server.pod.doors.access_tokens.revoke(alice.token_id, account_id=None)
        async with asyncio.timeout(PATIENCE_S):
            states = [status.state async for status in changes]
            tried = proxy.connections
            with pytest.raises(NotSignedIn):
                await _read_out(words)
            with pytest.raises(NotSignedIn):
                await room.send("too late")
        assert states[-1] is Connectivity.CLOSED
        assert proxy.connections == tried


async def test_a_client_that_is_told_to_come_back_does_and_misses_nothing(
    server: RunningServer, alice: Known, bob: Known, transport: Transport
) -> None:
    await server.room(alice, bob)
    async with client_of(server.url, alice, transport) as one:
        room = await one.room("demo")
        start = room.view.seq
        changes = one.status.subscribe()
        server.pod.close_sessions()
        async with asyncio.timeout(PATIENCE_S):
            assert (await anext(changes)).state is Connectivity.ONLINE
            away = await anext(changes)
            assert away.state is Connectivity.RECONNECTING
            assert "restart" in away.reason
            # While one is away; the server said to stay away for half a second.
            async with client_of(server.url, bob, transport) as two:
                await (await two.room("demo")).send("in between")
            assert (await anext(changes)).state is Connectivity.ONLINE
        assert [text for _, text in await texts(room, 1, after=start)] == ["in between"]
        await room.send("back")
        assert [text for _, text in await texts(room, 2, after=start)] == ["in between", "back"]


async def test_a_wrong_token_is_said_at_once(server: RunningServer, transport: Transport) -> None:
    with pytest.raises(NotSignedIn):
        async with Client(server.url, token="mp_wrong", transport=transport):
            pytest.fail("nobody may come in")


async def test_a_server_that_is_not_there_is_said_in_time(transport: Transport) -> None:
    with pytest.raises(ConnectionLost):
        async with Client("http://127.0.0.1:1", token="mp_x", transport=transport, connect_timeout_s=0.3):
            pytest.fail("there is nobody")


async def test_who_gives_up_waiting_learns_the_key_to_send_it_again(
    server: RunningServer, proxy: CuttingProxy, alice: Known, transport: Transport
) -> None:
    await server.room(alice)
    async with client_of(proxy.url, alice, transport, patience_s=0.3) as client:
        room = await client.room("demo")
        proxy.is_closed = True
        proxy.cut()
        with pytest.raises(ConnectionLost) as lost:
            await room.send("into the dark", key="mine")
        assert lost.value.key == "mine"


async def test_who_is_removed_sees_it_last(
    server: RunningServer, alice: Known, bob: Known, transport: Transport
) -> None:
    await server.room(alice, bob)
    async with client_of(server.url, alice, transport) as one, client_of(server.url, bob, transport) as two:
        room, theirs = await one.room("demo"), await two.room("demo")
        words = theirs.events()
        await room.command(RemoveMember(account_id=bob.id))
        await room.send("without you")
        async with asyncio.timeout(PATIENCE_S):
            seen = await _read_out(words)
        events = [word for word in seen if isinstance(word, EventFrame)]
        assert isinstance(events[-1], MemberRemoved)
        with pytest.raises(Refused) as refused:
            await two.room("demo")
        assert refused.value.code is RefusalCode.NOT_FOUND


async def test_a_room_is_found_by_id_or_by_its_only_name(
    server: RunningServer, alice: Known, bob: Known, transport: Transport
) -> None:
    first, second = await server.room(alice), await server.room(alice)
    await server.room(bob, name="secret")
    async with client_of(server.url, alice, transport) as client:
        assert (await client.room(second)).id == second
        with pytest.raises(Refused) as refused:
            await client.room("demo")
        assert refused.value.code is RefusalCode.CONFLICT
        assert first in refused.value.message
        for name in ("secret", "nosuch", "", "../me"):
            with pytest.raises(Refused) as refused:
                await client.room(name)
            assert refused.value.code is RefusalCode.NOT_FOUND


async def test_what_is_refused_is_raised_and_too_much_never_leaves(
    server: RunningServer, alice: Known, transport: Transport
) -> None:
    await server.room(alice)
    async with client_of(server.url, alice, transport) as client:
        room = await client.room("demo")
        with pytest.raises(Refused) as refused:
            await room.command(PinMessage(message_id=MessageId("0" * 26)))
        assert refused.value.code is RefusalCode.NOT_FOUND
        with pytest.raises(Refused) as refused:
            await room.send("x" * 70_000)
        assert refused.value.code is RefusalCode.TOO_BIG
        assert (await room.command(SetTyping())).seq is None
        assert (await room.send("still here")).seq > 0


async def test_a_room_opened_later_is_joined_and_one_that_was_left_is_silent(
    server: RunningServer, alice: Known, transport: Transport
) -> None:
    await server.room(alice, name="one")
    await server.room(alice, name="two")
    async with client_of(server.url, alice, transport) as client:
        one = await client.room("one")
        two = await client.room("two")
        await one.leave()
        words = two.events()
        await two.send("hello")
        async with asyncio.timeout(PATIENCE_S):
            assert isinstance(await anext(words), MessagePosted)
            with pytest.raises(StopAsyncIteration):
                await anext(one.events())
            assert (await (await client.room("one")).send("back")).seq > 0


async def test_a_fresh_token_is_asked_for_before_the_sign_in_ends(
    server: RunningServer, alice: Known, transport: Transport
) -> None:
    ending = await server.know("alice", ttl=timedelta(seconds=50))
    tokens = itertools.chain([ending.token], itertools.repeat(alice.token))

    async def provide() -> str:
        # The link asks first; what asks over HTTP afterwards may have the lasting one.
        return next(tokens)

    await server.room(alice)
    async with Client(server.url, token_provider=provide, transport=transport) as client:
        room = await client.room("demo")
        async with asyncio.timeout(PATIENCE_S):
            while {session.identity.credential_id for session in server.pod.sessions.of(alice.id)} != {alice.token_id}:
                await client.rooms()
        assert (await room.send("still here")).seq > 0


async def test_an_error_of_the_caller_leaves_the_client_as_it_is(server: RunningServer, alice: Known) -> None:
    with pytest.raises(KeyError):
        async with Client(server.url, token=alice.token):
            raise KeyError("mine")


@pytest.mark.parametrize("url", ["", "localhost:3002", "ftp://x", "http://", "ws://x"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        Client(url, token="mp_x")
