"""How a workspace stands to its copy in the file store, said to people."""

from datetime import UTC, datetime

import pytest

from multiplayer.cli.work_words import listing_lines, mirror_lines
from multiplayer.protocol.reports_workspace import MirrorState, WorkspaceListing

AT = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("mirror", "said"),
    [
        (MirrorState(), []),
        (MirrorState(state="synced"), ["in the file store: nothing yet"]),
        (
            MirrorState(state="synced", version=3, at=AT, reason="not kept there: a"),
            [f"in the file store: all of it, as of {AT.astimezone():%Y-%m-%d %H:%M}: not kept there: a"],
        ),
        (MirrorState(state="waiting", waiting=1), ["in the file store: not yet 1 changed path, soon to come"]),
        (MirrorState(state="pushing", waiting=1_200), ["in the file store: not yet 1,200 changed paths, on its way"]),
        (
            MirrorState(state="failing", waiting=2, reason="it is away"),
            ["in the file store: not 2 changed paths: it is away"],
        ),
        (
            MirrorState(state="behind", reason="it is away", conflicts=("a (from pod-1, 2026-11-22 010203)",)),
            [
                "the file store has something newer that is not here yet: it is away",
                "changed in two places, so there are two of it:",
                "  a (from pod-1, 2026-11-22 010203)",
            ],
        ),
    ],
)
def test_each_state_is_a_sentence(mirror: MirrorState, said: list[str]) -> None:
    assert list(mirror_lines(mirror)) == said
    listing = WorkspaceListing(path="", entries=(), used_bytes=0, files=0, quota_bytes=1, quota_files=1, mirror=mirror)
    assert list(listing_lines(listing))[2:] == said
