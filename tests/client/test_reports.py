"""The SDK reads reports with the very types that the server writes; a newer server may tell more in each of them."""

from types import ModuleType, NoneType
from typing import cast, get_args

import httpx
import pytest
from pydantic import BaseModel, JsonValue

from multiplayer.client.errors import ConnectionLost
from multiplayer.client.rest import Rest
from multiplayer.protocol import reports_memory, reports_prompts, reports_rules, reports_turns
from multiplayer.protocol.ids import AccountId, MessageId, TurnId
from multiplayer.protocol.memory import Section, SummaryPoint
from multiplayer.protocol.reports_memory import CatchUp
from multiplayer.protocol.reports_prompts import Manifest, Share, UsedMessage
from multiplayer.protocol.reports_rules import DryRun, RuleCount
from multiplayer.protocol.reports_turns import TurnDetail
from multiplayer.protocol.trigger_rules import Why
from multiplayer.protocol.turns import TurnReason

AI, TURN, MESSAGE = AccountId("I"), TurnId("T"), MessageId("M")
REPORTS: list[BaseModel] = [
    TurnDetail.model_validate(
        {
            "turn_id": TURN,
            "ai_id": AI,
            "state": "done",
            "reason": TurnReason.MENTION,
            "requested_at": "2026-11-21T10:00:00.000Z",
            "requested_seq": 3,
            "manifest": Manifest(
                model="m",
                turn_id=TURN,
                ai_id=AI,
                from_seq=1,
                up_to_seq=3,
                summary_version=None,
                messages=(UsedMessage(id=MESSAGE, revision=1),),
                tool_results=(),
                tools=("run",),
                budget_tokens=100,
                tokens=10,
                share=Share(rules=7),
                left_out=0,
                prompt_sha256="a" * 64,
            ),
        }
    ),
    DryRun(from_seq=1, up_to_seq=9, messages=2, rules=(RuleCount(rule_id="k", fired=1, held_back={Why.NO_WORD: 1}),)),
    CatchUp(
        after_seq=1,
        from_seq=2,
        up_to_seq=9,
        points=(SummaryPoint(id="p", section=Section.DECISIONS, text="Deploy.", sources=(MESSAGE,)),),
        method="extractive",
    ),
]


def with_more(value: JsonValue) -> JsonValue:
    """Return a report of a newer server: every object in it has one field more, but for maps from words to numbers."""
    if isinstance(value, list):
        return [with_more(one) for one in value]
    if isinstance(value, dict) and value.keys() - {word.value for word in Why}:
        return {name: with_more(one) for name, one in value.items()} | {"of_a_newer_server": [1]}
    return value


async def read(answer: JsonValue, shape: type[BaseModel]) -> BaseModel:
    async def token() -> str:
        return "a-token"

    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=answer))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        return await Rest(http, token).read("/it", shape)


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: type(report).__name__)
async def test_what_a_newer_server_adds_at_any_depth_is_passed_over(report: BaseModel) -> None:
    written = cast("JsonValue", report.model_dump(mode="json"))
    more = with_more(written)
    assert more != written
    assert await read(more, type(report)) == report


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: type(report).__name__)
async def test_what_a_server_leaves_out_because_it_is_null_is_null_again(report: BaseModel) -> None:
    assert await read(report.model_dump(mode="json", exclude_none=True), type(report)) == report


@pytest.mark.parametrize("module", [reports_memory, reports_prompts, reports_rules, reports_turns])
def test_no_report_needs_a_field_that_may_be_null(module: ModuleType) -> None:
    models = [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, BaseModel)]
    assert len(models) > 2
    for model in models:
        needed = {name: field for name, field in model.model_fields.items() if field.is_required()}
        assert not [name for name, field in needed.items() if NoneType in get_args(field.annotation)], model


async def test_an_answer_that_lacks_what_a_report_needs_is_no_report() -> None:
    with pytest.raises(ConnectionLost, match="cannot be understood"):
        await read({"turn_id": "T"}, TurnDetail)
