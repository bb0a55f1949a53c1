"""Trigger rules as people write them, and what they are told of a mistake."""

import json

import pytest

from multiplayer.cli.failures import Failure
from multiplayer.cli.output import Json
from multiplayer.cli.rule_file import EXAMPLES, example_lines, parse_rules
from multiplayer.cli.rules import rules_json
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.trigger_rules import KeywordRule

AI = AccountId("01ARZ3NDEKTSV4RRFFQ69G5FAV")
AIS = {"scout": AI}
KEYWORD: dict[str, Json] = {"type": "keyword", "id": "k", "words": ["deploy"]}


def mistake(*rules: Json) -> str:
    with pytest.raises(Failure) as raised:
        parse_rules(json.dumps(rules), AIS)
    return raised.value.said.message


def test_the_examples_are_a_file_with_one_line_for_each_kind_of_rule() -> None:
    rules = parse_rules(example_lines(), {})
    assert [rule.type for rule in rules] == ["mention", "reply", "thread", "keyword", "every", "schedule", "webhook"]
    assert len(example_lines().splitlines()) == len(rules) + 2
    # And so is what is shown of rules that are there.
    assert parse_rules(json.dumps(rules_json(rules)), {}) == rules


@pytest.mark.parametrize("called", ["scout", "@scout", "@Scout", AI])
def test_an_ai_may_be_given_by_handle_or_by_id(called: str) -> None:
    (rule,) = parse_rules(json.dumps([{**KEYWORD, "ai_id": called}]), AIS)
    assert rule == KeywordRule(id="k", words=("deploy",), ai_id=AI)


def test_a_mistake_names_rule_and_field() -> None:
    daily: dict[str, Json] = {**EXAMPLES[5], "id": "daily"}
    assert mistake(KEYWORD, {**daily, "days": [8]}) == "rule 2 (daily): days: a number from 1 (Monday) to 7"
    assert mistake({**daily, "at": "nine"}) == "rule 1 (daily): at: a time of day, like 09:00"
    assert mistake({"type": "keyword", "id": "k"}) == "rule 1 (k): words: is missing"
    assert mistake({**KEYWORD, "wrods": 1}) == "rule 1 (k): wrods: there is no such field in a rule of this kind"
    assert mistake({"type": "reply"}) == "rule 1: id: is missing"
    assert mistake({"type": "no", "id": "x\x1b"}).startswith("rule 1 (x\\x1b): type: one of mention, ")
    assert mistake({"id": 7}).startswith("rule 1: type: one of ")
    assert mistake({**KEYWORD, "ai_id": "@bob"}) == "rule 1 (k): ai_id: no AI of this room is called @bob"
    assert mistake({**KEYWORD, "cooldown_s": -1}).startswith("rule 1 (k): cooldown_s: ")


@pytest.mark.parametrize("text", ["", "{}", "[{]", "[1]", "null", "[" * 100_000])
def test_what_is_no_list_of_objects_holds_no_rules(text: str) -> None:
    with pytest.raises(Failure, match="these are no rules"):
        parse_rules(text, AIS)
