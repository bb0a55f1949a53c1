"""The key files of AI profiles: private, whole, and never anywhere but in their folder."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from multiplayer.live.ai_keys import KeptKey, KeyFiles, UnsafeKey, key_address, origin_of
from multiplayer.protocol.profiles import AiProfile

KEY = "sk-canary-0123456789abcdef"
ADDRESS = "https://api.example:443"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "ai"


@pytest.fixture
def keys(folder: Path) -> KeyFiles:
    return KeyFiles(folder)


@pytest.fixture
def _open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("_open_umask")
def test_a_key_is_kept_where_nobody_else_can_read_it(keys: KeyFiles, folder: Path) -> None:
    assert keys.read("helper") is None
    keys.write("helper", KEY, address=ADDRESS)
    assert keys.read("helper") == KeptKey(KEY, ADDRESS)
    assert mode_of(folder / "helper.key") == 0o600
    assert mode_of(folder) == mode_of(folder.parent) == 0o700
    keys.write("helper", "other-key", address=ADDRESS)
    assert keys.read("helper") == KeptKey("other-key", ADDRESS)
    assert [path.name for path in folder.iterdir()] == ["helper.key"]
    assert keys.all_values() == ["other-key"]
    assert keys.remove("helper")
    assert not keys.remove("helper")
    assert keys.read("helper") is None


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601, 0o660, 0o777])
def test_a_file_that_others_may_read_or_change_is_refused_with_what_to_do(
    keys: KeyFiles, folder: Path, mode: int
) -> None:
    keys.write("helper", KEY, address=ADDRESS)
    (folder / "helper.key").chmod(mode)
    with pytest.raises(UnsafeKey, match="give it the mode 0600") as unsafe:
        keys.read("helper")
    assert KEY not in str(unsafe.value)
    assert keys.all_values() == []


def test_a_written_key_takes_the_place_of_one_that_others_could_read(keys: KeyFiles, folder: Path) -> None:
    keys.write("helper", KEY, address=ADDRESS)
    (folder / "helper.key").chmod(0o644)
    keys.write("helper", "new-key", address=ADDRESS)
    assert keys.read("helper") == KeptKey("new-key", ADDRESS)


def test_what_is_no_plain_file_is_refused_and_never_waited_for(keys: KeyFiles, folder: Path, tmp_path: Path) -> None:
    folder.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(KEY)
    elsewhere.chmod(0o600)
    (folder / "link.key").symlink_to(elsewhere)
    (folder / "folder.key").mkdir(mode=0o700)
    os.mkfifo(folder / "pipe.key", 0o600)
    for handle in ("link", "folder", "pipe"):
        with pytest.raises(UnsafeKey) as unsafe:
            keys.read(handle)
        assert KEY not in str(unsafe.value)


def test_a_key_is_not_written_through_a_link(keys: KeyFiles, folder: Path, tmp_path: Path) -> None:
    folder.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("untouched")
    (folder / "helper.key").symlink_to(elsewhere)
    keys.write("helper", KEY, address=ADDRESS)
    assert elsewhere.read_text() == "untouched"
    assert not (folder / "helper.key").is_symlink()


def test_a_folder_that_is_a_link_is_not_written_into(keys: KeyFiles, folder: Path, tmp_path: Path) -> None:
    folder.parent.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeKey, match="cannot be written"):
        keys.write("helper", KEY, address=ADDRESS)
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    "handle", ["", ".", "..", "../x", "a/b", "/etc/passwd", "a\0b", "A", "-a", ".a", "a\n", "ä", "a" * 33, "a b", "~"]
)
def test_no_handle_leads_out_of_the_folder(keys: KeyFiles, folder: Path, handle: str) -> None:
    for act in (keys.read, keys.remove, lambda name: keys.write(name, KEY, address=ADDRESS)):
        with pytest.raises(UnsafeKey, match="named after a handle"):
            act(handle)
    assert not folder.exists()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(handle=st.text(max_size=40) | st.from_regex(r"[a-z0-9./_-]{1,12}", fullmatch=True))
def test_whatever_a_handle_is_nothing_is_made_beside_the_folder(tmp_path: Path, handle: str) -> None:
    keys = KeyFiles(tmp_path / "secrets" / "ai")
    try:
        keys.write(handle, KEY, address=ADDRESS)
    except UnsafeKey:
        pass
    else:
        assert keys.read(handle) == KeptKey(KEY, ADDRESS)
    assert {path.name for path in tmp_path.iterdir()} <= {"secrets"}
    assert {path.name for path in (tmp_path / "secrets").glob("*")} <= {"ai"}
    assert all(path.is_file() for path in (tmp_path / "secrets" / "ai").glob("**/*"))


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "tab\t", "schlüssel", "\0", "x" * 4_001])
def test_what_cannot_be_a_key_is_not_written_and_not_repeated(keys: KeyFiles, folder: Path, key: str) -> None:
    with pytest.raises(UnsafeKey) as unsafe:
        keys.write("helper", key, address=ADDRESS)
    assert not key or key not in str(unsafe.value)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (f"{KEY}\n", KeptKey(KEY)),
        (f"  {KEY}  \r\n\r\n", KeptKey(KEY)),
        (f"{KEY}\nfor {ADDRESS}\n", KeptKey(KEY, ADDRESS)),
        ("", None),
        ("\n\n", None),
    ],
)
def test_a_file_written_by_hand_is_read(keys: KeyFiles, folder: Path, content: str, found: KeptKey | None) -> None:
    folder.mkdir(parents=True)
    (folder / "helper.key").touch(0o600)
    (folder / "helper.key").write_text(content)
    assert keys.read("helper") == found


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"two words", b"key\nsecond key\n", b"key\nfor a\nfor b\n", b"k" * 9_000]
)
def test_a_file_that_holds_more_or_less_than_a_key_is_refused(keys: KeyFiles, folder: Path, content: bytes) -> None:
    folder.mkdir(parents=True)
    (folder / "helper.key").touch(0o600)
    (folder / "helper.key").write_bytes(content)
    with pytest.raises(UnsafeKey):
        keys.read("helper")


def test_a_key_does_not_show_when_it_is_printed() -> None:
    assert KEY not in repr(KeptKey(KEY, ADDRESS))


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({"provider": "auto"}, ""),
        ({"provider": "demo"}, ""),
        ({"provider": "deepseek"}, "https://api.deepseek.com:443"),
        ({"provider": "openai_compatible", "model": "m", "base_url": "https://A.example/v1"}, "https://a.example:443"),
        ({"provider": "nlweb", "base_url": "http://127.0.0.1:8000"}, "http://127.0.0.1:8000"),
    ],
)
def test_a_key_is_for_one_scheme_host_and_port(fields: dict[str, str], address: str) -> None:
    profile = AiProfile.model_validate({"handle": "helper", "name": "Helper", **fields})
    assert key_address(profile) == address


def test_another_scheme_host_or_port_is_another_address() -> None:
    urls = [
        "https://a.example",
        "http://a.example",
        "https://a.example:8443",
        "https://b.example",
        "https://a.example.b",
    ]
    assert len({origin_of(url) for url in urls}) == len(urls)
    assert origin_of("https://A.example:443/v1") == origin_of("https://a.example/v2/")
