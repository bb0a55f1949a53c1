"""A short session as it goes over the wire, made of the protocol's own words: the example of the reference."""

import json
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from multiplayer.protocol.close_codes import CloseCode
from multiplayer.protocol.codec import encode
from multiplayer.protocol.commands import AskAi, PostMessage
from multiplayer.protocol.errors import RefusalCode
from multiplayer.protocol.event_frame import EventFrame
from multiplayer.protocol.events import MessagePosted
from multiplayer.protocol.ids import AccountId, MessageId, RoomId, SessionId, TurnId
from multiplayer.protocol.members import Account, AccountKind
from multiplayer.protocol.messages import MessageBody
from multiplayer.protocol.requests import Hello, Join, Ping, Request, SessionRequest
from multiplayer.protocol.signals import (
    Accepted,
    AiDelta,
    Closing,
    Cursor,
    Joined,
    Pong,
    RefusedLine,
    ServerLine,
    Typing,
    Welcome,
)
from multiplayer.protocol.turn_events import TurnEnded, TurnRequested, TurnStarted
from multiplayer.protocol.turns import TokenUsage, TurnOutcome, TurnReason

_AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
_EPOCH = "7405718442631239042-1"
_ROOM = RoomId("01KG9Y4Z8W0000000000000R00")
_ALICE = AccountId("01KG9Y4Z8W0000000000000A00")
_BOT = AccountId("01KG9Y4Z8W0000000000000B00")
_QUESTION = MessageId("01KG9Y4Z8W0000000000000M01")
_ANSWER = MessageId("01KG9Y4Z8W0000000000000M02")
_TURN = TurnId("01KG9Y4Z8W0000000000000T00")


def client_line(word: SessionRequest | Request) -> bytes:
    """Return the line a client sends: a command flat beside what stands around it, a credential in the clear."""
    if isinstance(word, Request):
        command: dict[str, object] = word.command.model_dump(mode="json", exclude_none=True)
        body = {"type": command.pop("type"), "id": word.id, "key": word.key, "room_id": word.room_id, **command}
    else:
        body = word.model_dump(mode="json")
        body.update({name: value.get_secret_value() for name, value in word if isinstance(value, SecretStr)})
    kept = {name: value for name, value in body.items() if value is not None}
    # Pydantic keeps a parent's fields first; a line is easier to read with its type in front.
    ordered = {"type": kept.pop("type"), **kept}
    return json.dumps(ordered, ensure_ascii=False, separators=(",", ":")).encode()


def example_session() -> str:
    """Return the session line by line, `→` from the client and `←` from the server."""
    spoken: list[SessionRequest | Request | ServerLine | str] = [
        "Sign in, and open a room where the client left off at seq 1041.",
        Hello(token=SecretStr("mp_…"), client="web/0.1.0"),
        Welcome(
            session_id=SessionId("01KG9Y4Z8W0000000000000S00"),
            account=Account(id=_ALICE, kind=AccountKind.HUMAN, handle="alice", display_name="Alice"),
            epoch=_EPOCH,
            server_time=_AT,
            limits={"frame_bytes": 65536, "text": 32000, "file_bytes": 2147483648},
            heartbeat_s=25,
        ),
        Join(id="1", room_id=_ROOM, after=Cursor(epoch=_EPOCH, seq=1041)),
        Joined(re="1", room_id=_ROOM, seq=1041),
        "Say something to the AI. The answer comes after the commit; then everyone, the sender too, gets the events.",
        Request(id="2", key="01KG9Y4Z8W0000000000000K02", room_id=_ROOM, command=PostMessage(text="@bot hello")),
        Accepted(re="2", seq=1042, event_id=_QUESTION),
        MessagePosted(
            **_head(1042, _QUESTION, _ALICE),
            message=MessageBody(id=_QUESTION, text="@bot hello"),
            mentions=(_BOT,),
        ),
        TurnRequested(
            **_head(1043, "01KG9Y4Z8W0000000000000E43", _ALICE),
            turn_id=_TURN,
            ai_id=_BOT,
            message_id=_QUESTION,
            reason=TurnReason.MENTION,
        ),
        "The AI answers: signals while it speaks, events for what stays.",
        TurnStarted(**_head(1044, "01KG9Y4Z8W0000000000000E44", _BOT), turn_id=_TURN, fence=1, pod="pod-1"),
        AiDelta(room_id=_ROOM, turn_id=_TURN, index=0, offset=0, text="Hello, "),
        Typing(room_id=_ROOM, account_id=_ALICE, is_typing=True),
        AiDelta(room_id=_ROOM, turn_id=_TURN, index=1, offset=7, text="Alice!"),
        MessagePosted(
            **_head(1045, _ANSWER, _BOT), message=MessageBody(id=_ANSWER, text="Hello, Alice!", turn_id=_TURN)
        ),
        TurnEnded(
            **_head(1046, "01KG9Y4Z8W0000000000000E46", _BOT),
            turn_id=_TURN,
            ai_id=_BOT,
            outcome=TurnOutcome.DONE,
            message_id=_ANSWER,
            usage=TokenUsage(model="demo", tokens_in=412, tokens_cached=0, tokens_out=5),
        ),
        "Something that is not allowed, a sign of life, and the end.",
        Request(id="3", key="01KG9Y4Z8W0000000000000K03", room_id=_ROOM, command=AskAi(ai_id=_ALICE)),
        RefusedLine(re="3", code=RefusalCode.NOT_FOUND, message="there is no such AI member in this room"),
        Ping(id="4"),
        Pong(re="4"),
        Closing(code=CloseCode.RESTARTING, hint="the server restarts", reconnect_ms=1730),
    ]
    return "\n".join(_shown(word) for word in spoken)


def _head(seq: int, event_id: str, actor_id: AccountId) -> "dict[str, object]":
    at = _AT + timedelta(milliseconds=120 * (seq - 1041))
    return dict(EventFrame(room_id=_ROOM, seq=seq, id=event_id, at=at, actor_id=actor_id))


def _shown(word: SessionRequest | Request | ServerLine | str) -> str:
    if isinstance(word, str):
        return f"\n// {word}"
    if isinstance(word, SessionRequest | Request):
        return f"→ {client_line(word).decode()}"
    return f"← {encode(word).decode()}"
