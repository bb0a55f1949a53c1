"""The web interface as a browser gets it: its page, its files, and nothing that is not of it."""

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from multiplayer.transports.config import HttpConfig, WebPlace
from multiplayer.transports.problems import Problem
from multiplayer.transports.web_pages import policy
from tests.support.raw_http import RawAnswer, raw_request
from tests.support.server import RunningServer, running_server

SCRIPT = "/assets/index-0a1B_c-D.js"
CODE = b"console.log('multiplayer')" * 50
BROTLI = b"packed by brotli"
GZIP = gzip.compress(CODE, mtime=0)
PAGE = """<!doctype html><meta property="csp-nonce" nonce="__CSP_NONCE__"><style nonce="__CSP_NONCE__"></style>
<meta name="session-cookie" content="__SESSION_COOKIE__">
<div id="root"></div><script type="module" src="/assets/index-0a1B_c-D.js"></script>"""
SECRET = "the operator's own words"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Encoding": "gzip, deflate, br"}
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:; "
    "connect-src 'self'; frame-ancestors 'none'; media-src 'self' blob:; font-src 'self'; manifest-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'self'"
)


def write_dist(folder: Path) -> Path:
    """A folder as vite and `compress.mjs` leave it, with things in and beside it that are nobody's business."""
    dist = folder / "web"
    (dist / "assets").mkdir(parents=True)
    (folder / "secret.txt").write_text(SECRET)
    (dist / "index.html").write_text(PAGE)
    (dist / "icon.svg").write_text("<svg/>")
    (dist / "manifest.webmanifest").write_text("{}")
    (dist / "assets" / "words.json").write_text("[]")
    (dist / "assets" / "strange-0a1b2c3d.xyz").write_text("?")
    script = dist / SCRIPT.removeprefix("/")
    script.write_bytes(CODE)
    script.with_name(f"{script.name}.br").write_bytes(BROTLI)
    script.with_name(f"{script.name}.gz").write_bytes(GZIP)
    (dist / ".env").write_text(SECRET)
    (dist / "link.txt").symlink_to(folder / "secret.txt")
    (dist / "folder").symlink_to(folder)
    return dist


@pytest.fixture(scope="module")
async def web(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    place = WebPlace(write_dist(tmp_path_factory.mktemp("dist")))
    async with running_server(tmp_path_factory.mktemp("workspaces"), config=HttpConfig(web=place)) as running:
        yield running


def nonce_of(answer: RawAnswer) -> str:
    found = re.search(r"'nonce-([^']+)'", answer.headers["content-security-policy"])
    assert found is not None
    return found[1]


def check_page(answer: RawAnswer) -> None:
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert '<div id="root">' in answer.text
    assert "__CSP_NONCE__" not in answer.text


def check_nothing(answer: RawAnswer) -> None:
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert Problem.model_validate_json(answer.body).code == "not_found"


async def test_a_page_says_whether_a_session_came_with_the_request(web: RunningServer) -> None:
    for cookie, said in (("", "none"), ("other=1", "none"), ("multiplayer=", "none"), ("multiplayer=mc_x", "sent")):
        answer = await raw_request(web.port, "/", headers={**BROWSER, **({"Cookie": cookie} if cookie else {})})
        assert f'<meta name="session-cookie" content="{said}">' in answer.text


async def test_each_page_has_a_nonce_of_its_own_in_its_text_and_its_policy(web: RunningServer) -> None:
    answers = [await raw_request(web.port, "/", headers=BROWSER) for _ in range(3)]
    nonces = {nonce_of(answer) for answer in answers}
    assert len(nonces) == 3
    for answer in answers:
        check_page(answer)
        assert answer.text == PAGE.replace("__CSP_NONCE__", nonce_of(answer)).replace("__SESSION_COOKIE__", "none")
        assert re.fullmatch(r"[A-Za-z0-9_-]{22,}", nonce_of(answer))
        assert answer.headers["content-security-policy"] == CSP.format(nonce=nonce_of(answer))
        assert answer.headers["cache-control"] == "no-cache"
        assert not {"etag", "last-modified", "content-encoding"} & set(answer.headers)


async def test_a_page_is_never_answered_as_not_modified(web: RunningServer) -> None:
    check_page(await raw_request(web.port, "/", headers={**BROWSER, "If-None-Match": "*"}))


async def test_every_answer_has_the_headers_of_all_answers(web: RunningServer) -> None:
    for target in ("/", SCRIPT, "/icon.svg"):
        headers = (await raw_request(web.port, target, headers=BROWSER)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"


async def test_what_is_named_by_its_content_is_kept_for_good(web: RunningServer) -> None:
    answer = await raw_request(web.port, SCRIPT)
    assert (answer.status, answer.body) == (200, CODE)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize(
    ("target", "content_type"),
    [
        ("/icon.svg", "image/svg+xml"),
        ("/manifest.webmanifest", "application/manifest+json"),
        ("/assets/words.json", "application/json"),
    ],
)
async def test_what_keeps_its_name_is_asked_for_again_and_sent_once(
    web: RunningServer, target: str, content_type: str
) -> None:
    answer = await raw_request(web.port, target)
    assert (answer.status, answer.headers["content-type"]) == (200, content_type)
    assert answer.headers["cache-control"] == "no-cache"
    etag = answer.headers["etag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        again = await raw_request(web.port, target, headers={"If-None-Match": known})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
    changed = await raw_request(web.port, target, headers={"If-None-Match": '"other"'})
    assert (changed.status, changed.body) == (200, answer.body)


async def test_a_kind_that_nobody_knows_is_bytes(web: RunningServer) -> None:
    answer = await raw_request(web.port, "/assets/strange-0a1b2c3d.xyz")
    assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("accepted", "coding", "body"),
    [
        ("gzip, deflate, br", "br", BROTLI),
        ("br;q=0.1, gzip", "br", BROTLI),
        ("gzip", "gzip", GZIP),
        ("GZIP;Q=0.5", "gzip", GZIP),
        ("br;q=0, gzip", "gzip", GZIP),
        ("*", "br", BROTLI),
        ("*;q=0", None, CODE),
        ("br;q=0.0, gzip;q=0", None, CODE),
        ("br;q=much", None, CODE),
        ("bro, gz", None, CODE),
        ("identity", None, CODE),
        ("", None, CODE),
    ],
)
async def test_a_client_gets_the_smallest_that_it_reads(
    web: RunningServer, accepted: str, coding: str | None, body: bytes
) -> None:
    answer = await raw_request(web.port, SCRIPT, headers={"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == coding
    assert len(answer.body) == int(answer.headers["content-length"])
    # gzip writes the time, so that of two packings only what they hold is the same.
    assert gzip.decompress(answer.body) == CODE if coding == "gzip" else answer.body == body
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


async def test_each_coding_is_another_thing_to_a_cache(web: RunningServer) -> None:
    etags = [
        (await raw_request(web.port, SCRIPT, headers={"Accept-Encoding": coding})).headers["etag"]
        for coding in ("br", "gzip", "identity")
    ]
    assert len(set(etags)) == 3
    mixed = await raw_request(web.port, SCRIPT, headers={"Accept-Encoding": "br", "If-None-Match": etags[1]})
    assert mixed.status == 200


async def test_what_has_one_coding_does_not_vary(web: RunningServer) -> None:
    answer = await raw_request(web.port, "/icon.svg", headers=BROWSER)
    assert not {"vary", "content-encoding"} & set(answer.headers)


@pytest.mark.parametrize("target", ["/", SCRIPT, "/icon.svg", "/r/01ARZ3NDEKTSV4RRFFQ69G5FAV"])
async def test_head_says_what_get_would(web: RunningServer, target: str) -> None:
    shown = await raw_request(web.port, target, headers=BROWSER)
    told = await raw_request(web.port, target, method="HEAD", headers=BROWSER)
    assert (told.status, told.body) == (200, b"")
    apart = {"x-request-id", "date", "content-security-policy"}
    assert {name: value for name, value in told.headers.items() if name not in apart} == {
        name: value for name, value in shown.headers.items() if name not in apart
    }


@pytest.mark.parametrize(
    "target",
    ["/r/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/r/x/m/y?focus=1", "/search?q=%2Fapi", "/settings/account", "/apiary", "/wsx"],
)
async def test_every_view_has_an_address_that_a_browser_may_go_to(web: RunningServer, target: str) -> None:
    check_page(await raw_request(web.port, target, headers=BROWSER))
    for accept in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}, {"Accept": "text/html;q=0"}):
        check_nothing(await raw_request(web.port, target, headers=accept))
    check_nothing(await raw_request(web.port, target, method="POST", headers=BROWSER))


@pytest.mark.parametrize("target", ["/", "/index.html", "/sign-in", "/join", "/join?from=mail"])
async def test_what_people_open_by_hand_is_a_page_to_every_program(web: RunningServer, target: str) -> None:
    check_page(await raw_request(web.port, target))


@pytest.mark.parametrize(
    "target",
    [
        "/api",
        "/api/",
        "/api/v2/rooms",
        "/api/v1/no-such-thing",
        "/%61pi/v1/no-such-thing",
        "/api%2Fv1%2Fno-such-thing",
        "/ws",
        "/ws/",
        "/metrics/x",
        "/healthz/",
        "/readyz/x",
        "/openapi.json/x",
        "/assets",
        "/assets/",
        "/assets/index-ffffffff.js",
        f"{SCRIPT}.br",
        f"{SCRIPT}.gz",
        f"{SCRIPT}/",
        "/assets/INDEX-0a1B_c-D.js",
    ],
)
async def test_a_page_never_stands_in_the_place_of_data_or_of_a_file(web: RunningServer, target: str) -> None:
    check_nothing(await raw_request(web.port, target, headers=BROWSER))


@pytest.mark.parametrize(
    "target",
    [
        "/../secret.txt",
        "/assets/../../secret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/assets/%2e%2e%2f%2e%2e%2fsecret.txt",
        "/assets/..%5c..%5csecret.txt",
        "/assets/%252e%252e/secret.txt",
        "//secret.txt",
        "/%2fetc/passwd",
        "//etc/passwd",
        "/link.txt",
        "/folder/secret.txt",
        "/.env",
        "/assets/%00",
        "/icon.svg%00.txt",
        "/icon.svg/",
        "/./icon.svg",
        "/assets/../icon.svg",
        "/%ff%fe",
        "/web_pages.py",
        "/../web_pages.py",
    ],
)
async def test_no_path_leads_out_of_the_folder_or_to_what_is_not_listed(web: RunningServer, target: str) -> None:
    check_nothing(await raw_request(web.port, target))
    shown = await raw_request(web.port, target, headers=BROWSER)
    assert SECRET not in shown.body.decode(errors="replace")
    assert shown.status == 404 or '<div id="root">' in shown.text


async def test_an_absolute_address_names_no_file_of_the_machine(web: RunningServer) -> None:
    answer = await raw_request(web.port, "http://127.0.0.1/../secret.txt", headers=BROWSER)
    assert SECRET not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("target", ["/", "/sign-in", SCRIPT, "/icon.svg"])
async def test_pages_and_files_are_only_read(web: RunningServer, target: str, method: str) -> None:
    answer = await raw_request(web.port, target, method=method, headers={"Content-Length": "0"})
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert Problem.model_validate_json(answer.body).code == "method_not_allowed"


async def test_files_are_served_as_they_were_at_the_start(tmp_path: Path) -> None:
    dist = write_dist(tmp_path)
    async with running_server(tmp_path / "workspaces", config=HttpConfig(web=WebPlace(dist))) as server:
        (dist / "icon.svg").write_text(SECRET)
        (dist / "later.txt").write_text(SECRET)
        (dist / "index.html").unlink()
        assert (await raw_request(server.port, "/icon.svg")).text == "<svg/>"
        check_nothing(await raw_request(server.port, "/later.txt"))
        check_page(await raw_request(server.port, "/"))


async def test_the_api_stays_what_it_was(web: RunningServer) -> None:
    assert (await web.http.get("/healthz")).json() == {"status": "ok"}
    assert "Multiplayer API" in (await web.http.get("/api/docs", headers=BROWSER)).text
    listed = (await web.http.get("/openapi.json")).json()["paths"]
    assert not {"/", "/sign-in", "/join", "/{path}", SCRIPT} & set(listed)
    refused = await raw_request(web.port, "/api/v1/rooms", headers=BROWSER)
    assert refused.status == 401


def test_other_origins_stand_exactly_where_the_server_was_set_up_with_them(tmp_path: Path) -> None:
    place = WebPlace(
        tmp_path,
        download_origins=("https://cdn.example",),
        upload_origins=("https://bucket.example", "https://cdn.example"),
        sign_in_origins=("https://project.supabase.co",),
    )
    rules = dict(rule.split(" ", 1) for rule in policy(place, "n").split("; "))
    assert {name: rule for name, rule in rules.items() if "https" in rule} == {
        "img-src": "'self' data: blob: https://cdn.example",
        "media-src": "'self' blob: https://cdn.example",
        "connect-src": "'self' https://cdn.example https://bucket.example https://project.supabase.co",
    }
    assert policy(WebPlace(tmp_path), "n") == CSP.format(nonce="n")


@pytest.mark.parametrize("target", ["/", "/sign-in", "/join", "/r/01ARZ3NDEKTSV4RRFFQ69G5FAV"])
async def test_without_a_built_interface_pages_say_so_and_how_to_build_it(server: RunningServer, target: str) -> None:
    answer = await raw_request(server.port, target, headers=BROWSER)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "The web interface is not built" in answer.text
    assert "<code>make web</code>" in answer.text
    assert ("/api/v1/sessions" in answer.text) == (target in {"/sign-in", "/join"})
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert (await raw_request(server.port, target, method="HEAD", headers=BROWSER)).status == 200


async def test_without_a_built_interface_there_are_no_files(server: RunningServer) -> None:
    for target in (SCRIPT, "/icon.svg", "/assets/", "/api/v1/none", "/nothing"):
        check_nothing(await raw_request(server.port, target))
