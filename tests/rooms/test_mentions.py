"""Who is mentioned in a text, and who is not."""

import re
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.messages import MentionGroup
from multiplayer.rooms.mentions import HANDLE, RESERVED_HANDLES, find_mentions

PEOPLE = {name: AccountId(name) for name in ("alice", "bob", "bob.smith", "b-2", "bot", "under_score", "a" * 32)}
BOT = AccountId("bot")


def mentioned(text: str) -> list[str]:
    return list(find_mentions(text, PEOPLE, BOT).accounts)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@bob", ["bob"]),
        ("hello @bob", ["bob"]),
        ("@bob and @alice and @bob", ["bob", "alice"]),
        ("@BoB", ["bob"]),
        ("@bob, @alice: (@bot)!", ["bob", "alice", "bot"]),
        ("ask @bob.", ["bob"]),
        ("ask @bob...", ["bob"]),
        ("ask @bob-", ["bob"]),
        ("ask @bob.smith.", ["bob.smith"]),
        ("@b-2?", ["b-2"]),
        ("@under_score", ["under_score"]),
        ("@bob's turn", ["bob"]),
        ("**@bob** “@alice”", ["bob", "alice"]),
        ("@" + "a" * 32, ["a" * 32]),
        ("@" + "a" * 33, []),
        ("你好@bob,看看", ["bob"]),
        ("@bob你好", ["bob"]),
        ("请@ai总结一下", ["bot"]),
        ("@ai", ["bot"]),
        ("@AI please", ["bot"]),
        ("@nobody", []),
        ("@ bob", []),
        ("@", []),
        ("bob@example.com", []),
        ("@bob@example.com", []),
        ("@bob.smith@example.com", []),
        ("first.last+x@bob", []),
        ("https://example.com/@bob", []),
        ("@@bob", []),
        ("\\@bob", []),
        ("x@bob", []),
        ("é@bob", []),
        ("@bobа", []),  # ends in a Cyrillic letter
        ("@bоb", []),  # Cyrillic in the middle
        ("@ｂｏｂ", []),  # full width
        ("＠bob", []),
        ("`@bob`", []),
        ("``@bob` @alice``", []),
        ("`a` @bob `b`", ["bob"]),
        ("`unclosed @bob", ["bob"]),
        ("``unequal @bob`", ["bob"]),
        ("`a``@bob`", []),
        ("a ` sign\n\n@bob look at `x`", ["bob"]),
        ("`over\nlines @bob`", []),
        ("```\n@bob\n```", []),
        ("```py\n@bob\n```\n@alice", ["alice"]),
        ("```ls``` @bob explain", ["bob"]),
        ("```\n@bob\n~~~\n@alice\n```", []),
        ("~~~\n@bob\n~~~\n@alice", ["alice"]),
        ("````\n```\n@bob\n````\n@alice", ["alice"]),
        ("```\nunclosed\n@bob", []),
        ("   ```\n@bob\n   ```\n@alice", ["alice"]),
        ("> @bob said\n@alice agrees", ["alice"]),
        ("  > @bob", []),
        ("a > @bob", ["bob"]),
        ("- @bob\n- @alice", ["bob", "alice"]),
    ],
)
def test_a_mention_is_a_handle_after_an_at_sign_outside_code_and_quotes(text: str, names: list[str]) -> None:
    assert mentioned(text) == names


def test_groups_are_named_apart_from_accounts() -> None:
    found = find_mentions("@all @here @admin @bob @all", PEOPLE, None)
    assert found.groups == (MentionGroup.ALL, MentionGroup.HERE, MentionGroup.ADMIN)
    assert found.accounts == ("bob",)


def test_at_ai_means_nobody_in_a_room_without_an_ai() -> None:
    assert find_mentions("@ai", PEOPLE, None).accounts == ()


def test_a_name_that_means_a_role_never_means_an_account() -> None:
    taken = {name: AccountId(f"account-{name}") for name in RESERVED_HANDLES}
    found = find_mentions(" ".join(f"@{name}" for name in RESERVED_HANDLES), taken, BOT)
    assert found.accounts == ("bot",)
    assert set(found.groups) == set(MentionGroup)


MARKUP = st.text(alphabet="@`~>\\\n ab.-_é中/", max_size=60)


@settings(max_examples=200)
@given(text=st.one_of(st.text(max_size=60), MARKUP))
def test_any_text_mentions_only_whom_it_names(text: str) -> None:
    handles = {name: AccountId(name) for name in ("a", "b", "ab", "ba", "a.b")}
    for name in find_mentions(text, handles, None).accounts:
        assert re.search(rf"@{re.escape(name)}", text, re.IGNORECASE)


@settings(max_examples=100)
@given(before=st.text(alphabet="a 中\n", max_size=20), handle=st.from_regex(HANDLE, fullmatch=True))
def test_every_handle_is_found_in_the_open_and_in_no_code(before: str, handle: str) -> None:
    handles = {handle: AccountId("x")}
    if handle not in RESERVED_HANDLES:
        assert find_mentions(f"{before} @{handle} ok", handles, None).accounts == ("x",)
        assert find_mentions(f"{before} `@{handle}` ok", handles, None).accounts == ()
        assert find_mentions(f"{before}\n```\n@{handle}\n```", handles, None).accounts == ()
        assert find_mentions(f"{before}\n> @{handle}", handles, None).accounts == ()


@pytest.mark.parametrize(
    "text",
    [
        "@x `a" + "`" * 31_000 + "b",
        "@x " + "`a``b" * 6_000,
        "@x " + "".join("`" * n + "a" for n in range(1, 250)),
        "@" * 32_000,
        "@a" * 16_000,
        "@x " + "~~~\n" * 8_000,
        "@" + "a.-" * 10_000,
    ],
    ids=["one long run", "unequal runs", "runs of all lengths", "at signs", "names", "fences", "a long name"],
)
def test_no_text_takes_long_to_read(text: str) -> None:
    # It runs in the room's own task. The bound is generous; what it guards against took minutes.
    started = perf_counter()
    find_mentions(text, PEOPLE, BOT)
    assert perf_counter() - started < 2
