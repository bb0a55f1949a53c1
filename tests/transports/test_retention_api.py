"""How long a room keeps what is said, over HTTP: whoever may set a rule may try one out; settings carry it."""

from collections.abc import AsyncIterator

import pytest

from multiplayer.live.pod import PodLimits
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.members import Role
from multiplayer.protocol.retention import Retention, RetentionReport
from multiplayer.rooms.limits import RoomLimits
from tests.live.test_approvals import Time
from tests.support.server import Known, RunningServer, running_server

DAY_S = 24 * 3600.0


@pytest.fixture(scope="module")
async def time() -> Time:
    return Time()


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory, time: Time) -> AsyncIterator[RunningServer]:
    limits = PodLimits(room=RoomLimits(retention_days=100))
    async with running_server(tmp_path_factory.mktemp("w"), clock=time.clock(), limits=limits) as running:
        await running.pod.lobby.ensure_built_ins()
        yield running


async def posted(server: RunningServer, who: Known, room_id: RoomId, text: str) -> None:
    body = {"type": "post_message", "text": text}
    answer = await server.http.post(f"/api/v1/rooms/{room_id}/commands", json=body, headers=who.bearer)
    assert answer.status_code == 200, answer.text


async def report(server: RunningServer, who: Known, room_id: RoomId, **query: str) -> RetentionReport:
    answer = await server.http.get(f"/api/v1/rooms/{room_id}/retention", params=query, headers=who.bearer)
    assert answer.status_code == 200, answer.text
    return RetentionReport.model_validate_json(answer.content)


async def test_a_rule_is_tried_out_by_the_query_and_set_by_the_settings(server: RunningServer, time: Time) -> None:
    olga = await server.know("olga")
    room_id = await server.room(olga)
    await posted(server, olga, room_id, "old words")
    time.ahead_s += 9 * DAY_S
    bare = await report(server, olga, room_id)
    assert (bare.rule, bare.holds, bare.server_days) == (Retention(), Retention(messages_days=100), 100)
    assert (bare.last, bare.preview.messages) == (None, 0)
    assert bare.next_look is not None
    tried = await report(server, olga, room_id, messages_days="7", keeps_pinned="false")
    assert tried.rule == Retention()
    assert tried.preview.rule == Retention(messages_days=7, keeps_pinned=False)
    assert [one.text for one in tried.preview.first] == ["old words"]
    settings = {"retention": {"messages_days": 7}}
    answer = await server.http.patch(f"/api/v1/rooms/{room_id}", json={"settings": settings}, headers=olga.bearer)
    assert answer.status_code == 200, answer.text
    assert answer.json()["room"]["settings"]["retention"] == {
        "messages_days": 7,
        "keeps_pinned": True,
    }
    ruled = await report(server, olga, room_id)
    assert (ruled.rule, ruled.preview.messages) == (Retention(messages_days=7), 1)
    assert (await report(server, olga, room_id, keeps_pinned="true")).preview.rule == Retention()
    assert await server.pod.retention.look() == 1
    done = await report(server, olga, room_id)
    assert done.last is not None
    assert (done.last.messages, done.preview.messages) == (1, 0)
    page = await server.http.get(f"/api/v1/rooms/{room_id}/messages", headers=olga.bearer)
    [gone] = page.json()["messages"]
    assert (gone["text"], gone["deleted_because"]) == ("", "retention")


@pytest.mark.parametrize(
    "query",
    [{"messages_days": "0"}, {"messages_days": "3651"}, {"files_days": "x"}, {"keeps_pinned": "maybe"}, {"days": "3"}],
    ids=str,
)
async def test_what_is_no_rule_is_refused(server: RunningServer, query: dict[str, str]) -> None:
    olga = await server.know("olga")
    room_id = await server.room(olga, name="other")
    answer = await server.http.get(f"/api/v1/rooms/{room_id}/retention", params=query, headers=olga.bearer)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER, Role.GUEST], ids=str)
async def test_only_owners_look_at_rules_and_set_them(server: RunningServer, role: Role) -> None:
    olga, other = await server.know("olga"), await server.know(f"a-{role.value}")
    room_id = await server.room(olga, other, name=f"with a {role.value}", role=role)
    path = f"/api/v1/rooms/{room_id}"
    looked = await server.http.get(f"{path}/retention", params={"messages_days": "1"}, headers=other.bearer)
    body = {"settings": {"retention": {"messages_days": 1}}}
    changed = await server.http.patch(path, json=body, headers=other.bearer)
    for answer in (looked, changed):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), answer.text
    assert (await report(server, olga, room_id)).rule == Retention()


async def test_a_rule_longer_than_the_server_s_is_refused_with_its_length(server: RunningServer) -> None:
    olga = await server.know("olga")
    room_id = await server.room(olga, name="longer")
    body = {"settings": {"retention": {"messages_days": 101}}}
    answer = await server.http.patch(f"/api/v1/rooms/{room_id}", json=body, headers=olga.bearer)
    assert answer.json()["code"] == "limit_reached"
    assert "100 days" in answer.json()["detail"]
