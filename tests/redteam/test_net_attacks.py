"""Attacks on the way out: rebinding, redirects, odd spellings. Judged by what reached a listener, not by words."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from multiplayer.tools.net.fetch_url import fetch_url
from multiplayer.tools.net.guard import BLOCKED, NetRefused, OperatorHosts
from multiplayer.tools.net.guarded_http import GuardedHttp
from multiplayer.tools.registry import ToolRegistry
from multiplayer.tools.workspace import Workspaces
from tests.support.tool_calls import Caller, fresh_workspace
from tests.support.web_stage import OTHER_PUBLIC, PUBLIC, Authority, WebStage, listening, plain, redirect, web_stage

LOOPBACK_SPELLINGS = (
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0.0.0.0",
    "localhost",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
)


@pytest.fixture
async def stage() -> AsyncIterator[WebStage]:
    async with web_stage() as built:
        yield built


def guarded(stage: WebStage, operator_hosts: OperatorHosts = frozenset()) -> GuardedHttp:
    return GuardedHttp(resolver=stage.resolve, operator_hosts=operator_hosts, route=stage.route)


async def refusal(stage: WebStage, url: str, operator_hosts: OperatorHosts = frozenset()) -> str:
    with pytest.raises(NetRefused) as refused:
        await guarded(stage, operator_hosts).get(url)
    return refused.value.text


@pytest.mark.parametrize("host", LOOPBACK_SPELLINGS)
async def test_control_a_plain_client_reaches_the_canary_by_each_spelling_and_ours_by_none(
    stage: WebStage, host: str
) -> None:
    port = stage.canary.port
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://{host}:{port}/")
    assert answer.text == "the canary's secret"
    assert stage.breaches == 1
    # As the plain client was asked, and as the guard would let a public host be asked.
    for url in (f"http://{host}:{port}/", f"http://{host}/", f"https://{host}/"):
        await refusal(stage, url)
    assert (stage.breaches, stage.dialled) == (1, [])


async def test_control_a_plain_client_follows_a_redirect_to_the_canary_and_ours_does_not(stage: WebStage) -> None:
    leading = redirect(f"http://127.0.0.1:{stage.canary.port}/admin")
    site = await stage.site(leading)
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as client:
        answer = await client.get(f"http://{site.address}:{site.port}/")
    assert (answer.text, stage.breaches, site.connections) == ("the canary's secret", 1, 1)
    await refusal(stage, "http://example.com/")
    assert (stage.breaches, site.connections) == (1, 2)


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "//127.1/",
        "http://[::1]/",
        "http://0x7f000001/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[64:ff9b::a00:1]/",
        "http://localhost/",
        "http://inner.example.com/",
        "http://mixed.example.com/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:80/_x",
        "http://example.com:8080/",
        "https://example.com:22/",
        "http://alice:secret@example.com/",
        "http://example.com@127.0.0.1/",
        "http://127.0.0.1\\@example.com/",
        "http://own.example:8080/",
    ],
)
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_no_redirect_leads_where_the_first_address_may_not(stage: WebStage, location: str, status: str) -> None:
    site = await stage.site(redirect(location, status))
    stage.names |= {
        "inner.example.com": [["10.0.0.1"]],
        "mixed.example.com": [[PUBLIC, "10.0.0.1"]],
        "own.example": [["127.0.0.1"]],
    }
    await refusal(stage, "http://example.com/", frozenset({("own.example", 8_080)}))
    assert (site.connections, stage.breaches, stage.dialled) == (1, 0, [(PUBLIC, 80)])


async def test_a_redirect_into_what_the_operator_configured_is_refused_and_one_out_of_it_too(stage: WebStage) -> None:
    own = await stage.own(redirect("http://example.com/"))
    site = await stage.site(redirect(f"http://127.0.0.1:{own.port}/delete"))
    allowed = frozenset({("127.0.0.1", own.port)})
    await refusal(stage, "http://example.com/", allowed)
    assert (site.connections, own.connections) == (1, 0)
    await refusal(stage, f"http://127.0.0.1:{own.port}/", allowed)
    assert (site.connections, own.connections) == (1, 1)
    # The next port, the same port by another address, the usual port.
    for url in (f"http://127.0.0.1:{stage.canary.port}/", f"http://[::1]:{own.port}/", "http://127.0.0.1/"):
        await refusal(stage, url, allowed)
    assert (own.connections, stage.breaches) == (1, 0)


async def test_what_the_operator_configured_is_reached_though_it_is_private(stage: WebStage) -> None:
    own = await stage.own(plain("inner page"))
    # By the system's own name service, and really there.
    http = GuardedHttp(operator_hosts=frozenset({("127.0.0.1", own.port), ("localhost", own.port)}))
    for host in ("127.0.0.1", "localhost"):
        assert (await http.get(f"http://{host}:{own.port}/{host}")).body == b"inner page"
    assert own.paths == ["/127.0.0.1", "/localhost"]


async def test_a_name_that_turns_private_after_it_was_judged_is_not_asked_again(stage: WebStage) -> None:
    site = await stage.site(plain("fine"))
    stage.names["example.com"] = [[PUBLIC], ["127.0.0.1"]]
    fetched = await guarded(stage).get("http://example.com/")
    assert (fetched.body, stage.asked, stage.dialled) == (b"fine", ["example.com"], [(PUBLIC, 80)])
    # Asked for another page, it is judged anew.
    assert await refusal(stage, "http://example.com/") == BLOCKED
    assert (site.connections, stage.breaches) == (1, 0)


async def test_a_name_that_turns_private_between_redirects_is_still_where_it_was(stage: WebStage) -> None:
    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        await (redirect("/2") if b" /1 " in head else plain("fine"))(head, writer)

    site = await stage.site(answer)
    stage.names["example.com"] = [[PUBLIC], ["127.0.0.1"]]
    fetched = await guarded(stage).get("http://example.com/1")
    assert (fetched.url_after_redirects, fetched.redirects) == ("http://example.com/2", ("http://example.com/1",))
    assert (stage.asked, site.paths, stage.breaches) == (["example.com"], ["/1", "/2"], 0)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        [PUBLIC, "127.0.0.1"],
        ["::1"],
        [PUBLIC, "::ffff:10.0.0.1"],
        ["fd00:ec2::254"],
        ["100.100.100.200"],
    ],
)
async def test_a_name_with_any_address_that_is_not_public_is_not_dialled_at_all(
    stage: WebStage, addresses: list[str]
) -> None:
    site = await stage.site(plain("fine"))
    stage.names["example.com"] = [addresses]
    assert await refusal(stage, "http://example.com/") == BLOCKED
    assert (stage.dialled, stage.breaches, site.connections) == ([], 0, 0)


async def test_what_is_blocked_says_the_same_whether_something_listens_there_or_not(stage: WebStage) -> None:
    stage.names |= {"up.example.com": [["127.0.0.1"]], "down.example.com": [["10.255.255.1"]]}
    urls = ("http://up.example.com/", "http://down.example.com/", "http://127.0.0.1/", "https://10.9.9.9/")
    assert {await refusal(stage, url) for url in urls} == {BLOCKED}
    port = stage.canary.port
    assert len({await refusal(stage, f"http://127.0.0.1:{at}/") for at in (port, 1, 22)}) == 1
    # Nothing is connected to, so there is nothing whose time would tell.
    assert (stage.dialled, stage.breaches) == ([], 0)


async def test_redirects_end_after_three_and_in_circles(stage: WebStage) -> None:
    async def onward(head: bytes, writer: asyncio.StreamWriter) -> None:
        number = int(head.split(b" ")[1].rpartition(b"/")[2])
        await (redirect(f"/{number - 1}") if number else plain("there"))(head, writer)

    site = await stage.site(onward)
    fetched = await guarded(stage).get("http://example.com/3")
    assert (fetched.body, len(fetched.redirects), len(site.heads)) == (b"there", 3, 4)
    site.heads.clear()
    await refusal(stage, "http://example.com/4")
    assert site.paths == ["/4", "/3", "/2", "/1"]

    first = await stage.site(redirect("http://b.example.com/"), "a.example.com", at=OTHER_PUBLIC)
    second = await stage.site(redirect("http://a.example.com/#again"), "b.example.com", at="1.1.1.1")
    assert "circle" in await refusal(stage, "http://a.example.com/")
    assert (first.connections, second.connections) == (1, 1)


async def test_nothing_of_ours_and_nothing_a_site_gave_goes_out(
    stage: WebStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{stage.canary.port}")
    other = await stage.site(plain("there"), "example.org", at=OTHER_PUBLIC)
    leading = plain(
        b"", status="302 Found", Location="http://example.org/", Set_Cookie="a=1; Domain=example.org", Refresh="0;url=/"
    )
    site = await stage.site(leading)
    await guarded(stage).get("http://example.com/?q=1", accept=("text/*",))
    for head, host in ((site.heads[0], b"example.com"), (other.heads[0], b"example.org")):
        names = {line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:] if line}
        assert names == {b"host", b"accept", b"accept-encoding", b"user-agent", b"connection"}
        assert b"Host: " + host + b"\r\n" in head
        assert b"example.com" not in head.replace(host, b"")
    assert stage.breaches == 0


async def test_a_certificate_is_checked_for_the_name_though_an_address_is_dialled(
    stage: WebStage, tmp_path: Path
) -> None:
    authority = Authority.make(tmp_path)
    right = await stage.site(plain("safe"), port=443, tls=authority.serving("example.com"))
    wrong = await stage.site(plain("no"), "example.org", at=OTHER_PUBLIC, port=443, tls=authority.serving("evil.com"))
    bare = await stage.site(plain("bare"), "b.example.com", at="1.1.1.1", port=443, tls=authority.serving("1.1.1.1"))
    http = GuardedHttp(resolver=stage.resolve, route=stage.route, tls=authority.trusting())
    assert (await http.get("https://example.com/")).body == b"safe"
    assert (right.names, b"Host: example.com\r\n" in right.heads[0]) == (["example.com"], True)
    assert (await http.get("https://1.1.1.1/")).body == b"bare"
    for url in ("https://example.org/", "https://b.example.com/"):
        with pytest.raises(NetRefused, match="certificate"):
            await http.get(url)
    assert (wrong.heads, len(bare.heads)) == ([], 1)
    # And by default only the public authorities count.
    assert "certificate" in await refusal(stage, "https://example.com/")


async def test_the_second_address_is_tried_where_the_first_does_not_answer(stage: WebStage) -> None:
    site = await stage.site(plain("fine"))
    async with listening(plain()) as closed:
        pass
    stage.places["2606:4700::1", 80] = closed
    stage.names["example.com"] = [["2606:4700::1", PUBLIC]]
    assert (await guarded(stage).get("http://example.com/")).body == b"fine"
    assert (stage.dialled, site.connections) == ([("2606:4700::1", 80), (PUBLIC, 80)], 1)


async def test_the_tool_itself_leaks_nothing_of_the_inside(stage: WebStage, tmp_path: Path) -> None:
    await stage.site(redirect("http://127.0.0.1/"))
    stage.names["rebound.example.com"] = [["127.0.0.1"]]
    with fresh_workspace(Workspaces(tmp_path)) as workspace:
        caller = Caller(ToolRegistry([fetch_url(guarded(stage))]), workspace)
        for url in ("http://example.com/", "http://rebound.example.com/", "http://2130706433/", "file:///etc/passwd"):
            result = await caller.call("fetch_url", url=url)
            assert (result.ok, result.code) == (False, "net")
            assert "secret" not in result.text
    assert stage.breaches == 0
