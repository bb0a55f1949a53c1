"""The operations of the HTTP API that the web interface is compiled with are those of the server."""

import re
from pathlib import Path

from multiplayer.transports.app import operations
from multiplayer.transports.config import HttpConfig
from multiplayer.transports.typescript import typescript

API = Path(__file__).parents[2] / "web" / "src" / "protocol" / "api.ts"


def test_the_committed_operations_are_those_of_the_server() -> None:
    written = API.read_text(encoding="utf-8")
    assert written == typescript(), "run: python -m multiplayer.transports.typescript > web/src/protocol/api.ts"


def test_every_operation_is_found_by_method_and_path() -> None:
    listed = typescript().partition("export interface Operations {")[2]
    named = re.findall(r'^  readonly "([A-Z]+) (/[^"]*)": ', listed, re.MULTILINE)
    assert len(named) > 100
    assert len(set(named)) == len(named)
    assert {path for _, path in named} == {one.path for one in operations(HttpConfig())}


def test_every_type_that_is_named_is_declared() -> None:
    text = typescript()
    declared = set(re.findall(r"^export (?:interface|type) (\w+)", text, re.MULTILINE))
    code = re.sub(r"/\*\*.*?\*/|\"[^\"]*\"|//.*", "", text)
    named = set(re.findall(r"[:|(<] ?(?:readonly )?([A-Z]\w+)", code))
    assert named - declared <= {"Readonly", "Record", "BodyInit", "Operations"}
