"""The generated reference and schema in docs/ are those of the code."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from jsonschema import Draft202012Validator

from multiplayer.protocol.close_codes import CloseCode
from multiplayer.protocol.codec import decode_line
from multiplayer.protocol.commands import Command
from multiplayer.protocol.errors import RefusalCode
from multiplayer.protocol.events import Event
from multiplayer.protocol.example_session import example_session
from multiplayer.protocol.inner_commands import TurnCommand
from multiplayer.protocol.requests import SessionRequest
from multiplayer.protocol.schema import field_docs, json_schema, main, markdown
from multiplayer.protocol.signals import Answer, Signal, server_line_adapter

DOCS = Path(__file__).parents[2] / "docs"
WORDS = [*get_args(Command), *get_args(SessionRequest), *get_args(Event), *get_args(Signal), *get_args(Answer)]


def test_the_reference_is_fresh() -> None:
    written = (DOCS / "protocol.md").read_text(encoding="utf-8")
    assert written == markdown(), "run: python -m multiplayer.protocol.schema --markdown > docs/protocol.md"


def test_the_schema_is_fresh() -> None:
    written = json.loads((DOCS / "protocol.schema.json").read_text(encoding="utf-8"))
    assert written == json_schema(), "run: python -m multiplayer.protocol.schema --json > docs/protocol.schema.json"


def test_the_schema_is_one_and_every_reference_leads_somewhere() -> None:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    defs = schema["$defs"]
    assert isinstance(defs, dict)
    referred = set(re.findall(r'"#/\$defs/(\w+)"', json.dumps(schema)))
    assert referred <= set(defs)
    assert {model.__name__ for model in WORDS} <= set(defs)
    assert not {model.__name__ for model in get_args(TurnCommand)} & set(defs)


def test_the_reference_describes_every_word_and_code_and_every_link_leads_somewhere() -> None:
    page = markdown()
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    for model in WORDS:
        assert f"`{model.model_fields['type'].default}`" in headings
    for code in (*RefusalCode, *CloseCode):
        assert f"| `{code.value}` |" in page
    anchors = {heading.lower().replace(" ", "-").replace("`", "") for heading in headings}
    assert set(re.findall(r"\(#([\w-]+)\)", page)) <= anchors


def test_every_code_says_what_it_means() -> None:
    assert set(field_docs(RefusalCode)) == {code.name for code in RefusalCode}
    assert set(field_docs(CloseCode)) == {code.name for code in CloseCode}


def test_every_line_of_the_example_is_one_that_is_understood() -> None:
    sent = 0
    for line in example_session().splitlines():
        if line.startswith("→ "):
            decode_line(line[2:])
            sent += 1
        elif line.startswith("← "):
            server_line_adapter.validate_json(line[2:])
        else:
            assert line == "" or line.startswith("// ")
    assert sent == 5


def test_it_is_printed_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--markdown"]) == 0
    assert capsys.readouterr().out == markdown()
    assert main(["--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
