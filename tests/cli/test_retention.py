"""`multiplayer retention` at a real server, and what a chat says when the server itself removes things."""

import asyncio
import os
import pty
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from multiplayer.cli.failures import FAILURE, USAGE
from multiplayer.cli.retention_words import preview_lines, rule_words
from multiplayer.live.pod import PodLimits
from multiplayer.protocol.attachments import Attachment, AttachmentState, BeginUpload
from multiplayer.protocol.commands import PinMessage, PostMessage
from multiplayer.protocol.events import AttachmentChanged, MessageDeleted
from multiplayer.protocol.ids import AccountId, AttachmentId, MessageId, RoomId
from multiplayer.protocol.messages import Message
from multiplayer.protocol.retention import Glimpse, Retention, RetentionPreview
from multiplayer.rooms.limits import RoomLimits
from tests.cli.shell import Object, Shell
from tests.cli.shown import ALICE, AT, ROOM, Shown
from tests.cli.test_commands import CommandLine
from tests.cli.typist import typing
from tests.live.test_approvals import Time
from tests.support.server import Known, RunningServer, running_server

DAY_S = 24 * 3600.0
HOST = AccountId("H0ST")


async def once(data: bytes) -> AsyncIterator[bytes]:
    yield data


@dataclass
class Stage:
    """A real server with a room of alice's, in which adam is an admin."""

    server: RunningServer
    time: Time
    room_id: RoomId
    known: Known
    alice: Shell
    adam: Shell

    async def says(self, text: str, *files: bytes) -> MessageId:
        attached = []
        for data in files:
            asked = BeginUpload(name="plan.txt", size=len(data))
            taken = await self.server.pod.files.uploads.take(self.room_id, self.known.id, asked, once(data))
            attached.append(taken.attachment.id)
        host = await self.server.pod.directory.host(self.room_id)
        command = PostMessage(text=text, attachments=tuple(attached))
        return MessageId(str((await host.ask(self.known.id, command, origin="http")).event_id))

    async def rule(self) -> Retention:
        return (await self.server.pod.directory.host(self.room_id)).room.state.room.settings.retention


@asynccontextmanager
async def stage(folder: Path, *, server_days: int | None = None) -> AsyncIterator[Stage]:
    time = Time()
    limits = PodLimits(room=RoomLimits(retention_days=server_days))
    async with running_server(folder / "w", clock=time.clock(), limits=limits) as server:
        await server.pod.lobby.ensure_built_ins()
        alice, adam = await server.know("alice"), await server.know("adam")
        room_id = await server.room(alice)
        answer = await server.http.post(
            f"/api/v1/rooms/{room_id}/members", json={"handle": "adam", "role": "admin"}, headers=alice.bearer
        )
        assert answer.status_code == 201, answer.text
        shells = []
        for known in (alice, adam):
            here = folder / known.account.handle
            here.mkdir()
            shells.append(Shell(known, server.url, here))
        yield Stage(server, time, room_id, alice, shells[0], shells[1])


@pytest.mark.slow
async def test_a_rule_is_tried_out_set_carried_out_shown_and_ended(tmp_path: Path) -> None:
    async with stage(tmp_path) as at:
        await at.says("the first words", b"12345")
        pinned = await at.says("pinned words")
        host = await at.server.pod.directory.host(at.room_id)
        await host.ask(at.known.id, PinMessage(message_id=pinned), origin="http")
        at.time.ahead_s += 10 * DAY_S
        await at.says("young words")

        bare = await at.alice.run("retention", "demo")
        assert (bare.code, bare.err) == (0, "")
        assert bare.out.splitlines()[0] == "rule: what is said is kept as long as this server keeps anything"
        assert "nothing would go now" in bare.out

        tried = await at.alice.run("retention", "demo", "--messages", "7", "--files", "3", "--preview")
        assert tried.code == 0
        assert tried.out.startswith("new rule: messages for 7 days, files for 3 days; pinned messages stay\n")
        assert "would go now: 1 message and 1 file (5 bytes), from " in tried.out
        assert "stay because they are pinned: 1 message\n" in tried.out
        assert "@alice: the first words [plan.txt]" in tried.out
        assert await at.rule() == Retention()
        as_json = await at.alice.read("retention", "demo", "--messages", "7", "--drop-pinned", "--preview")
        shown = cast("Object", as_json["preview"])
        assert (shown["messages"], shown["files"], shown["pinned_kept"]) == (2, 1, 0)

        unasked = await at.alice.run("retention", "demo", "--messages", "7")
        assert (unasked.code, unasked.err.splitlines()[0]) == (
            USAGE,
            "multiplayer: nothing is set: there is nobody here to ask",
        )
        assert await at.rule() == Retention()
        done = await at.alice.run("retention", "demo", "--messages", "7", "--yes")
        assert (done.code, done.err) == (0, "")
        assert done.out.endswith("demo: messages for 7 days; pinned messages stay\n")
        assert await at.rule() == Retention(messages_days=7)

        await at.server.pod.retention.look()
        after = await at.alice.run("retention", "demo")
        assert "rule: messages for 7 days; pinned messages stay\n" in after.out
        assert "removed last: 1 message and 1 file (5 bytes), " in after.out
        assert "looks next: " in after.out
        assert "nothing would go now\nstay because they are pinned: 1 message\n" in after.out

        for _ in range(2):
            ended = await at.alice.read("retention", "demo", "--off", "--yes")
            assert cast("Object", ended["rule"])["messages_days"] is None
        assert await at.rule() == Retention()


@pytest.mark.slow
async def test_who_may_not_set_it_is_told_and_a_longer_rule_than_the_server_s_is_refused(tmp_path: Path) -> None:
    async with stage(tmp_path, server_days=30) as at:
        seen = await at.adam.run("retention", "demo")
        assert (seen.code, seen.err) == (0, "")
        assert "what it would remove, owners see" in seen.out
        for options in (("--messages", "5", "--yes"), ("--messages", "5", "--preview")):
            refused = await at.adam.run("retention", "demo", *options)
            assert refused.code == FAILURE
            assert "refused: forbidden" in refused.err
        longer = await at.alice.run("retention", "demo", "--messages", "31", "--yes")
        assert longer.code == FAILURE
        assert "no room of this server keeps anything longer than 30 days" in longer.err.lower()
        shown = await at.alice.run("retention", "demo")
        assert "this server keeps nothing longer than 30 days\n" in shown.out


@pytest.mark.parametrize(
    "options",
    [
        ("--off", "--messages", "5"),
        ("--off", "--drop-pinned"),
        ("--drop-pinned",),
        ("--messages", "0"),
        ("--files", "x"),
    ],
    ids=" ".join,
)
@pytest.mark.slow
async def test_what_is_no_rule_is_a_wrong_use(tmp_path: Path, options: tuple[str, ...]) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "multiplayer", "retention", "demo", "--token", "t", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
    )
    _, err = await process.communicate()
    assert process.returncode == USAGE, err


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "is_set"), [(b"y\n", True), (b"\n", False), (b"n\n", False)])
async def test_whoever_sits_at_the_terminal_is_asked_and_no_is_the_default(
    tmp_path: Path, answer: bytes, is_set: bool
) -> None:
    async with stage(tmp_path) as at:
        ours, theirs = pty.openpty()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "multiplayer", "retention", "demo", "--messages", "7"),
                env=dict(at.alice.environment),
                stdin=theirs,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            os.write(ours, answer)
            out, err = await process.communicate()
        finally:
            os.close(ours)
            os.close(theirs)
        assert b"Set this rule? [y/N]" in out, err
        assert (await at.rule() == Retention(messages_days=7)) is is_set
        assert process.returncode == (0 if is_set else FAILURE)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_server_looks_by_its_own_rule_and_says_when(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    line.environment["MULTIPLAYER_RETENTION_DAYS"] = "30"
    line.answer("user", "create", "alice")
    line.answer("room", "create", "demo", "--owner", "alice")
    token = str(line.answer("token", "create", "--account", "alice")["token"])
    with line.serving() as url:
        mine = ("--url", url, "--token", token)
        shown = line.raw("retention", "demo", *mine)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert shown.stdout.splitlines()[1] == "this server keeps nothing longer than 30 days"
        assert "looks next: " in shown.stdout
        assert line.raw("retention", "demo", *mine, "--messages", "20", "--yes").returncode == 0
    assert "messages for 20 days; pinned messages stay" in line.on_data("room", "settings", "demo").stdout


async def test_a_chat_tells_the_room_s_rule(tmp_path: Path) -> None:
    async with typing(tmp_path) as (alice, bob, _):
        assert await bob.type("/retention") == ["what is said is kept as long as this server keeps anything"]
        accepted = await alice.room.set_retention(Retention(files_days=9))
        assert accepted.seq is not None
        report = await alice.room.retention()
        assert report.rule == report.preview.rule == Retention(files_days=9)
        await bob.until_shown(accepted.seq)
        assert await bob.type("/retention") == ["files for 9 days; pinned messages stay"]


def test_a_rule_in_words() -> None:
    assert rule_words(Retention(files_days=1)) == "files for 1 day; pinned messages stay"
    words = rule_words(Retention(messages_days=1000, files_days=30, keeps_pinned=False))
    assert words == "messages for 1,000 days, files for 30 days; pinned messages go, too"


def test_a_preview_in_words_names_some_files_and_says_when_only_they_go() -> None:
    glimpse = Glimpse(
        message_id=MessageId("M"), seq=2, author_id=ALICE, at=AT, text="see", files=tuple("abcde"), keeps_words=True
    )
    preview = RetentionPreview(
        rule=Retention(files_days=1),
        holds=Retention(files_days=1),
        messages=0,
        files=5,
        size=2_500_000,
        oldest=AT,
        newest=AT,
        waiting=2,
        first=(glimpse,),
    )
    assert list(preview_lines(preview, {ALICE: "@alice"})) == [
        "would go now: 0 messages and 5 files (2.5 MB), from 2026-01-02 03:04 UTC to 2026-01-02 03:04 UTC",
        "go later, a turn is about them: 2 messages",
        "the oldest:",
        "  2026-01-02 03:04 UTC  @alice: (only files) see [a, b, c and 2 more]",
    ]


def test_a_chat_says_once_a_batch_what_the_rule_removed() -> None:
    shown = Shown("Alice")
    ids = [MessageId(f"M{number}") for number in range(3)]
    before = len(shown.lines)
    head = {"room_id": ROOM, "id": "E", "at": AT, "actor_id": HOST}
    seq = 100
    for because in ("retention", "erasure"):
        for message_id in ids:
            seq += 1
            shown.screen.show(
                MessageDeleted.model_validate({**head, "seq": seq, "message_id": message_id, "because": because})
            )
    removed = Attachment(
        id=AttachmentId("F"),
        name="",
        size=0,
        state=AttachmentState.REMOVED,
        reason="the room keeps files for a time only",
    )
    for _ in range(2):
        seq += 1
        shown.screen.show(
            AttachmentChanged.model_validate({**head, "seq": seq, "message_id": ids[0], "attachment": removed})
        )
    assert shown.lines[before - 1 :] == [
        "  · old messages were removed by the room's rule",
        "  · messages were erased",
        "  · old files were removed: the room keeps files for a time only",
        "",
    ]


def test_a_chat_shows_why_a_message_is_not_there() -> None:
    gone = [
        Message.model_validate(
            {"id": str(seq), "seq": seq, "author_id": ALICE, "at": AT, "text": "", "deleted_at": AT, **why}
        )
        for seq, why in enumerate(({}, {"deleted_because": "retention"}, {"deleted_because": "erasure"}), 2)
    ]
    shown = Shown("Alice", messages=tuple(gone))
    shown.screen.open()
    said = [line.rpartition(": ")[2] for line in shown.lines if "(" in line]
    assert said == ["(deleted)", "(removed by the room's rule)", "(erased)"]
