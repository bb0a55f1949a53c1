"""The operator's file of AI profiles: what it says is so after each start, and what is wrong with it is named."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from multiplayer.live.profile_file import BadProfileFile, read_profile_file
from multiplayer.protocol.errors import Refused
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.members import Account, AccountKind
from multiplayer.protocol.profiles import AiProfile, Provider
from tests.support.workshop import OPERATOR, Workshop, workshop

HELPER = """
[[ai]]
handle = "helper"
name = "Helper"
provider = "nlweb"
base_url = "http://127.0.0.1:8000"
persona = "brief"
[ai.nlweb]
mode = "summarize"

[[ai]]
handle = "writer"
name = "Writer"
provider = "demo"
fallbacks = ["helper", "ai"]
"""


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with workshop(tmp_path / "secrets") as shop:
        await shop.built_in()
        yield shop


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ai.toml"


def test_a_file_is_read_in_its_order(file: Path) -> None:
    file.write_text(HELPER)
    helper, writer = read_profile_file(file)
    assert (helper.handle, helper.provider, helper.persona) == ("helper", Provider.NLWEB, "brief")
    assert helper.nlweb is not None
    assert helper.nlweb.mode == "summarize"
    assert writer.fallbacks == ("helper", "ai")
    file.write_text("# nothing\n")
    assert read_profile_file(file) == ()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[[ai]]\nhandle = 'helper'\n", "[[ai]] table 1 ('helper'): name: Field required"),
        ("[[ai]]\nname = 'x'\n", "[[ai]] table 1: handle: Field required"),
        ("[[ai]]\nhandle = 'a'\nname = 'x'\n[[ai]]\nhandle = 'B'\nname = 'x'\n", "[[ai]] table 2 ('B'): handle: "),
        ("[[ai]]\nhandle = 'a'\nname = 'x'\nprovider = 'gpt'\n", "('a'): provider: Input should be"),
        ("[[ai]]\nhandle = 'a'\nname = 'x'\napi_key = 'sk-canary'\n", "('a'): api_key: there is no such field"),
        (
            "[[ai]]\nhandle = 'a'\nname = 'x'\nprovider = 'nlweb'\n",
            "('a'): a profile of provider nlweb needs a base_url",
        ),
        ("[[ai]]\nhandle = 'a'\nname = 'x'\nnlweb.mode = 'sk-canary'\n", "('a'): nlweb.mode: "),
        (
            "[[ai]]\nhandle = 'a'\nname = 'x'\n[[ai]]\nhandle = 'a'\nname = 'y'\n",
            "table 2 ('a'): handle: it stands twice",
        ),
        ("[ai]\nhandle = 'a'\n", "AI profiles are written as tables [[ai]]"),
        ("ai = 'sk-canary'\n", "AI profiles are written as tables [[ai]]"),
        ("[[robots]]\nhandle = 'a'\n", "there is no 'robots' here"),
        ("[[ai]\n", "is not TOML"),
    ],
)
def test_what_is_wrong_is_told_by_file_table_and_field_without_the_value(file: Path, content: str, told: str) -> None:
    file.write_text(content)
    with pytest.raises(BadProfileFile) as bad:
        read_profile_file(file)
    assert str(file) in str(bad.value)
    assert told in str(bad.value)
    assert "canary" not in str(bad.value)


def test_a_file_that_cannot_be_read_is_named(file: Path) -> None:
    with pytest.raises(BadProfileFile, match=r"ai\.toml cannot be read: No such file"):
        read_profile_file(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(BadProfileFile, match="not UTF-8"):
        read_profile_file(file)
    file.write_text("#" * 1_000_001)
    with pytest.raises(BadProfileFile, match="too long"):
        read_profile_file(file)


def write(file: Path, content: str) -> None:
    file.write_text(content)


async def test_the_files_ais_are_there_and_are_changed_only_there(shop: Workshop, file: Path) -> None:
    write(file, HELPER)
    await shop.profiles.take_file(file)
    helper, writer = await shop.profiles.called("helper"), await shop.profiles.called("@Writer")
    assert (helper.is_from_file, writer.is_from_file, helper.version) == (True, True, 1)
    assert helper.answers_with == "NLWeb at 127.0.0.1"
    with pytest.raises(Refused, match="stands in the server's file of profiles"):
        await shop.set("helper", persona="long")
    # A key cannot stand in the file, so it is set like any other's.
    assert (await shop.give_key("helper", "k")).has_key
    # A second start changes nothing.
    known = await shop.acts()
    await shop.profiles.take_file(file)
    assert await shop.acts() == known


async def test_a_changed_file_changes_its_ais_and_what_is_gone_from_it_is_disabled(shop: Workshop, file: Path) -> None:
    write(file, HELPER)
    await shop.profiles.take_file(file)
    write(file, HELPER[: HELPER.index("[[ai]]", 10)].replace("brief", "long"))
    await shop.profiles.take_file(file)
    helper, writer = await shop.profiles.called("helper"), await shop.profiles.called("writer")
    assert (helper.profile.persona, helper.version, helper.is_disabled) == ("long", 2, False)
    assert (writer.is_disabled, writer.is_from_file) == (True, False)
    write(file, HELPER)
    await shop.profiles.take_file(file)
    writer = await shop.profiles.called("writer")
    assert (writer.is_disabled, writer.is_from_file) == (False, True)
    # Without a file at all they are gone from it too.
    await shop.profiles.take_file(None)
    assert all(view.is_disabled for view in await shop.profiles.list() if view.profile.handle != "ai")


async def test_one_that_an_operator_disabled_stays_so_over_a_start(shop: Workshop, file: Path) -> None:
    write(file, HELPER)
    await shop.profiles.take_file(file)
    writer = await shop.profiles.called("writer")
    await shop.profiles.disable(writer.account_id, disabled=True, by=OPERATOR, origin="http")
    for content in (HELPER, HELPER.replace("Writer", "New Writer")):
        write(file, content)
        await shop.profiles.take_file(file)
        assert (await shop.profiles.called("writer")).is_disabled
    assert (await shop.profiles.called("writer")).profile.name == "New Writer"


async def test_the_built_in_ai_can_stand_in_the_file_and_goes_back_when_it_does_not(shop: Workshop, file: Path) -> None:
    write(file, "[[ai]]\nhandle = 'ai'\nname = 'Robot'\nprovider = 'demo'\npersona = 'rude'\n")
    await shop.profiles.take_file(file)
    view = await shop.profiles.called("ai")
    assert (view.profile.persona, view.is_from_file) == ("rude", True)
    await shop.profiles.take_file(None)
    view = await shop.profiles.called("ai")
    assert view.profile == AiProfile(handle="ai", name="Robot")
    assert (view.is_from_file, view.is_disabled) == (False, False)


async def test_an_ai_that_operators_made_can_move_into_the_file(shop: Workshop, file: Path) -> None:
    await shop.add("writer", provider="demo", persona="mine")
    write(file, HELPER)
    await shop.profiles.take_file(file)
    view = await shop.profiles.called("writer")
    assert (view.is_from_file, view.profile.persona, view.version) == (True, "", 2)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[[ai]]\nhandle = 'all'\nname = 'x'\n", "table 1 ('all'): The handle all is reserved."),
        ("[[ai]]\nhandle = 'alice'\nname = 'x'\n", "table 1 ('alice'): there is an account 'alice' already"),
        ("[[ai]]\nhandle = 'he'\nname = 'x'\nfallbacks = ['she']\n", "('he'): fallbacks: there is no AI called 'she'"),
        ("[[ai]]\nhandle = 'he'\nname = 'x'\nmodel = 'm'\n", "('he'): a profile of provider auto has no model"),
        ("[[ai]]\nhandle = 'he'\nname = 'x'\npersona = \"\\u0000\"\n", "('he'): text may not contain NUL"),
        (
            "[[ai]]\nhandle = 'he'\nname = 'x'\nprovider = 'nlweb'\nbase_url = 'https://me:canary@a.example'\n",
            "('he'): the model provider's address must not hold a user name or password",
        ),
    ],
)
async def test_what_cannot_be_is_told_by_file_and_table_and_nothing_else_is_taken_from_it(
    shop: Workshop, file: Path, content: str, told: str
) -> None:
    alice = Account(id=AccountId("01ALICE"), kind=AccountKind.HUMAN, handle="alice", display_name="Alice")
    await shop.storage.create_account(alice, created_at=datetime.now(UTC))
    write(file, content)
    with pytest.raises(BadProfileFile) as bad:
        await shop.profiles.take_file(file)
    assert str(file) in str(bad.value)
    assert told in str(bad.value)
    assert "canary" not in str(bad.value)
    assert [view.profile.handle for view in await shop.profiles.list()] == ["ai"]
