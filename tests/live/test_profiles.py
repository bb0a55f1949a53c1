"""AI accounts as operators manage them: what they may do, what is refused, and what the audit trail keeps."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from typing_extensions import override

from multiplayer.live.ai_keys import KeptKey
from multiplayer.live.profiles import Profiles
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.profiles import AiProfile, Provider
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.memory import MemoryStorage
from multiplayer.storage.port import StorageUnavailable
from tests.support.provider import answers, provider, status
from tests.support.workshop import OPERATOR, Workshop, workshop

KEY = "sk-canary-0123456789abcdef"
CHAT: dict[str, object] = {"provider": "openai_compatible", "model": "m", "base_url": "https://a.example/v1"}


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with workshop(tmp_path / "secrets") as shop:
        await shop.built_in()
        yield shop


async def refused(asked: Awaitable[object]) -> Refused:
    with pytest.raises(Refused) as caught:
        await asked
    assert KEY not in caught.value.message
    return caught.value


async def test_an_ai_is_made_changed_disabled_and_enabled_and_every_act_is_kept(shop: Workshop) -> None:
    made = await shop.add("helper", provider="demo", persona="brief")
    assert (made.version, made.answers_with, made.is_demo, made.problem) == (1, "the built-in demo", True, "")
    changed = await shop.set("helper", persona="long", name="  Big   Helper ")
    assert (changed.version, changed.profile.persona) == (2, "long")
    account = await shop.storage.find_account(made.account_id)
    assert account is not None
    assert account.display_name == changed.profile.name
    off = await shop.profiles.disable(made.account_id, disabled=True, by=OPERATOR, origin="http")
    assert off.is_disabled
    again = await refused(shop.profiles.disable(made.account_id, disabled=True, by=OPERATOR, origin="http"))
    assert again.code is RefusalCode.NO_CHANGE
    await shop.profiles.disable(made.account_id, disabled=False, by=OPERATOR, origin="cli")
    rows = [row.entry for row in await shop.storage.audit_after(None, 1, limit=100)]
    assert [row.action for row in rows] == ["ai_created", "ai_changed", "ai_disabled", "ai_enabled"]
    assert {row.subject for row in rows} == {made.account_id}
    assert ("brief" in rows[1].before, "long" in rows[1].after) == (True, True)


@pytest.mark.parametrize(
    ("handle", "code"),
    [("all", "conflict"), ("host", "conflict"), ("ai", "conflict"), ("x", "malformed"), ("taken", "conflict")],
)
async def test_a_handle_that_is_reserved_taken_or_none_is_refused(shop: Workshop, handle: str, code: str) -> None:
    await shop.add("taken")
    assert (await refused(shop.add(handle))).code == code


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"provider": "auto", "model": "m"}, "provider auto has no model"),
        ({"provider": "demo", "base_url": "https://a.example"}, "provider demo has no model or base_url"),
        ({**CHAT, "base_url": "http://a.example/v1"}, "must be https"),
        ({**CHAT, "base_url": "https://me:canary@a.example/v1"}, "must not hold a user name or password"),
        ({**CHAT, "base_url": "https://a.example/v1?key=canary"}, "without ? or #"),
        ({**CHAT, "base_url": "file:///etc/passwd"}, "must begin with https://"),
        ({"provider": "nlweb", "base_url": "http://a.example"}, "must be https"),
        ({"fallbacks": ("nobody",)}, "there is no AI called 'nobody'"),
        ({"persona": "\0"}, "NUL"),
        ({"name": " "}, "name"),
    ],
)
async def test_what_can_never_work_is_refused_when_it_is_made_and_when_it_is_changed(
    shop: Workshop, fields: dict[str, object], told: str
) -> None:
    made = await refused(shop.add("helper", **fields))
    assert told in made.message
    assert "canary" not in made.message
    await shop.add("helper", provider="demo")
    assert told in (await refused(shop.set("helper", **fields))).message


async def test_plain_http_is_for_this_machine_or_the_operators_word(shop: Workshop) -> None:
    await shop.add("near", **{**CHAT, "base_url": "http://127.0.0.1:11434/v1"})
    await shop.add("far", **{**CHAT, "base_url": "http://a.example/v1", "allows_plain_http": True})


async def test_a_change_over_another_version_is_a_conflict_and_changes_nothing(shop: Workshop) -> None:
    made = await shop.add("helper", provider="demo")
    other = made.profile.model_copy(update={"persona": "mine"})
    await shop.set("helper", persona="theirs")

    async def change(version: int, profile: AiProfile) -> object:
        return await shop.profiles.change(made.account_id, profile, version=version, by=OPERATOR, origin="http")

    for version in (1, 3):
        conflict = await refused(change(version, other))
        assert (conflict.code, "read it again" in conflict.message) == (RefusalCode.CONFLICT, True)
    assert (await shop.profiles.called("helper")).profile.persona == "theirs"
    moved = made.profile.model_copy(update={"handle": "other"})
    assert "keeps its handle" in (await refused(change(2, moved))).message
    same = (await shop.profiles.called("helper")).profile
    assert (await refused(change(2, same))).code is RefusalCode.NO_CHANGE


async def test_the_built_in_ai_is_changed_like_any_other(shop: Workshop) -> None:
    assert (await shop.profiles.called("ai")).profile.provider is Provider.AUTO
    changed = await shop.set("ai", provider="demo", persona="a pirate")
    assert (changed.answers_with, changed.profile.persona) == ("the built-in demo", "a pirate")


async def test_a_key_is_kept_told_of_and_never_shown(shop: Workshop) -> None:
    made = await shop.add("helper", **CHAT)
    assert not made.has_key
    with_key = await shop.give_key("helper", KEY)
    assert with_key.has_key
    assert KEY not in with_key.model_dump_json()
    assert KEY in shop.key_file("helper").read_text()
    without = await shop.profiles.remove_key(made.account_id, by=OPERATOR, origin="cli")
    assert not without.has_key
    assert not shop.key_file("helper").exists()
    none = await refused(shop.profiles.remove_key(made.account_id, by=OPERATOR, origin="cli"))
    assert none.code is RefusalCode.NO_CHANGE
    assert (await shop.acts())[-2:] == ["ai_key_set", "ai_key_removed"]
    assert KEY not in repr(await shop.storage.audit_after(None, 0, limit=100))


@pytest.mark.parametrize("key", ["", "two words", "x" * 4_001, f"{KEY}\n"])
async def test_what_can_be_no_key_is_refused(shop: Workshop, key: str) -> None:
    await shop.add("helper", **CHAT)
    assert (await refused(shop.give_key("helper", key))).code is RefusalCode.MALFORMED
    assert not shop.key_file("helper").exists()


async def test_the_demo_and_auto_take_no_key(shop: Workshop) -> None:
    await shop.add("helper", provider="demo")
    for handle in ("ai", "helper"):
        assert "takes no key" in (await refused(shop.give_key(handle, KEY))).message


class Leaving(MemoryStorage):
    """A database that may go away before it hears of a key."""

    is_away = False

    @override
    async def tell_key_changed(self, audit: AuditEntry) -> None:
        if self.is_away:
            raise StorageUnavailable("away")
        await super().tell_key_changed(audit)


async def test_a_key_that_could_not_be_told_of_is_not_kept(tmp_path: Path) -> None:
    storage = Leaving()
    async with workshop(tmp_path / "secrets", storage=storage) as shop:
        made = await shop.add("helper", **CHAT)
        storage.is_away = True
        with pytest.raises(StorageUnavailable):
            await shop.give_key("helper", KEY)
        assert not shop.key_file("helper").exists()
        storage.is_away = False
        await shop.give_key("helper", "first")
        storage.is_away = True
        with pytest.raises(StorageUnavailable):
            await shop.give_key("helper", KEY)
        with pytest.raises(StorageUnavailable):
            await shop.profiles.remove_key(made.account_id, by=OPERATOR, origin="http")
        assert shop.keys.read("helper") == KeptKey("first", "https://a.example:443")


async def test_what_is_not_there_is_said_so(shop: Workshop) -> None:
    nobody = AccountId("01NOBODY")
    profiles: Profiles = shop.profiles
    asked: list[Callable[[], Awaitable[object]]] = [
        lambda: profiles.view(nobody),
        lambda: profiles.called("nobody"),
        lambda: profiles.disable(nobody, disabled=True, by=None, origin="cli"),
        lambda: profiles.set_key(nobody, KEY, by=None, origin="cli"),
        lambda: profiles.remove_key(nobody, by=None, origin="cli"),
        lambda: profiles.test(nobody),
    ]
    for ask in asked:
        assert (await refused(ask())).code is RefusalCode.NOT_FOUND


async def test_a_test_says_in_a_sentence_whether_it_answers(shop: Workshop) -> None:
    async with provider() as stand_in:
        made = await shop.add("helper", provider="openai_compatible", model="m-1", base_url=stand_in.base_url)
        await shop.give_key("helper", KEY)
        stand_in.enqueue(answers(f"the key is {KEY}"))
        found = await shop.profiles.test(made.account_id)
        assert (found.is_ok, found.model, found.first_word_s) == (True, "m-1", 0.0)
        assert found.said == "m-1 answers; the first word came after 0.0 s."
        assert stand_in.requests[0].authorization == f"Bearer {KEY}"
        stand_in.enqueue(status(400, message=f"no such key {KEY}"))
        found = await shop.profiles.test(made.account_id)
        assert (found.is_ok, KEY in found.model_dump_json()) == (False, False)
        assert "refused the request" in found.said
        await shop.profiles.disable(made.account_id, disabled=True, by=None, origin="cli")
        found = await shop.profiles.test(made.account_id)
        assert (found.is_ok, found.said) == (False, "Helper is disabled on this server")
        assert len(stand_in.requests) == 2


async def test_a_test_tells_when_a_fallback_stands_in(shop: Workshop) -> None:
    async with provider(default=status(401)) as stand_in:
        made = await shop.add(
            "helper", provider="openai_compatible", model="m-1", base_url=stand_in.base_url, fallbacks=("ai",)
        )
        found = await shop.profiles.test(made.account_id)
        assert (found.is_ok, found.model) == (False, "demo")
        assert found.said.startswith("Its own model cannot answer, demo does in its place: ")


async def test_a_removed_ai_is_gone_with_its_key_and_comes_back_as_itself(shop: Workshop) -> None:
    made = await shop.add("helper", **CHAT)
    await shop.give_key("helper", KEY)
    await shop.profiles.remove(made.account_id, by=OPERATOR, origin="http")
    assert not shop.key_file("helper").exists()
    assert [view.profile.handle for view in await shop.profiles.list()] == ["ai"]
    gone = await refused(shop.profiles.remove(made.account_id, by=OPERATOR, origin="http"))
    assert gone.code is RefusalCode.NOT_FOUND
    again = await shop.add("helper", provider="demo")
    assert (again.account_id, again.version, again.is_disabled) == (made.account_id, 1, False)
    assert again.answers_with == "the built-in demo"
    assert (await shop.acts())[-3:] == ["ai_removed", "ai_created", "ai_enabled"]
    assert (await refused(shop.add("helper"))).code is RefusalCode.CONFLICT


async def test_an_ai_that_is_counted_on_is_not_removed(shop: Workshop, tmp_path: Path) -> None:
    made = await shop.add("helper", provider="demo")
    await shop.add("leaning", provider="demo", fallbacks=("helper",))
    file = tmp_path / "ais.toml"
    file.write_text('[[ai]]\nhandle = "filed"\nname = "Filed"\nprovider = "demo"\n')
    await shop.profiles.take_file(file)
    for handle, told in {
        "ai": "disable it instead",
        "helper": "answers in the place of leaning",
        "filed": "take it out there",
    }.items():
        view = await shop.profiles.called(handle)
        problem = await refused(shop.profiles.remove(view.account_id, by=OPERATOR, origin="http"))
        assert (problem.code, told in problem.message) == (RefusalCode.CONFLICT, True), problem.message
    await shop.set("leaning", fallbacks=())
    await shop.profiles.remove(made.account_id, by=OPERATOR, origin="http")
