"""What a room agrees to of outside servers, with one consent more or less."""

import pytest

from multiplayer.cli.consents import with_consents
from multiplayer.cli.failures import Failure
from multiplayer.protocol.reports_workspace import OutsideServer, OutsideTool
from multiplayer.protocol.tools import MAX_CONSENTS, Consent, ToolClass


def outside(server: str, *tools: str, sha: str = "b", is_reachable: bool = True) -> OutsideServer:
    offered = tuple(
        OutsideTool(tool=tool, sha256=sha * 64, tool_class=ToolClass.NETWORK, state="new") for tool in tools
    )
    return OutsideServer(server=server, is_reachable=is_reachable, trouble="it is gone", tools=offered)


def agreed(server: str, tool: str, sha: str = "a") -> Consent:
    return Consent(server=server, tool=tool, sha256=sha * 64)


SERVERS = (outside("time", "now", "zones"), outside("notes", "read"), outside("dead", is_reachable=False))


def test_one_tool_or_all_of_a_server_are_agreed_to_as_they_are_now() -> None:
    before = (agreed("time", "now"), agreed("notes", "read"))
    assert with_consents(before, SERVERS, "time", "now", is_revoked=False) == (
        agreed("notes", "read"),
        agreed("time", "now", "b"),
    )
    assert with_consents(before, SERVERS, "time", None, is_revoked=False) == (
        agreed("notes", "read"),
        agreed("time", "now", "b"),
        agreed("time", "zones", "b"),
    )


def test_consent_is_taken_back_also_when_the_server_is_gone() -> None:
    before = (agreed("time", "now"), agreed("time", "zones"), agreed("notes", "read"))
    assert with_consents(before, (), "time", "now", is_revoked=True) == before[1:]
    assert with_consents(before, (), "time", None, is_revoked=True) == before[2:]


@pytest.mark.parametrize(
    ("server", "tool", "is_revoked", "says"),
    [
        ("nobody", "now", False, "there is no outside server 'nobody'"),
        ("time", "tomorrow", False, "time offers no tool 'tomorrow'"),
        ("dead", None, False, "dead does not answer: it is gone"),
        ("time", "now", True, "the room has not agreed to now of time"),
    ],
)
def test_what_is_not_there_cannot_be_agreed_to(server: str, tool: str | None, says: str, *, is_revoked: bool) -> None:
    with pytest.raises(Failure) as raised:
        with_consents((), SERVERS, server, tool, is_revoked=is_revoked)
    assert raised.value.said.message == says


def test_a_room_agrees_to_so_many_and_no_more() -> None:
    before = tuple(agreed("big", f"t{number}") for number in range(MAX_CONSENTS))
    with pytest.raises(Failure):
        with_consents(before, SERVERS, "time", "now", is_revoked=False)
