"""Webhooks over REST: a secret that fires one rule, shown once, limited, idempotent, and revoked for good."""

from collections.abc import AsyncIterator, Sequence
from itertools import count

import httpx
import pytest

from multiplayer.models.scripted import Say, ScriptedModel
from multiplayer.protocol.audit import AuditEntry
from multiplayer.protocol.events import Event, event_adapter
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.members import Role
from multiplayer.protocol.turn_events import TurnRequested
from multiplayer.protocol.turns import TurnReason
from multiplayer.transports.config import HttpConfig
from tests.support.people import person
from tests.support.server import Known, RunningServer, running_server

RULE = {"type": "webhook", "id": "deploy", "prompt": "Say what was deployed.", "cooldown_s": 0, "per_min": 5}
_numbers = count()


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    config = HttpConfig(logins_per_address_per_min=5)
    model = ScriptedModel([[Say("Noted.")]] * 100)
    async with running_server(tmp_path_factory.mktemp("workspaces"), config=config, model=model) as running:
        yield running


@pytest.fixture
async def alice(server: RunningServer) -> Known:
    return await server.know(f"alice-{next(_numbers)}")


async def room_with_rule(server: RunningServer, owner: Known, **changes: object) -> RoomId:
    room_id = await server.room(owner)
    settings = {"triggers": [{**RULE, **changes}]}
    answer = await server.http.patch(f"/api/v1/rooms/{room_id}", json={"settings": settings}, headers=owner.bearer)
    assert answer.status_code == 200, answer.text
    return room_id


async def made(server: RunningServer, owner: Known, room_id: RoomId) -> tuple[str, str]:
    """Return a new webhook's id and its secret."""
    answer = await server.http.post(f"/api/v1/rooms/{room_id}/hooks", json={"rule_id": "deploy"}, headers=owner.bearer)
    assert answer.status_code == 201, answer.text
    return answer.json()["hook"]["id"], answer.json()["secret"]


async def fire(
    server: RunningServer, secret: str, body: bytes = b"", kind: str = "text/plain", **headers: str
) -> httpx.Response:
    sent = {"Authorization": f"Bearer {secret}", "Content-Type": kind}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return await server.http.post("/api/v1/hooks", content=body, headers=sent)


async def requests(server: RunningServer, room_id: RoomId) -> Sequence[TurnRequested]:
    stored = await server.pod.storage.events_after(room_id, 0, limit=500)
    events: list[Event] = [event_adapter.validate_json(one.line) for one in stored]
    return [event for event in events if isinstance(event, TurnRequested)]


async def test_a_post_with_the_secret_asks_the_ai_in_the_name_of_who_set_the_rule(
    server: RunningServer, alice: Known
) -> None:
    room_id = await room_with_rule(server, alice)
    hook_id, secret = await made(server, alice, room_id)
    assert secret.startswith("mh_")
    async with person(server, alice, "websocket") as someone:
        await someone.join(room_id)
        fired = await fire(server, secret, b'{"version": "1.2"}', "application/json; charset=utf-8")
        assert fired.status_code == 200, fired.text
        ended = await someone.expect_type("turn_ended")
        assert ended["outcome"] == "done"
    [asked] = await requests(server, room_id)
    assert (asked.actor_id, asked.reason, asked.rule_id) == (alice.id, TurnReason.WEBHOOK, "deploy")
    assert asked.note == 'Say what was deployed.\n\n{"version": "1.2"}'
    assert fired.json() == {"seq": asked.seq, "event_id": asked.id}
    turn = (await server.http.get(f"/api/v1/rooms/{room_id}/turns/{asked.turn_id}", headers=alice.bearer)).json()
    assert turn["why"] == f"a program called a webhook that @{alice.account.handle} set"
    assert turn["manifest"]["taint"] == ["webhook"]
    listed = await server.http.get(f"/api/v1/rooms/{room_id}/hooks", headers=alice.bearer)
    assert [hook["id"] for hook in listed.json()["hooks"]] == [hook_id]
    assert secret not in listed.text


async def test_the_secret_of_a_rule_that_was_deleted_does_not_fire_the_one_made_anew_under_its_name(
    server: RunningServer, alice: Known
) -> None:
    room_id = await room_with_rule(server, alice)
    _, secret = await made(server, alice, room_id)

    async def put(*rules: object) -> None:
        answer = await server.http.patch(
            f"/api/v1/rooms/{room_id}", json={"settings": {"triggers": rules}}, headers=alice.bearer
        )
        assert answer.status_code == 200, answer.text

    await put({**RULE, "prompt": "changed"})
    assert (await fire(server, secret)).status_code == 200
    await put()
    await put({**RULE, "prompt": "delete everything"})
    refused = await fire(server, secret)
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    _, new = await made(server, alice, room_id)
    assert (await fire(server, new)).status_code == 200


async def test_the_same_key_again_is_the_same_request_and_another_body_under_it_is_refused(
    server: RunningServer, alice: Known
) -> None:
    room_id = await room_with_rule(server, alice)
    _, secret = await made(server, alice, room_id)
    first = await fire(server, secret, b"one", idempotency_key="build-17")
    again = await fire(server, secret, b"one", idempotency_key="build-17")
    assert (again.status_code, again.json()) == (200, first.json())
    other = await fire(server, secret, b"two", idempotency_key="build-17")
    assert (other.status_code, other.json()["code"]) == (409, "key_reused")
    assert len(await requests(server, room_id)) == 1
    for key in ("", "x" * 201, "a key"):
        assert (await fire(server, secret, b"", idempotency_key=key)).status_code == 400


async def test_a_secret_that_is_revoked_unknown_or_of_another_kind_fires_nothing(
    server: RunningServer, alice: Known
) -> None:
    room_id = await room_with_rule(server, alice)
    hook_id, secret = await made(server, alice, room_id)
    path = f"/api/v1/rooms/{room_id}/hooks/{hook_id}"
    assert (await server.http.delete(path, headers=alice.bearer)).status_code == 204
    again = await server.http.delete(path, headers=alice.bearer)
    assert (again.status_code, again.json()["code"]) == (409, "no_change")
    answers = [await fire(server, text) for text in (secret, "mh_" + "x" * 43, alice.token)]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(401, "unauthenticated")}
    assert len({answer.content for answer in answers}) == 1
    assert await requests(server, room_id) == []
    in_address = await server.http.post("/api/v1/hooks", params={"secret": secret})
    assert in_address.status_code == 400
    guesses = [(await fire(server, "mh_" + "y" * 43)).status_code for _ in range(3)]
    assert guesses[-1] == 429, "whoever guesses is slowed down"
    _, good = await made(server, alice, room_id)
    assert (await fire(server, good)).status_code == 200, "who knows a secret is not"


@pytest.mark.parametrize(("changes", "codes"), [({}, [200, 200, 429]), ({"is_on": False}, [404, 404, 429])])
async def test_a_hook_may_be_called_as_often_as_its_rule_says(
    server: RunningServer, alice: Known, changes: dict[str, object], codes: list[int]
) -> None:
    room_id = await room_with_rule(server, alice, per_min=2, **changes)
    _, secret = await made(server, alice, room_id)
    answers = [await fire(server, secret, f"{number}".encode()) for number in range(3)]
    assert [answer.status_code for answer in answers] == codes
    assert answers[-1].headers["retry-after"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"x" * 16_384, "text/plain", 200),
        (b"x" * 16_385, "text/plain", 413),
        ("ein Gruß".encode(), "text/plain", 200),
        (b"", "", 200),
        (b"\xff", "text/plain", 400),
        (b"a\0b", "text/plain", 400),
        (b"{", "application/json", 400),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b"a", "", 415),
    ],
)
async def test_what_a_webhook_may_bring(
    server: RunningServer, alice: Known, body: bytes, kind: str, status: int
) -> None:
    room_id = await room_with_rule(server, alice)
    _, secret = await made(server, alice, room_id)
    answer = await fire(server, secret, body, kind)
    assert answer.status_code == status, answer.text
    assert len(await requests(server, room_id)) == (status == 200)


async def test_only_owners_and_admins_make_hooks_and_only_for_webhook_rules_of_the_room(
    server: RunningServer, alice: Known
) -> None:
    room_id = await room_with_rule(server, alice)
    other_room = await server.room(alice)
    bob = await server.know(f"bob-{next(_numbers)}")
    await server.add(room_id, alice, bob, Role.MEMBER)
    hook_id, _ = await made(server, alice, room_id)
    body = {"rule_id": "deploy"}
    path = "/api/v1/rooms/{}/hooks"
    refused = await server.http.post(path.format(room_id), json=body, headers=bob.bearer)
    assert refused.status_code == 403
    for answer in (
        await server.http.post(path.format(other_room), json=body, headers=alice.bearer),
        await server.http.post(path.format(other_room), json={"rule_id": "mention"}, headers=alice.bearer),
        await server.http.delete(f"{path.format(other_room)}/{hook_id}", headers=alice.bearer),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    trail = await server.http.get(f"/api/v1/rooms/{room_id}/audit", headers=alice.bearer)
    [entry] = [entry for entry in trail.json()["entries"] if entry["action"] == "hook_created"]
    assert (entry["subject"], entry["after"], entry["actor_id"]) == (hook_id, "deploy", alice.id)


async def test_a_rule_that_is_off_or_whose_setter_is_gone_is_not_fired(server: RunningServer, alice: Known) -> None:
    room_id = await room_with_rule(server, alice)
    _, secret = await made(server, alice, room_id)
    carol = await server.know(f"carol-{next(_numbers)}")
    await server.add(room_id, alice, carol, Role.ADMIN)
    promoted = await server.http.patch(
        f"/api/v1/rooms/{room_id}/members/{carol.id}", json={"role": "owner"}, headers=alice.bearer
    )
    assert promoted.status_code == 200, promoted.text
    left = await server.http.delete(f"/api/v1/rooms/{room_id}/members/{alice.id}", headers=alice.bearer)
    assert left.status_code == 200, left.text
    gone = await fire(server, secret)
    assert (gone.status_code, gone.json()["code"]) == (409, "conflict")
    settings = {"triggers": [{**RULE, "is_on": False}]}
    await server.http.patch(f"/api/v1/rooms/{room_id}", json={"settings": settings}, headers=carol.bearer)
    off = await fire(server, secret)
    assert (off.status_code, off.json()["code"]) == (404, "not_found")
    assert await requests(server, room_id) == []


async def test_a_disabled_accounts_rules_fire_no_more(server: RunningServer, alice: Known) -> None:
    bob = await server.know(f"bob-{next(_numbers)}")
    room_id = await room_with_rule(server, alice)
    _, secret = await made(server, alice, room_id)
    audit = AuditEntry(at=server.pod.clock.now(), actor_id=bob.id, origin="cli", action="disabled", subject=alice.id)
    await server.pod.storage.disable_account(alice.id, disabled=True, audit=audit)
    refused = await fire(server, secret)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert await requests(server, room_id) == []
