"""What the SDK reads is what the server writes: the same fields, under the same names."""

import pytest
from pydantic import BaseModel

from multiplayer.ai import manifest as ai_manifest
from multiplayer.client import reports
from multiplayer.live import catching_up, memory_reports, previews, replays, rule_reports, turn_reports

PAIRS: list[tuple[type[BaseModel], type[BaseModel]]] = [
    (reports.TurnReport, turn_reports.TurnReport),
    (reports.TurnDetail, turn_reports.TurnDetail),
    (reports.ToolCallReport, turn_reports.ToolCallReport),
    (reports.ModelSwitch, turn_reports.ModelSwitch),
    (reports.TurnPage, turn_reports.TurnPage),
    (reports.Share, ai_manifest.Share),
    (reports.UsedMessage, ai_manifest.UsedMessage),
    (reports.UsedResult, ai_manifest.UsedResult),
    (reports.UsedConversation, ai_manifest.UsedConversation),
    (reports.ContextPreview, previews.ContextPreview),
    (reports.Replay, replays.Replay),
    (reports.ReplayedMessage, replays.ReplayedMessage),
    (reports.ReplayedCall, replays.ReplayedCall),
    (reports.ReplayedTool, replays.ReplayedTool),
    (reports.Explanation, rule_reports.Explanation),
    (reports.RuleVerdict, rule_reports.RuleVerdict),
    (reports.CausedTurn, rule_reports.CausedTurn),
    (reports.DryRun, rule_reports.DryRun),
    (reports.RuleCount, rule_reports.RuleCount),
    (reports.Firing, rule_reports.Firing),
    (reports.SummaryHistory, memory_reports.SummaryHistory),
    (reports.FactList, memory_reports.FactList),
    (reports.CatchUp, catching_up.CatchUp),
    (reports.Mention, catching_up.Mention),
]


@pytest.mark.parametrize(("read", "written"), PAIRS, ids=[read.__name__ for read, _ in PAIRS])
def test_every_field_that_the_server_writes_is_read(read: type[BaseModel], written: type[BaseModel]) -> None:
    assert set(read.model_fields) == set(written.model_fields)


def test_the_parts_of_a_manifest_that_are_read_are_there() -> None:
    # Some of what it holds is for rebuilding the prompt only.
    assert set(reports.Manifest.model_fields) <= set(ai_manifest.Manifest.model_fields)


def test_every_report_has_its_counterpart() -> None:
    ours = {one for one in vars(reports).values() if isinstance(one, type) and issubclass(one, reports.Report)}
    assert ours - {reports.Report, reports.Manifest} == {read for read, _ in PAIRS}
