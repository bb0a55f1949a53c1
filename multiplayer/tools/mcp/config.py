"""The operator's file of MCP servers: TOML with one table `[servers.NAME]` for each, and the keys it names."""

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)

from multiplayer.protocol.tools import ToolClass

MAX_BYTES: Final = 1_000_000
MAX_KEY: Final = 4_000
MAX_SERVERS: Final = 32
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
_OTHERS: Final = 0o077


class BadMcpFile(Exception):  # noqa: N818 - a sentence for whoever starts the server
    """The file of MCP servers cannot be used; the sentence names the file, the server and the field, never a value."""


def _absolute(text: str) -> str:
    if not text.startswith("/") or ".." in text.split("/"):
        raise ValueError("give whole paths, from / on, without ..")
    if not text.strip("/"):
        raise ValueError("the whole file system is not to be seen in a sandbox")
    return text


def _word(text: str) -> str:
    if "\0" in text:
        raise ValueError("it has a NUL character in it")
    return text


Word = Annotated[str, StringConstraints(max_length=4_000), AfterValidator(_word)]


class _Server(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
    protocol: Literal["auto", "legacy"] = "auto"
    """`auto` asks for 2026-07-28 and falls back to the handshake of 2025-11-25; `legacy` begins with the handshake."""


class StdioServer(_Server):
    """A server that is started in the sandbox of each room that uses it, without network."""

    command: Annotated[tuple[Word, ...], Field(min_length=1, max_length=100, strict=False)]
    """What is started and its arguments, no shell. Arguments can be seen by whoever runs commands in the room."""
    read_only: Annotated[
        tuple[Annotated[Word, AfterValidator(_absolute)], ...], Field(max_length=20, strict=False)
    ] = ()
    """Folders of this machine that the server needs, bound at the same path and not to be written."""

    @property
    def tool_class(self) -> ToolClass:
        return ToolClass.TERMINAL


class HttpServer(_Server):
    """A server that is reached over streamable HTTP, at its one address."""

    url: Annotated[str, StringConstraints(max_length=2_000)]
    key_file: Word = ""
    """A file of mode 0600 with the key that is sent as `Authorization: Bearer`; relative to the file of servers."""
    key: Annotated[SecretStr, Field(exclude=True, repr=False)] = SecretStr("")
    """What the file holds; not written in the file of servers."""
    is_private: bool = False
    """The operator says: exactly this host and port may lie in a private network, or be this machine."""

    @model_validator(mode="after")
    def _is_an_address(self) -> Self:
        try:
            parts = urlsplit(self.url)
            parts.port  # noqa: B018 - it raises for what is no port
        except ValueError:
            raise ValueError("url: this is no address") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("url: an address begins with https:// and names a host")
        if parts.scheme == "http" and not self.is_private:
            raise ValueError("url: only https may be used beyond a private network (is_private = true)")
        if parts.username is not None or parts.password is not None:
            raise ValueError("url: a key belongs in key_file, not in the address")
        if parts.fragment:
            raise ValueError("url: an address of a server has no #")
        return self

    @property
    def host_and_port(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def tool_class(self) -> ToolClass:
        return ToolClass.NETWORK


McpServer = StdioServer | HttpServer


def read_mcp_file(path: Path) -> tuple[McpServer, ...]:
    """Read all servers and their keys, in the order of the file. Raises `BadMcpFile`. Blocks on the disk."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise BadMcpFile(f"{path} is too long for a file of MCP servers")
        parsed = tomllib.loads(content.decode())
    except OSError as error:
        raise BadMcpFile(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise BadMcpFile(f"{path} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise BadMcpFile(f"{path} is not TOML: {error}") from None
    tables = parsed.pop("servers", {})
    if parsed:
        raise BadMcpFile(f"{path}: there is no {next(iter(parsed))[:40]!r} here, only tables [servers.NAME]")
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise BadMcpFile(f"{path}: MCP servers are written as tables [servers.NAME]")
    if len(tables) > MAX_SERVERS:
        raise BadMcpFile(f"{path}: there are more than {MAX_SERVERS} servers")
    return tuple(_server(path, name, table) for name, table in tables.items())


def _server(path: Path, name: str, table: dict[str, object]) -> McpServer:
    where = f"{path}, [servers.{name[:40]}]"
    if _NAME.fullmatch(name) is None:
        raise BadMcpFile(f"{where}: a server's name has 1 to 32 of a-z, 0-9 and -, and begins with a letter")
    for taken in ("name", "key"):
        if taken in table:
            raise BadMcpFile(f"{where}: {taken}: there is no such field")
    if ("command" in table) == ("url" in table):
        raise BadMcpFile(f"{where}: it needs either command (it runs in the sandbox) or url (it is reached by HTTP)")
    try:
        if "command" in table:
            return StdioServer.model_validate({"name": name, **table})
        server = HttpServer.model_validate({"name": name, **table})
    except ValidationError as error:
        raise BadMcpFile(f"{where}: {_in_words(error)}") from None
    if not server.key_file:
        return server
    key = _read_key(where, path.parent / server.key_file)
    return server.model_copy(update={"key": SecretStr(key)})


def _in_words(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    said = "there is no such field" if first["type"] == "extra_forbidden" else first["msg"]
    said = said.removeprefix("Value error, ")
    return f"{field}: {said}" if field else said


def _read_key(where: str, path: Path) -> str:
    """Read a key that nobody else can read; the sentence of what is wrong never holds it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise BadMcpFile(f"{where}: key_file: {path} cannot be read: {error.strerror}") from None
    try:
        seen = os.fstat(descriptor)
        if not stat.S_ISREG(seen.st_mode):
            raise BadMcpFile(f"{where}: key_file: {path} is not a file")
        if seen.st_mode & _OTHERS:
            raise BadMcpFile(
                f"{where}: key_file: others may read or change {path} (its mode is {stat.S_IMODE(seen.st_mode):04o}): "
                f"give it the mode 0600, and think of replacing the key"
            )
        if seen.st_uid not in {0, os.geteuid()}:
            raise BadMcpFile(f"{where}: key_file: {path} belongs to another account of this machine")
        content = os.read(descriptor, MAX_KEY + 2)
    finally:
        os.close(descriptor)
    key = content.decode("ascii", errors="replace").strip()
    if not key or len(key) > MAX_KEY or not all("!" <= character <= "~" for character in key):
        raise BadMcpFile(f"{where}: key_file: {path} holds no key: one line of 1 to {MAX_KEY} visible ASCII characters")
    return key
