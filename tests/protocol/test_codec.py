"""Bytes to types: what is read, what is refused by name, and that nothing else ever happens."""

import json
from datetime import UTC, datetime, timedelta, timezone
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiplayer.protocol.codec import (
    MAX_DEPTH,
    MAX_FRAME_BYTES,
    MAX_INTEGER,
    MAX_KEYS,
    Malformed,
    Unreadable,
    decode_line,
    digest,
    encode,
    frame,
    parse_object,
)
from multiplayer.protocol.commands import Command, EditMessage, InviteMember, MarkRead, PostMessage, SetTyping
from multiplayer.protocol.errors import RefusalCode
from multiplayer.protocol.ids import MessageId, RoomId
from multiplayer.protocol.members import Role
from multiplayer.protocol.requests import Hello, Join, Leave, Ping, Renew, Request
from multiplayer.protocol.values import rfc3339

POST = {"type": "post_message", "id": "1", "key": "k", "room_id": "room", "text": "hello"}
INVITE = {"type": "invite_member", "id": "1", "room_id": "room", "handle": "bob", "role": "guest"}
SECRET = "mp_5ecret5ecret5ecret"


def line(base: dict[str, object] | dict[str, str], **changes: object) -> str:
    return json.dumps({**base, **changes})


def nested(depth: int) -> str:
    """An object within objects and lists, `depth` in all."""
    return '{"a":' + "[" * (depth - 1) + "]" * (depth - 1) + "}"


def with_keys(count: int) -> str:
    return "{" + ",".join(f'"k{i}":{i}' for i in range(count)) + "}"


def test_a_command_is_read_with_what_stands_around_it() -> None:
    assert decode_line(line(POST)) == Request(
        id="1", room_id=RoomId("room"), key="k", command=PostMessage(text="hello")
    )


def test_what_concerns_the_session_is_read() -> None:
    assert decode_line('{"type":"ping","id":"1"}') == Ping(id="1")
    join = decode_line('{"type":"join","id":"1","room_id":"room","after":{"epoch":"7-1","seq":3}}')
    assert isinstance(join, Join)
    assert join.after is not None
    assert (join.after.epoch, join.after.seq) == ("7-1", 3)
    hello = decode_line('{"type":"hello","token":"mp_x","client":"web/1"}')
    assert isinstance(hello, Hello)
    assert hello.token is not None
    assert hello.token.get_secret_value() == "mp_x"
    assert isinstance(decode_line('{"type":"renew","id":"2","ticket":"t"}'), Renew)


UNREADABLE = {
    "nothing": "",
    "blanks": " ",
    "a word": "hello",
    "a list": "[]",
    "a list of commands": '[{"type":"ping","id":"1"}]',
    "a number": "5",
    "a string": '"ping"',
    "null": "null",
    "true": "true",
    "cut off": '{"type":"ping"',
    "cut in a string": '{"type":"pi',
    "two objects": '{"type":"ping","id":"1"}{"type":"ping","id":"2"}',
    "single quotes": "{'type':'ping'}",
    "a trailing comma": '{"type":"ping",}',
    "a comment": '{"type":"ping"} // hello',
    "a bare key": '{type:"ping"}',
    "a line break in a string": '{"type":"pi\nng"}',
    "a raw NUL": '{"type":"pi\0ng"}',
    "an unknown escape": '{"type":"\\x41"}',
    "half an escape": '{"type":"\\u00"}',
    "a byte order mark": '\ufeff{"type":"ping","id":"1"}',
    "a leading zero": '{"type":"mark_read","seq":01}',
    "a plus sign": '{"type":"mark_read","seq":+1}',
    "a hexadecimal number": '{"type":"mark_read","seq":0x1}',
    "closing brackets first": "]" * 100 + "[" * 100,
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_json_object_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable) as unreadable:
        decode_line(text)
    assert str(unreadable.value).startswith(("this is not JSON", "a line must be one JSON object"))


MALFORMED = {
    "a duplicate key": ('{"type":"ping","id":"1","id":"2"}', "the key id stands twice"),
    "a duplicate key by escape": ('{"type":"ping","id":"1","\\u0069d":"2"}', "the key id stands twice"),
    "a duplicate key deep inside": ('{"type":"ping","id":{"a":1,"a":1}}', "the key a stands twice"),
    "NaN": ('{"type":"mark_read","seq":NaN}', "NaN is not JSON"),
    "Infinity": ('{"type":"mark_read","seq":Infinity}', "Infinity is not JSON"),
    "minus Infinity": ('{"type":"mark_read","seq":-Infinity}', "-Infinity is not JSON"),
    "1e999": ('{"type":"mark_read","seq":1e999}', "a number is out of range"),
    "-1e999": ('{"type":"mark_read","seq":-1e999}', "a number is out of range"),
    "a surrogate by escape": (line(POST).replace("hello", "\\ud83d"), "lone surrogate"),
    "surrogates in the wrong order": (line(POST).replace("hello", "\\ude00\\ud83d"), "lone surrogate"),
    "a raw surrogate": (line(POST).replace("hello", "\ud800"), "lone surrogate"),
    "a surrogate in a key": ('{"\\ud800":1}', "lone surrogate"),
    "a surrogate in a list": ('{"a":["\\ud800"]}', "lone surrogate"),
    "NUL": (line(POST, text="a\0b"), "NUL"),
    "NUL in a key": ('{"a\\u0000":1}', "NUL"),
    "too deep": (nested(MAX_DEPTH + 1), f"nested deeper than {MAX_DEPTH}"),
    "far too deep": (nested(30_000), f"nested deeper than {MAX_DEPTH}"),
    "only opening brackets": ("[" * 60_000, f"nested deeper than {MAX_DEPTH}"),
    "too many keys": (with_keys(MAX_KEYS + 1), f"at most {MAX_KEYS} keys"),
    "an integer over 2**53": (line(INVITE, until=MAX_INTEGER + 1), "an integer is out of range"),
    "an integer under -2**53": (line(INVITE, until=-MAX_INTEGER - 1), "an integer is out of range"),
    "an integer of 5,000 digits": ('{"seq":' + "9" * 5000 + "}", "an integer is out of range"),
    "no type": (line({"id": "1", "text": "hello"}), "`type` is missing"),
    "an empty object": ("{}", "`type` is missing"),
    "an unknown type": (line(POST, type="post_massage"), "unknown `type`"),
    "an event's type": (line(POST, type="message_posted"), "unknown `type`"),
    "a turn's command": (line(POST, type="end_turn"), "unknown `type`"),
    "the server's own command": (line(POST, type="accept_invite"), "unknown `type`"),
    "a number as type": (line(POST, type=5), "unknown `type`"),
    "null as type": (line(POST, type=None), "unknown `type`"),
    "a list as type": (line(POST, type=["ping"]), "unknown `type`"),
    "an object as type": (line(POST, type={"ping": 1}), "unknown `type`"),
    "an unknown field": (line(POST, colour="red"), "unknown field colour"),
    "a field of someone else": (line(POST, actor_id="alice"), "unknown field actor_id"),
    "a role beside a command": (line(POST, role="owner"), "unknown field role"),
    "a command in a command": (line(POST, command={"type": "ping"}), "unknown field command"),
    "a key on a ping": ('{"type":"ping","id":"1","key":"k"}', "unknown field key"),
    "a token on a ping": (line({"type": "ping", "id": "1"}, token=SECRET), "unknown field token"),
    "no id": ('{"type":"post_message","room_id":"room","text":"hello"}', "`id`: Field required"),
    "no room": ('{"type":"post_message","id":"1","text":"hello"}', "`room_id`: Field required"),
    "no text": ('{"type":"post_message","id":"1","room_id":"room"}', "`text`: Field required"),
    "a number as text": (line(POST, text=5), "`text`: Input should be a valid string"),
    "null as text": (line(POST, text=None), "`text`: Input should be a valid string"),
    "a list as text": (line(POST, text=["hello"]), "`text`: Input should be a valid string"),
    "a number as id": (line(POST, id=1), "`id`: Input should be a valid string"),
    "a long id": (line(POST, id="x" * 65), "`id`: String should have at most 64 characters"),
    "a long room": (line(POST, room_id="x" * 27), "`room_id`: String should have at most 26 characters"),
    "a long key": (line(POST, key="x" * 65), "`key`: String should have at most 64 characters"),
    "an empty key": (line(POST, key=""), "`key`: String should have at least 1 character"),
    "a long message id": (line(POST, reply_to="x" * 27), "`reply_to`: String should have at most 26 characters"),
    "a float for an integer": (
        '{"type":"mark_read","id":"1","room_id":"r","seq":1.0}',
        "`seq`: Input should be a valid integer",
    ),
    "a boolean for an integer": (
        '{"type":"mark_read","id":"1","room_id":"r","seq":true}',
        "`seq`: Input should be a valid integer",
    ),
    "a string for an integer": (
        '{"type":"mark_read","id":"1","room_id":"r","seq":"1"}',
        "`seq`: Input should be a valid integer",
    ),
    "a negative seq": (
        '{"type":"mark_read","id":"1","room_id":"r","seq":-1}',
        "`seq`: Input should be greater than or equal to 0",
    ),
    "a number for a boolean": (
        '{"type":"set_typing","id":"1","room_id":"r","is_typing":1}',
        "`is_typing`: Input should be a valid boolean",
    ),
    "a string for a boolean": (
        '{"type":"remove_member","id":"1","room_id":"r","account_id":"a","ban":"yes"}',
        "`ban`: Input should be a valid boolean",
    ),
    "an unknown role": (
        line(INVITE, role="king"),
        "`role`: Input should be 'owner', 'admin', 'member', 'guest' or 'ai'",
    ),
    "a boolean in settings": (
        '{"type":"set_room_settings","id":"1","room_id":"r","settings":{"guests_post":1}}',
        "`settings.guests_post`: Input should be a valid boolean",
    ),
    "an unknown setting": (
        '{"type":"set_room_settings","id":"1","room_id":"r","settings":{"guests_rule":true}}',
        "unknown field settings.guests_rule",
    ),
    "a time without a zone": (line(INVITE, until="2026-01-31T12:00:00"), "`until`: a time needs its zone"),
    "a number as time": (line(INVITE, until=1_700_000_000), "`until`: a time is written like"),
    "digits as time": (line(INVITE, until="1700000000"), "`until`: a time is written like"),
    "a date as time": (line(INVITE, until="2026-01-31"), "`until`: a time is written like"),
    "no time at all": (line(INVITE, until="Tomorrow"), "`until`: Input should be a valid datetime"),
    "a time after all times": (line(INVITE, until="9999-12-31T23:59:59-23:59"), "`until`: a time needs to lie"),
    "a time before all times": (line(INVITE, until="0001-01-01T00:00:00+23:59"), "`until`: a time needs to lie"),
    "a hello without a token": ('{"type":"hello"}', "give either a token or a ticket"),
    "a hello with both": ('{"type":"hello","token":"a","ticket":"b"}', "give either a token or a ticket"),
    "a cursor without an epoch": (
        '{"type":"join","id":"1","room_id":"r","after":{"seq":1}}',
        "`after.epoch`: Field required",
    ),
    "a cursor as text": ('{"type":"join","id":"1","room_id":"r","after":"7:1"}', "`after`"),
}


@pytest.mark.parametrize(("text", "saying"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_not_as_the_protocol_says_is_refused_by_name(text: str, saying: str) -> None:
    with pytest.raises(Malformed) as malformed:
        decode_line(text)
    assert malformed.value.code is RefusalCode.MALFORMED
    assert saying in malformed.value.message
    assert len(malformed.value.message) < 200


@pytest.mark.parametrize(
    "text",
    [
        nested(MAX_DEPTH),
        with_keys(MAX_KEYS),
        json.dumps({"a": "[{" * 5000}),
        json.dumps({"a": '\\"[' * 5000}),
        json.dumps({"a": [[]] * 500}),
        f'{{"a":{MAX_INTEGER},"b":{-MAX_INTEGER}}}',
        '{"a":1.5e308,"b":-0,"c":1e-999}',
        '{"a":"\\ud83d\\ude00","b":"😀"}',
        json.dumps({"a": "x" * 60_000}),
        ' \t{"a" : 1}\r\n',
    ],
    ids=["depth", "keys", "brackets in a string", "quotes", "wide", "integers", "floats", "pairs", "long", "blanks"],
)
def test_what_is_just_within_the_limits_is_read(text: str) -> None:
    assert parse_object(text) == json.loads(text)


@pytest.mark.parametrize(("text", "re"), [(line(POST, text=5), "1"), (line(POST, id=5), None), ('{"id":"7"}', "7")])
def test_a_refusal_names_the_answers_id_where_it_could_be_read(text: str, re: str | None) -> None:
    with pytest.raises(Malformed) as malformed:
        decode_line(text)
    assert malformed.value.re == re


SECRETS = [
    line({"type": "hello"}, token=[SECRET]),
    line({"type": "hello"}, token={"value": SECRET}),
    line({"type": "hello"}, ticket=SECRET, token=SECRET),
    line({"type": "hello", "token": "a"}, client=[SECRET]),
    line({"type": "hello", "token": "a"}, clients=SECRET),
    line({"type": SECRET}),
    line({"type": "renew", "id": SECRET * 5}, token=SECRET),
    line(POST, type=SECRET),
    line(POST, room_id=SECRET * 3),
    line(POST, key=[SECRET]),
    line(POST, key=SECRET * 5),
    line(POST, token=SECRET),
    line(POST, reply_to=SECRET * 3),
    line(INVITE, role=SECRET),
    line(INVITE, until=SECRET),
    line(INVITE, until="T" + SECRET),
    line({"type": "join", "id": "1", "room_id": "r"}, after=SECRET),
    line({"type": "join", "id": "1", "room_id": "r"}, after={"epoch": SECRET * 9, "seq": SECRET}),
    line({"type": "set_room_settings", "id": "1", "room_id": "r"}, settings={"guests_post": SECRET}),
    SECRET,
    '{"token":"' + SECRET,
    '{"token":"' + SECRET + '\\q"}',
    '["' + SECRET + '"]',
    '{"a":"' + SECRET + '","a":1}',
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_message_never_repeats_what_was_sent(text: str) -> None:
    with pytest.raises((Malformed, Unreadable)) as refused:
        decode_line(text)
    shown = f"{refused.value} {refused.value!r} {refused.value.__cause__!r}"
    assert "5ecret" not in shown
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_secret_is_not_shown_by_what_holds_it() -> None:
    assert SECRET not in repr(decode_line(line({"type": "hello"}, token=SECRET)))


def test_a_name_in_a_refusal_is_short_and_plain() -> None:
    with pytest.raises(Malformed) as malformed:
        decode_line(line(POST, **{"é\n\u202e" + "x" * 1000: 1}))
    assert malformed.value.message.isascii()
    assert len(malformed.value.message) < 120


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
words = st.sampled_from(
    ["type", "id", "room_id", "key", "text", "token", "after", "seq", "settings", "until", "role", "account_id"]
)
kinds = st.sampled_from(["ping", "hello", "join", "post_message", "mark_read", "set_room_settings", "invite_member"])
near_misses = st.dictionaries(words, json_values, max_size=6).flatmap(
    lambda body: kinds.map(lambda kind: json.dumps({**body, "type": kind}))
)
fragments = st.lists(
    st.sampled_from(['"', "\\", "{", "}", "[", "]", ":", ",", "1", "-", "e", ".", "null", '"a"', "\\u", "d8", "\0"]),
    max_size=50,
).map("".join)


@settings(max_examples=400, deadline=2000)
@given(text=st.one_of(st.text(max_size=80), fragments, json_values.map(json.dumps), near_misses))
def test_any_text_is_a_word_or_malformed_or_unreadable(text: str) -> None:
    try:
        word = decode_line(text)
    except (Malformed, Unreadable):
        return
    assert isinstance(word, Hello | Renew | Ping | Join | Leave | Request)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 33 + '"' + '\\"' * 32_000,
        '{"' * 32_000,
        "[" * 33 + '"' * 65_000,
        "[" * 33 + "\\" * 65_000,
        "{" + ",".join(f'"k{i}":0' for i in range(6000)) + ',"k5999":0}',
        '{"a":[' + ",".join("{}" for _ in range(20_000)) + "]}",
        '{"a":1e' + "9" * 60_000 + "}",
        '{"a":0.' + "9" * 60_000 + "}",
        '{"a":"' + "\\ud800" * 10_000 + '"}',
    ],
    ids=["quotes", "openings", "strings", "slashes", "keys", "objects", "exponent", "digits", "surrogates"],
)
def test_no_frame_takes_long_to_read(text: str) -> None:
    # A frame is read on the event loop. The bound is generous; what it guards against took many seconds.
    assert len(text) <= MAX_FRAME_BYTES + 20_000
    started = perf_counter()
    with pytest.raises((Malformed, Unreadable)):
        decode_line(text)
    assert perf_counter() - started < 1


def test_a_frame_is_ready_lines_joined() -> None:
    assert frame([b"{}", b"[]"]) == b"{}\n[]"
    assert frame([]) == b""


def test_an_encoded_word_is_one_line_without_what_is_none() -> None:
    encoded = encode(PostMessage(text="a\nb\u2028c 中"))
    assert encoded == '{"type":"post_message","text":"a\\nb\u2028c 中"}'.encode()


@pytest.mark.parametrize(
    ("at", "written"),
    [
        (datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00.000Z"),
        (datetime(2026, 1, 31, 12, 0, 0, 123_999, tzinfo=UTC), "2026-01-31T12:00:00.123Z"),
        (datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=8))), "2026-01-31T04:00:00.000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
    ],
)
def test_a_time_is_written_in_utc_with_milliseconds(at: datetime, written: str) -> None:
    assert rfc3339(at) == written
    invite = InviteMember(handle="bob", role=Role.GUEST, until=at)
    assert json.loads(encode(invite))["until"] == written
    assert InviteMember.model_validate_json(encode(invite)) == invite


def test_a_time_is_cut_to_what_is_written() -> None:
    exact = datetime(2026, 1, 31, 12, 0, 0, 123_999, tzinfo=UTC)
    assert InviteMember(handle="bob", until=exact).until == exact.replace(microsecond=123_000)


@pytest.mark.parametrize("written", ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z", "2026-01-31T20:00:00+08:00"])
def test_a_time_is_read_in_every_zone(written: str) -> None:
    request = decode_line(line(INVITE, until=written))
    assert isinstance(request, Request)
    assert isinstance(request.command, InviteMember)
    assert request.command.until == datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_a_digest_is_that_of_the_content_and_nothing_else() -> None:
    first = decode_line(line(POST))
    again = decode_line(line(POST, id="2", key="other", reply_to=None))
    other = decode_line(line(POST, text="hello "))
    assert isinstance(first, Request)
    assert isinstance(again, Request)
    assert isinstance(other, Request)
    assert digest(first.command) == digest(again.command)
    assert digest(first.command) != digest(other.command)
    # Stored beside each key: it may not change from one release to the next.
    assert digest(PostMessage(text="hello")).hex() == "9f9ba434ce74d9f1319d363cf2b0351294ffb4afccf34e0ab9b1a640d6698304"


def test_commands_of_different_types_with_the_same_fields_have_different_digests() -> None:
    message_id = MessageId("m")
    commands: list[Command] = [
        PostMessage(text="a"),
        PostMessage(text="a", reply_to=message_id),
        EditMessage(message_id=message_id, text="a"),
        MarkRead(seq=1),
        MarkRead(seq=2),
        SetTyping(),
        SetTyping(is_typing=False),
    ]
    assert len({digest(command) for command in commands}) == len(commands)
