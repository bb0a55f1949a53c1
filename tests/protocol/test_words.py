"""Every word of the server's goes over the wire and comes back equal, and is what the schema says."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, time
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Literal, NewType, Union, get_args, get_origin

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from multiplayer.protocol.codec import decode_line, encode
from multiplayer.protocol.commands import Command
from multiplayer.protocol.event_frame import EventFrame
from multiplayer.protocol.events import Event
from multiplayer.protocol.example_session import client_line
from multiplayer.protocol.requests import Hello, Renew, Request, SessionRequest
from multiplayer.protocol.schema import json_schema
from multiplayer.protocol.signals import Answer, Signal, server_line_adapter
from multiplayer.protocol.values import Frozen

SERVER_WORDS = [*get_args(Event), *get_args(Signal), *get_args(Answer)]
SCHEMA = json_schema()
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
"""Without shrinking: a word is small anyhow, and to shrink a whole room takes minutes."""
VALID_SERVER_LINE = Draft202012Validator({"$ref": "#/$defs/ServerLine", "$defs": SCHEMA["$defs"]})
VALID_CLIENT_LINE = Draft202012Validator({"$ref": "#/$defs/ClientLine", "$defs": SCHEMA["$defs"]})

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
times = st.datetimes(min_value=datetime(1970, 1, 1)).map(lambda at: at.isoformat() + "Z")  # noqa: DTZ001 - hypothesis wants bounds without a zone
instants = times.map(datetime.fromisoformat)


@dataclass(frozen=True)
class Bounds:
    """What a field's type says of how little and how much it may hold."""

    least: int = 0
    most: int = 2**53 - 1
    shortest: int = 0
    longest: int = 8
    pattern: str | None = None

    @classmethod
    def of(cls, rules: Iterable[object]) -> "Bounds":
        found: dict[str, object] = {}
        names = {"least": "ge", "most": "le", "shortest": "min_length", "longest": "max_length", "pattern": "pattern"}
        for rule in (inner for outer in rules for inner in (outer, *getattr(outer, "metadata", ()))):
            for name, called in names.items():
                value: object = getattr(rule, called, None)
                if value is not None:
                    found[name] = value
        return replace(cls(), **found)  # type: ignore[arg-type]  # the names are those of this class


ANY = Bounds()


def any_text(bounds: Bounds) -> st.SearchStrategy[str]:
    if bounds.pattern is not None:
        return st.from_regex(bounds.pattern.replace("$", r"\Z"), fullmatch=True)
    # Some texts lose the blanks around them: what is left must be long enough.
    kept = texts.map(lambda text: text.strip().ljust(bounds.shortest, "x"))
    return kept if bounds.shortest else texts


def any_value(annotation: object, bounds: Bounds = ANY) -> st.SearchStrategy[object]:
    """Return a strategy for what a field of this type may hold."""
    if isinstance(annotation, NewType):
        return texts
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return st.one_of([st.none() if part is NoneType else any_value(part, bounds) for part in parts])
    if origin is Annotated:
        return any_value(parts[0], Bounds.of(parts[1:]))
    if origin is tuple:
        return st.lists(any_value(parts[0]), min_size=bounds.shortest, max_size=bounds.shortest + 1).map(tuple)
    if origin is dict:
        return st.dictionaries(texts, any_value(parts[1]), max_size=2)
    if origin is Literal:
        return st.sampled_from(parts)
    if annotation is datetime:
        return instants
    if annotation is time:
        return st.times().map(lambda at: at.replace(fold=0))
    assert isinstance(annotation, type)
    if issubclass(annotation, Frozen):
        return any_of(annotation)
    if issubclass(annotation, StrEnum):
        return st.sampled_from(list(annotation))
    plain: dict[type, st.SearchStrategy[object]] = {
        str: any_text(bounds),
        int: st.integers(bounds.least, bounds.most),
        bool: st.booleans(),
        float: st.floats(0, 1e6),
    }
    return plain[annotation]


def any_of(model: type[Frozen]) -> st.SearchStrategy[Frozen]:
    """Return a strategy for words of this type; short where it has bounds."""
    fields = {
        name: any_value(field.annotation, Bounds.of(field.metadata)) for name, field in model.model_fields.items()
    }
    if model.__name__ == "InviteMember":
        fields["until"] = st.just("2026-01-31T12:00:00Z")
    if "zone" in fields:
        fields["zone"] = st.sampled_from(["UTC", "Asia/Shanghai"])
    return st.fixed_dictionaries(fields).map(model.model_validate)


@pytest.mark.parametrize("model", SERVER_WORDS, ids=lambda model: model.__name__)
@settings(max_examples=8, deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_servers_word_comes_back_equal_and_fits_the_schema(model: type[Frozen], data: st.DataObject) -> None:
    word = data.draw(any_of(model))
    encoded = encode(word)
    assert b"\n" not in encoded
    assert server_line_adapter.validate_json(encoded) == word
    body = json.loads(encoded)
    assert None not in body.values()
    VALID_SERVER_LINE.validate(body)


@pytest.mark.parametrize("model", get_args(Command), ids=lambda model: model.__name__)
@settings(max_examples=5, deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_command_is_read_as_it_was_sent_and_fits_the_schema(model: type[Frozen], data: st.DataObject) -> None:
    body = {"id": "1", "room_id": "room", "key": "k", "command": data.draw(any_of(model))}
    request = Request.model_validate(body)
    line = client_line(request)
    assert decode_line(line.decode()) == request
    VALID_CLIENT_LINE.validate(json.loads(line))


@pytest.mark.parametrize("model", get_args(SessionRequest), ids=lambda model: model.__name__)
@settings(max_examples=5, deadline=None, phases=PHASES)
@given(data=st.data())
def test_a_session_request_is_read_as_it_was_sent_and_fits_the_schema(model: type[Frozen], data: st.DataObject) -> None:
    if issubclass(model, Hello | Renew):
        word: Frozen = model.model_validate({"token": "mp_x", **({"id": "1"} if model is Renew else {})})
    else:
        word = data.draw(any_of(model))
    assert isinstance(word, SessionRequest)
    line = client_line(word)
    assert decode_line(line.decode()) == word
    VALID_CLIENT_LINE.validate(json.loads(line))


@pytest.mark.parametrize(
    "body",
    [
        {"type": "post_message", "id": "1", "room_id": "r"},
        {"type": "post_message", "id": "1", "text": "hello"},
        {"type": "post_message", "room_id": "r", "text": "hello"},
        {"type": "post_message", "id": "1", "room_id": "r", "text": 5},
        {"type": "post_message", "id": "1", "room_id": "r", "text": "hello", "role": "owner"},
        {"type": "post_massage", "id": "1", "room_id": "r", "text": "hello"},
        {"id": "1", "room_id": "r", "text": "hello"},
        {"type": "mark_read", "id": "1", "room_id": "r", "seq": -1},
        {"type": "ping", "id": "x" * 65},
        {"type": "end_turn", "id": "1", "room_id": "r", "turn_id": "t", "fence": 1, "outcome": "done"},
    ],
)
def test_the_schema_refuses_what_the_codec_refuses(body: dict[str, object]) -> None:
    assert not VALID_CLIENT_LINE.is_valid(body)


def test_no_two_words_have_the_same_type() -> None:
    words = [*SERVER_WORDS, *get_args(Command), *get_args(SessionRequest)]
    kinds = [model.model_fields["type"].default for model in words]
    assert len(set(kinds)) == len(kinds)


def test_every_event_has_the_frame_of_one() -> None:
    assert all(issubclass(model, EventFrame) for model in get_args(Event))
    assert not any(issubclass(model, EventFrame) for model in (*get_args(Signal), *get_args(Answer)))


def test_a_word_does_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Hello.model_validate({"token": "a"}).client = "other"  # type: ignore[misc]  # that it is refused is the point
