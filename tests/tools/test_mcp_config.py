"""The operator's file of MCP servers: what it may say, and what is said of a mistake in it."""

import subprocess
import sys
from pathlib import Path

import pytest

from multiplayer.protocol.tools import ToolClass
from multiplayer.tools.mcp.config import BadMcpFile, HttpServer, StdioServer, read_mcp_file

KEY = "sesame-open-42"


def written(folder: Path, text: str) -> Path:
    path = folder / "mcp.toml"
    path.write_text(text)
    return path


def test_both_kinds_of_servers_are_read_in_their_order(tmp_path: Path) -> None:
    key = tmp_path / "docs.key"
    key.touch(0o600)
    key.write_text(f"{KEY}\n")
    path = written(
        tmp_path,
        """
        [servers.time]
        command = ["python3", "-m", "mcp_server_time"]
        read_only = ["/opt/mcp"]
        [servers.docs-1]
        url = "https://docs.example.org/mcp"
        key_file = "docs.key"
        protocol = "legacy"
        [servers.near]
        url = "http://10.0.0.7:8080/mcp"
        is_private = true
        """,
    )
    time, docs, near = read_mcp_file(path)
    assert isinstance(time, StdioServer)
    assert (time.name, time.command, time.read_only) == ("time", ("python3", "-m", "mcp_server_time"), ("/opt/mcp",))
    assert time.tool_class is ToolClass.TERMINAL
    assert isinstance(docs, HttpServer)
    assert docs.key.get_secret_value() == KEY
    assert (docs.protocol, docs.host_and_port) == ("legacy", ("docs.example.org", 443))
    assert docs.tool_class is ToolClass.NETWORK
    assert KEY not in f"{docs!r} {docs} {docs.model_dump_json()}"
    assert isinstance(near, HttpServer)
    assert near.host_and_port == ("10.0.0.7", 8080)


def test_an_empty_file_names_no_server(tmp_path: Path) -> None:
    assert read_mcp_file(written(tmp_path, "")) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[servers.Time]\ncommand = ['x']", r"\[servers\.Time\]: a server's name has"),
        ("[servers.a_b]\ncommand = ['x']", "a server's name has"),
        ("[servers.a]", "either command .* or url"),
        ("[servers.a]\ncommand = ['x']\nurl = 'https://x.org'", "either command .* or url"),
        ("[servers.a]\ncommand = []", r"\[servers\.a\]: command: "),
        ("[servers.a]\ncommand = 'python3 -m x'", r"command: "),
        ("[servers.a]\ncommand = ['x', 1]", r"command\.1: "),
        ('[servers.a]\ncommand = ["x\\u0000"]', r"command\.0: it has a NUL"),
        ("[servers.a]\ncommand = ['x']\nread_only = ['opt']", r"read_only\.0: give whole paths"),
        ("[servers.a]\ncommand = ['x']\nread_only = ['/opt/../root']", r"read_only\.0: give whole paths"),
        ("[servers.a]\ncommand = ['x']\nread_only = ['/']", r"read_only\.0: the whole file system"),
        ("[servers.a]\ncommand = ['x']\nkey_file = 'k'", "key_file: there is no such field"),
        ("[servers.a]\ncommand = ['x']\nprotocol = 'new'", "protocol: "),
        ("[servers.a]\ncommand = ['x']\nname = 'b'", "name: there is no such field"),
        ("[servers.a]\nurl = 'https://x.org'\nkey = 'sesame'", "key: there is no such field"),
        ("[servers.a]\nurl = 'ftp://x.org'", "url: an address begins"),
        ("[servers.a]\nurl = 'https://'", "url: an address begins"),
        ("[servers.a]\nurl = 'https://x.org:99999'", "url: this is no address"),
        ("[servers.a]\nurl = 'http://x.org/mcp'", "url: only https"),
        ("[servers.a]\nurl = 'https://me:sesame@x.org'", "url: a key belongs in key_file"),
        ("[servers.a]\nurl = 'https://x.org/#a'", "url: an address of a server has no #"),
        ("[servers.a]\nurl = 'https://x.org'\nis_private = 'yes'", "is_private: "),
        ("[servers.a]\nurl = 'https://x.org'\nkey_file = 'none.key'", "key_file: .*none.key cannot be read"),
        ("[server.a]\nurl = 'https://x.org'", "there is no 'server' here"),
        ("servers = 3", r"tables \[servers\.NAME\]"),
        ("[servers]\na = 3", r"tables \[servers\.NAME\]"),
        ("[servers.a", "is not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadMcpFile, match=said) as raised:
        read_mcp_file(written(tmp_path, text))
    assert "mcp.toml" in str(raised.value)
    assert "sesame" not in str(raised.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadMcpFile, match=r"none\.toml cannot be read"):
        read_mcp_file(tmp_path / "none.toml")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_that_others_may_see_is_refused_and_not_repeated(tmp_path: Path, mode: int) -> None:
    key = tmp_path / "a.key"
    key.write_text(KEY)
    key.chmod(mode)
    with pytest.raises(BadMcpFile, match="key_file: others may read or change") as raised:
        read_mcp_file(written(tmp_path, "[servers.a]\nurl = 'https://x.org'\nkey_file = 'a.key'"))
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("content", ["", "\n", "two words", "k\nk", "schlüssel", "x" * 4_001])
def test_what_is_no_key_is_refused(tmp_path: Path, content: str) -> None:
    key = tmp_path / "a.key"
    key.touch(0o600)
    key.write_text(content)
    with pytest.raises(BadMcpFile, match="holds no key") as raised:
        read_mcp_file(written(tmp_path, "[servers.a]\nurl = 'https://x.org'\nkey_file = 'a.key'"))
    assert not content.strip() or content.strip() not in str(raised.value)


def test_a_key_file_that_is_a_link_or_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").touch(0o600)
    (tmp_path / "real").write_text(KEY)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "folder").mkdir(mode=0o700)
    for name in ("link", "folder"):
        with pytest.raises(BadMcpFile, match="key_file"):
            read_mcp_file(written(tmp_path, f"[servers.a]\nurl = 'https://x.org'\nkey_file = '{name}'"))


BARE = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"mcp", "mcp_types", "httpx2", "httpcore2", "jsonschema", "referencing"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
import asyncio
import multiplayer.tools.mcp.config, multiplayer.tools.mcp.tools
from multiplayer.tools.mcp.opening import McpMissing, open_mcp_servers
async def main():
    try:
        open_mcp_servers((), None)
    except McpMissing as missing:
        print(missing)
asyncio.run(main())
"""


def test_without_the_extra_all_but_the_servers_can_be_imported_and_the_error_names_it() -> None:
    ran = subprocess.run([sys.executable, "-c", BARE], capture_output=True, text=True, check=False, timeout=60)
    assert ran.stderr == ""
    assert "pip install 'multiplayer[mcp]'" in ran.stdout
