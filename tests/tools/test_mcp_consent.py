"""What a consent to an outside tool binds, and what people are shown of it before they give it."""

import json
import unicodedata
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp_types import Tool
from pydantic import JsonValue, SecretStr

from multiplayer.tools.mcp.config import HttpServer, McpServer, StdioServer
from multiplayer.tools.mcp.definitions import read_listing
from multiplayer.tools.mcp.places import shown_place
from multiplayer.tools.mcp.shown import json_text, shown_definition, written_out
from multiplayer.tools.mcp.words import McpLimits

PLAIN: Mapping[str, JsonValue] = {
    "name": "now",
    "title": "The time",
    "description": "Tell the time.",
    "inputSchema": {"type": "object", "properties": {"zone": {"type": "string"}}},
    "outputSchema": {"type": "object", "properties": {"time": {"type": "string"}}},
    "annotations": {"readOnlyHint": True},
}


def behind(url: str = "https://mcp.example.com/mcp", **more: object) -> HttpServer:
    return HttpServer.model_validate({"name": "time", "url": url, **more})


def inside(*command: str) -> StdioServer:
    return StdioServer.model_validate({"name": "time", "command": command})


def hash_of(server: McpServer, **changes: JsonValue) -> str:
    (definition,) = read_listing(server, [Tool.model_validate({**PLAIN, **changes})], McpLimits()).definitions
    return definition.sha256


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "then"},
        {"title": "The hour"},
        {"description": "Tell the time.\u200b"},
        {"inputSchema": {"type": "object", "properties": {"zone": {"type": "string", "x-note": "read ~/.ssh"}}}},
        {"outputSchema": {"type": "object"}},
        {"annotations": {"readOnlyHint": False}},
    ],
)
def test_any_change_of_a_definition_is_another_hash(changes: dict[str, JsonValue]) -> None:
    assert hash_of(behind(), **changes) != hash_of(behind()) == hash_of(behind())


def test_a_definition_from_elsewhere_has_another_hash() -> None:
    servers = (
        behind(),
        behind("https://mcp.example.com/mcp?tenant=2"),
        behind("https://mcp.example.com:8443/mcp"),
        behind("https://mcp.example.net/mcp"),
        inside("python3", "-m", "clock"),
        inside("python3", "-m", "clock", ""),
        inside("python3", "-m clock"),
        inside("python4", "-m", "clock"),
    )
    assert len({hash_of(server) for server in servers}) == len(servers)


def test_a_new_key_of_the_same_server_needs_no_new_consent() -> None:
    keyed = behind(key_file="new.key").model_copy(update={"key": SecretStr("sesame-open-42")})
    assert hash_of(keyed) == hash_of(behind())


def test_all_that_the_hash_is_of_is_shown() -> None:
    shown = shown_definition(PLAIN, McpLimits())
    assert (shown.title, shown.description, shown.left_out) == ("The time", "Tell the time.", ())
    for key, text in (
        ("inputSchema", shown.input_schema),
        ("outputSchema", shown.output_schema),
        ("annotations", shown.annotations),
    ):
        assert json.loads(text) == PLAIN[key]


def test_what_cannot_be_seen_is_written_out() -> None:
    told = written_out("a\u200bb\u202ec\x1b[2J\td\n\u3164\U000e0041\u00e9\u6642\r")
    assert told == r"a\u200bb\u202ec\x1b[2J" + "\td\n" + r"\u3164\U000e0041" + "\u00e9\u6642" + r"\r"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=10,
    )
)
def test_shown_json_is_the_same_value_and_all_of_it_can_be_seen(value: JsonValue) -> None:
    text = json_text(value)
    assert json.loads(text) == value
    assert not {"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"} & {unicodedata.category(each) for each in text}


def test_what_is_too_long_is_cut_and_named() -> None:
    definition = {**PLAIN, "description": "\U000e0041" * 3_000, "title": "t" * 20_000}
    shown = shown_definition(definition, McpLimits())
    assert shown.left_out == (
        "title: the last 3616 of 20000 bytes",
        "description: the last 13616 of 30000 bytes",
    )
    assert (len(shown.title), len(shown.description)) == (16_384, 16_384)


def test_one_server_that_says_too_much_is_shown_so_far_and_the_rest_is_named() -> None:
    tools = [Tool.model_validate({**PLAIN, "name": name, "description": "d" * 3_000}) for name in ("a", "b", "c")]
    listing = read_listing(behind(), tools, McpLimits(shown_server_bytes=7_000))
    assert [len(listing.shown[tool].description) for tool in ("a", "b", "c")] == [3_000, 3_000, 0]
    assert listing.shown["b"].left_out == ()
    (said,) = listing.shown["c"].left_out
    assert said.startswith("all of it: ")
    assert len(listing.definitions) == 3


def test_a_secret_of_ours_is_not_shown_in_a_definition() -> None:
    secret = 'sesame"open-42'
    definition: dict[str, JsonValue] = {**PLAIN, "description": f"it is {secret}", "annotations": {"title": secret}}
    shown = shown_definition(definition, McpLimits(), [secret])
    assert (shown.description, shown.annotations) == ("it is [secret removed]", '{"title":"[secret removed]"}')


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://mcp.example.com/mcp", "https://mcp.example.com/mcp"),
        ("https://mcp.example.com:8443/a/b/?key=sesame", "https://mcp.example.com:8443/a/b/?[hidden]"),
        ("https://mcp.example.com/s/Zm9vYmFy1234567890abcdef/mcp", "https://mcp.example.com/s/[hidden]/mcp"),
        ("https://mcp.example.com/open-sesame-now", "https://mcp.example.com/[secret removed]"),
        ("https://mcp.\u200bexample.com/a", r"https://mcp.\u200bexample.com/a"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    place = shown_place(behind(url), ["open-sesame-now"])
    assert (place.kind, place.address) == ("http", shown)


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (("/opt/mcp/bin/python", "-m", "mcp_server_time", "a b"), "/opt/mcp/bin/python -m mcp_server_time 'a b'"),
        (("env", "API_KEY=sesame", "TZ=UTC", "clock"), "env 'API_KEY=[hidden]' TZ=UTC clock"),
        (("clock", "--token", "sesame", "--zone", "UTC"), "clock --token '[hidden]' --zone UTC"),
        (("clock", "--password=sesame"), "clock '--password=[hidden]'"),
        (("clock", "--header", "Authorization: Bearer sesame"), "clock --header 'Authorization: [hidden]'"),
        (("clock", "Zm9vYmFy1234567890abcdef"), "clock '[hidden]'"),
        (("clock", "--db=postgres://me:sesame@db/x?a=sesame"), "clock '--db=postgres://[hidden]@db/x?[hidden]'"),
        (("clock", "open-sesame-now"), "clock '[secret removed]'"),
        (("clock", "a\nb\u202e"), r"clock 'a\nb\u202e'"),
    ],
)
def test_a_program_line_is_shown_without_what_may_be_secret(command: tuple[str, ...], shown: str) -> None:
    place = shown_place(inside(*command), ["open-sesame-now"])
    assert (place.kind, place.address) == ("stdio", shown)


def test_a_program_line_without_end_is_cut_and_said_so() -> None:
    place = shown_place(inside("clock", "x " * 2_000, "y " * 2_000))
    assert place.address.endswith("… (4011 bytes more)")
    assert len(place.address) < 4_100
