"""How the options of a room's approval policy are read and shown."""

from datetime import UTC, datetime, timedelta

import pytest

from multiplayer.cli.approval_options import (
    StandingClass,
    approval_rows,
    changed_approvals,
    read_expires,
    read_standing,
)
from multiplayer.cli.failures import USAGE, Failure
from multiplayer.protocol.tools import ApprovalPolicy, StandingRule, ToolClass
from multiplayer.rooms.tool_policy import STANDING_FOR

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BEFORE = ApprovalPolicy(
    approvers=2,
    standing=(
        StandingRule(tool_class=ToolClass.TERMINAL, until=NOW + timedelta(hours=1)),
        StandingRule(tool_class=ToolClass.NETWORK, until=NOW + timedelta(hours=2)),
    ),
)


def test_the_classes_are_those_that_a_room_can_let_run_unasked() -> None:
    assert {ToolClass(name.value) for name in StandingClass} == STANDING_FOR


def test_a_standing_rule_is_for_a_span_or_until_a_time() -> None:
    read = read_standing(["terminal=8h", "sensitive-write=2026-11-22T00:00:00+08:00", "network=none"], NOW)
    assert read == {
        StandingClass.TERMINAL: NOW + timedelta(hours=8),
        StandingClass.SENSITIVE_WRITE: datetime(2026, 11, 21, 16, tzinfo=UTC),
        StandingClass.NETWORK: None,
    }


@pytest.mark.parametrize(
    "word", ["terminal", "terminal=", "terminal=soon", "terminal=T", "read=8h", "=8h", "unsandboxed=1h"]
)
def test_what_is_no_standing_rule_is_a_mistake_of_usage(word: str) -> None:
    with pytest.raises(Failure) as raised:
        read_standing([word], NOW)
    assert raised.value.said.exit_code == USAGE


def test_an_approval_waits_from_half_a_minute_to_an_hour() -> None:
    assert (read_expires("30s"), read_expires("10m"), read_expires("1h")) == (30, 600, 3_600)
    for text in ("29s", "2h", "10", "never"):
        with pytest.raises(Failure):
            read_expires(text)


def test_what_is_not_named_stays() -> None:
    before = BEFORE.model_dump(mode="json")
    read = read_standing(["terminal=8h", "write=1h"], NOW)
    after = ApprovalPolicy.model_validate(changed_approvals(before, {"not_asker": True}, read, clears_standing=False))
    assert (after.approvers, after.not_asker) == (2, True)
    assert {rule.tool_class: rule.until - NOW for rule in after.standing} == {
        ToolClass.NETWORK: timedelta(hours=2),
        ToolClass.TERMINAL: timedelta(hours=8),
        ToolClass.WRITE: timedelta(hours=1),
    }
    gone = changed_approvals(before, {}, read_standing(["terminal=none"], NOW), clears_standing=False)
    assert [rule.tool_class for rule in ApprovalPolicy.model_validate(gone).standing] == [ToolClass.NETWORK]
    cleared = changed_approvals(before, {}, read_standing(["write=1h"], NOW), clears_standing=True)
    assert [rule.tool_class for rule in ApprovalPolicy.model_validate(cleared).standing] == [ToolClass.WRITE]


def test_a_policy_is_shown_by_the_names_of_its_options() -> None:
    rows = dict(approval_rows(BEFORE.model_dump(mode="json")))
    assert rows == {
        "approvers": "2",
        "not-asker": "no",
        "ask-before-writes": "no",
        "admins-confirm": "no",
        "members-confirm": "no",
        "expires": "600s",
        "standing": "terminal=2026-11-21T13:00:00.000Z,network=2026-11-21T14:00:00.000Z",
    }
    assert dict(approval_rows(ApprovalPolicy().model_dump(mode="json")))["standing"] == "none"
