"""Golden transcripts: whole scripts as commands, the event lines they cause, and the snapshot at the end.

They stand in tests/vectors/ for other implementations (a web client's fold, another server's rules) and to show every
change of the wire in review. Write them anew with `python -m tests.rooms.transcripts`.
"""

import json
from datetime import time, timedelta
from pathlib import Path

from multiplayer.protocol.attachments import AttachmentState, FileFamily, TranscriptState
from multiplayer.protocol.attachments import Transcript as Spoken
from multiplayer.protocol.budgets import Budget, Caps
from multiplayer.protocol.cards import Card, Form, FormAnswer, Question, QuestionKind, Taint
from multiplayer.protocol.codec import JsonObject, encode
from multiplayer.protocol.commands import (
    AddReaction,
    AnswerForm,
    AnyCommand,
    ArchiveRoom,
    AskTranscript,
    ChooseAnswer,
    DecideApproval,
    DecideProposal,
    DeleteMessage,
    EditMessage,
    EditSummary,
    EditTranscript,
    ForgetFact,
    InviteMember,
    LeaveRoom,
    LiftBan,
    MarkRead,
    PinFact,
    PinMessage,
    PostMessage,
    RegenerateAnswer,
    RemoveAttachment,
    RemoveMember,
    RemoveReaction,
    RenameRoom,
    SetBudget,
    SetRole,
    SetRoomSettings,
    SetTopic,
    SteerTurn,
    StopTranscript,
    StopTurn,
    UndoTurn,
)
from multiplayer.protocol.errors import Refused
from multiplayer.protocol.ids import AccountId, AttachmentId, CallId, MessageId, TurnId
from multiplayer.protocol.inner_commands import (
    CallTool,
    ChangeModel,
    EndTurn,
    ExpireApproval,
    FinishTool,
    FinishUndo,
    FireRule,
    NoteChanges,
    NoteJobChanges,
    Propose,
    RecordChanges,
    RequestApproval,
    SettleAttachment,
    SetTranscript,
    StartTool,
    StartTurn,
    TakeSteering,
    UpdateSummary,
)
from multiplayer.protocol.members import AccountKind, Role
from multiplayer.protocol.memory import PointEdit, Section
from multiplayer.protocol.rooms import ReadMark, RoomSettings, Snapshot
from multiplayer.protocol.tools import CallLimits, ChangeKind, FileChange, ToolClass
from multiplayer.protocol.trigger_rules import DEFAULT_TRIGGERS, KeywordRule, ScheduleRule
from multiplayer.protocol.turns import TokenUsage, TurnOutcome, WhileBusy
from multiplayer.protocol.values import Frozen, rfc3339
from multiplayer.rooms.snapshot import RunningText, snapshot_of
from tests.support.playbook import START, Playbook, account, counted_ids, points, room_of

VECTORS = Path(__file__).parents[1] / "vectors"
ROOM = "01KDV2GM000000000000000R00"
IDS = "01KDV2GM0000000000{:08d}"


class Transcript:
    """Writes down what is asked of a room and what comes of it."""

    def __init__(self, about: str, book: Playbook) -> None:
        self.about = about
        self.book = book
        self.steps: list[JsonObject] = []

    def ask(self, actor: str, command: AnyCommand) -> str:
        """Carry it out, and return the id of the first event; empty if there is none."""
        self.book.later(1)
        step: JsonObject = {"actor_id": actor, "at": rfc3339(self.book.at), "command": plain(command)}
        self.steps.append(step)
        try:
            events = self.book.decide(actor, command)
        except Refused as refused:
            step["refused"] = refused.code.value
            return ""
        for event in events:
            self.book.take(event)
        step["events"] = [plain(event) for event in events]
        return events[0].id if events else ""

    def written(self, reader: str) -> JsonObject:
        return {
            "about": self.about,
            "first": plain(self.book.log[0]),
            "steps": list(self.steps),
            "reader": reader,
            "snapshot": plain(self.snapshot(reader)),
        }

    def snapshot(self, reader: str) -> Snapshot:
        state = self.book.room.state
        return snapshot_of(
            state,
            reader=state.members[AccountId(reader)],
            messages=tuple(self.book.messages.values()),
            online=(),
            read=ReadMark(),
            texts={turn_id: RunningText("Let me se", 2) for turn_id, turn in state.turns.items() if turn.is_running},
        )


def plain(word: Frozen) -> JsonObject:
    body = json.loads(encode(word))
    assert isinstance(body, dict)
    return body


def conversation() -> JsonObject:
    """What people say to each other."""
    book = Playbook(room_of(room_id=ROOM, alice="owner", bob="member"), new_id=counted_ids(IDS))
    told = Transcript("Two people talk: thread, edit, reactions, pin, tombstone; and what is refused.", book)
    hello = MessageId(told.ask("alice", PostMessage(text="Hello @bob, 你好 👋")))
    reply = MessageId(told.ask("bob", PostMessage(text="Hi!", reply_to=hello)))
    told.ask("alice", PostMessage(text="In the thread", reply_to=reply))
    told.ask("bob", EditMessage(message_id=reply, text="Hi @alice!"))
    told.ask("alice", EditMessage(message_id=reply, text="Not mine"))
    for actor in ("alice", "bob"):
        told.ask(actor, AddReaction(message_id=hello, emoji="🎉"))
    told.ask("alice", AddReaction(message_id=hello, emoji="👍"))
    told.ask("alice", RemoveReaction(message_id=hello, emoji="🎉"))
    told.ask("bob", PinMessage(message_id=hello))
    told.ask("bob", PinMessage(message_id=reply))
    told.ask("bob", PostMessage(text="  "))
    told.ask("bob", MarkRead(seq=4))
    told.ask("alice", DeleteMessage(message_id=reply))
    told.ask("bob", EditMessage(message_id=reply, text="too late"))
    told.ask("mallory", PostMessage(text="hello?"))
    return told.written("bob")


def ai_turn() -> JsonObject:
    """What an AI does for people."""
    book = Playbook(room_of(room_id=ROOM, alice="owner", bob="member", bot="ai"), new_id=counted_ids(IDS))
    told = Transcript("An AI is asked, calls a tool, is taken over by another pod, answers, and is stopped.", book)
    told.ask("alice", PostMessage(text="@ai list the files"))
    told.ask("bob", PostMessage(text="@bot and count them"))
    turn_id = next(iter(book.room.state.turns))
    call_id = CallId("01KDV2GM000000000000000C01")
    told.ask("bot", StartTurn(turn_id=turn_id, fence=1, pod="pod-1"))
    told.ask("bot", StartTurn(turn_id=turn_id, fence=1, pod="pod-2"))
    told.ask("bot", CallTool(turn_id=turn_id, fence=1, call_id=call_id, name="list_files", arguments='{"path":"."}'))
    told.ask("bot", StartTool(turn_id=turn_id, fence=1, call_id=call_id, tool_class=ToolClass.READ, sha256="a" * 64))
    told.ask("bot", FinishTool(turn_id=turn_id, fence=1, call_id=call_id, is_ok=True, text="a.txt\nb.txt"))
    told.ask("bot", StartTurn(turn_id=turn_id, fence=2, pod="pod-2"))
    told.ask(
        "bot",
        UpdateSummary(turn_id=turn_id, fence=2, version=1, points=points("Files."), up_to_seq=4, method="extractive"),
    )
    told.ask("bot", end(turn_id, 1, "late"))
    told.ask("bot", end(turn_id, 2, "Two files: a.txt and b.txt, @alice."))
    told.ask("bot", end(turn_id, 2, "again"))
    told.ask("bob", PostMessage(text="@bot wait"))
    waiting = next(iter(book.room.state.turns))
    told.ask("bob", StopTurn(turn_id=waiting))
    told.ask("alice", PostMessage(text="@bot go on"))
    told.ask("bot", StartTurn(turn_id=next(iter(book.room.state.turns)), fence=1, pod="pod-1"))
    return told.written("alice")


def end(
    turn_id: TurnId,
    fence: int,
    text: str,
    *,
    form: Form | None = None,
    cards: tuple[Card, ...] = (),
    taint: tuple[Taint, ...] = (),
) -> EndTurn:
    usage = TokenUsage(model="demo", tokens_in=120, tokens_cached=100, tokens_out=12, cost_micros=34)
    return EndTurn(
        turn_id=turn_id,
        fence=fence,
        outcome=TurnOutcome.DONE,
        text=text,
        usage=usage,
        cards=cards,
        form=form,
        taint=taint,
    )


def membership() -> JsonObject:
    """Who comes and goes."""
    accounts = [account("carol"), account("dave"), account("robot", AccountKind.AI)]
    first = room_of(room_id=ROOM, alice="owner", bob="admin")
    book = Playbook(first, accounts=accounts, new_id=counted_ids(IDS))
    told = Transcript("People come, rise, leave, are banned; the room is renamed and archived.", book)
    told.ask("alice", PostMessage(text="Before anyone came"))
    told.ask("bob", InviteMember(handle="carol", role=Role.ADMIN))
    until = START + timedelta(days=7)
    told.ask("bob", InviteMember(handle="carol", role=Role.GUEST, until=until))
    told.ask("carol", PostMessage(text="May I?"))
    settings = RoomSettings(guests_see_history=False, guests_post=True, persona="Be brief.")
    told.ask("alice", SetRoomSettings(settings=settings))
    told.ask("carol", PostMessage(text="Thank you"))
    told.ask("alice", InviteMember(handle="dave"))
    told.ask("alice", InviteMember(handle="robot"))
    told.ask("bob", SetRole(account_id=AccountId("dave"), role=Role.ADMIN))
    told.ask("alice", SetRole(account_id=AccountId("dave"), role=Role.OWNER))
    told.ask("bob", RemoveMember(account_id=AccountId("alice")))
    told.ask("alice", LeaveRoom())
    told.ask("dave", LeaveRoom())
    told.ask("dave", RemoveMember(account_id=AccountId("bob"), ban=True))
    told.ask("dave", InviteMember(handle="bob"))
    told.ask("dave", RemoveMember(account_id=AccountId("alice"), ban=True))
    told.ask("dave", LiftBan(account_id=AccountId("bob")))
    told.ask("dave", RenameRoom(name="  quiet  "))
    told.ask("dave", SetTopic(topic="the end"))
    told.ask("dave", ArchiveRoom())
    told.ask("dave", PostMessage(text="closed"))
    return told.written("carol")


def with_tools() -> JsonObject:
    """What people and an AI do with the workspace."""
    first = room_of(room_id=ROOM, alice="owner", bob="member", carol="admin", bot="ai")
    book = Playbook(first, new_id=counted_ids(IDS))
    told = Transcript(
        "Calls are approved, rejected and expire; files change and are put back; facts are proposed.", book
    )
    told.ask("bob", PostMessage(text="@ai run the tests"))
    turn_id = next(iter(book.room.state.turns))
    told.ask("bot", StartTurn(turn_id=turn_id, fence=1, pod="pod-1"))
    for number, (decider, is_approved) in enumerate((("bob", True), ("alice", True), ("carol", False)), 1):
        call_id = CallId(f"01KDV2GM000000000000000C0{number}")
        arguments = '{"command":"python3 -m unittest"}'
        call = CallTool(turn_id=turn_id, fence=1, call_id=call_id, name="execute_command", arguments=arguments)
        told.ask("bot", call)
        tool_class, sha256 = ToolClass.TERMINAL, str(number) * 64
        request = RequestApproval(
            turn_id=turn_id,
            fence=1,
            call_id=call_id,
            tool_class=tool_class,
            sha256=sha256,
            limits=CallLimits(wall_s=120.0, memory_bytes=1_610_612_736, output_bytes=10_485_760),
        )
        told.ask("bot", request)
        start = StartTool(turn_id=turn_id, fence=1, call_id=call_id, tool_class=tool_class, sha256=sha256)
        told.ask("bot", start)
        told.ask("alice", DecideApproval(turn_id=turn_id, call_id=call_id, sha256="f" * 64, is_approved=True))
        told.ask(decider, DecideApproval(turn_id=turn_id, call_id=call_id, sha256=sha256, is_approved=is_approved))
        if number == 1:
            book.later(601)
            told.ask("carol", DecideApproval(turn_id=turn_id, call_id=call_id, sha256=sha256, is_approved=True))
            told.ask("bot", ExpireApproval(turn_id=turn_id, fence=1, call_id=call_id))
        told.ask("bot", start)
        if number == 2:
            change = FileChange(path="report.txt", kind=ChangeKind.ADDED, added_lines=3, is_text=True)
            changes = NoteChanges(
                turn_id=turn_id, fence=1, call_id=call_id, changes=(change,), before="b" * 64, after="c" * 64
            )
            told.ask("bot", changes)
        told.ask("bot", FinishTool(turn_id=turn_id, fence=1, call_id=call_id, is_ok=number == 2, text="…"))
    told.ask("bot", Propose(turn_id=turn_id, fence=1, text="The tests take a minute.", taint=(Taint.WEB,)))
    told.ask("bot", Propose(turn_id=turn_id, fence=1, text="The  tests take a minute."))
    told.ask("alice", UndoTurn(turn_id=turn_id))
    told.ask("bot", end(turn_id, 1, "One of three runs was approved."))
    told.ask("alice", UndoTurn(turn_id=turn_id))
    told.ask("bob", UndoTurn(turn_id=turn_id))
    removed = FileChange(path="report.txt", kind=ChangeKind.REMOVED)
    told.ask("alice", FinishUndo(turn_id=turn_id, is_ok=True, changes=(removed,)))
    told.ask("bob", RecordChanges(changes=(removed,), before="b" * 64, after="c" * 64))
    late = FileChange(path="late.txt", kind=ChangeKind.ADDED, added_lines=1, is_text=True)
    told.ask(
        "bot",
        NoteJobChanges(
            turn_id=turn_id,
            call_id=CallId("call-2"),
            asked_by=(AccountId("alice"),),
            changes=(late,),
            before="c" * 64,
            after="d" * 64,
            taint=(Taint.WEB,),
        ),
    )
    told.ask("bob", DecideProposal(proposal_id=book.room.state.notes.proposals[0].id, is_accepted=True))
    return told.written("bob")


def with_an_ai() -> JsonObject:
    """What people do with an AI's answers, and what the room remembers."""
    settings = RoomSettings(
        while_busy=WhileBusy.STEER,
        ai_to_ai=True,
        triggers=(
            *DEFAULT_TRIGGERS,
            KeywordRule(id="deploys", words=("deploy", "发布")),
            ScheduleRule(id="daily", at=time(9, 30), zone="Asia/Shanghai", days=(1, 5), prompt="What is open?"),
        ),
    )
    first = room_of(room_id=ROOM, alice="owner", bob="member", bot="ai", robot="ai")
    book = Playbook(first, new_id=counted_ids(IDS))
    told = Transcript("An AI is steered, asks back, answers again, calls another AI; the room remembers.", book)
    told.ask("alice", SetRoomSettings(settings=settings))
    told.ask("alice", SetRoomSettings(settings=settings))
    told.ask("bob", SetBudget(budget=Budget(total=Caps(tokens_per_day=1))))
    told.ask(
        "alice", SetBudget(budget=Budget(total=Caps(micros_per_month=5_000_000), per_asker=Caps(tokens_per_day=9)))
    )
    asked = MessageId(told.ask("bob", PostMessage(text="When do we deploy?")))
    told.ask("bob", PostMessage(text="deploy `deploy` @bot"))
    turn_id = next(iter(book.room.state.turns))
    told.ask("bot", StartTurn(turn_id=turn_id, fence=1, pod="pod-1"))
    steering = MessageId(told.ask("alice", PostMessage(text="@bot on a weekday")))
    told.ask("bob", SteerTurn(turn_id=turn_id, text="before noon"))
    told.ask("alice", SteerTurn(turn_id=turn_id, text="in the morning"))
    told.ask("bot", TakeSteering(turn_id=turn_id, fence=1, messages=(steering,)))
    told.ask("bot", ChangeModel(turn_id=turn_id, fence=1, model="small", previous="big", reason="it is overloaded"))
    form = Form(
        text="Please say",
        questions=(Question(id="day", text="Which day?", kind=QuestionKind.ONE_OF, choices=("Monday", "Friday")),),
    )
    question = MessageId(told.ask("bot", end(turn_id, 1, "I need to know", form=form)))
    told.ask("bob", AnswerForm(message_id=question, answers=(FormAnswer(question_id="day", values=("Sunday",)),)))
    told.ask("bob", AnswerForm(message_id=question, answers=(FormAnswer(question_id="day", values=("Friday",)),)))
    told.ask("bob", AnswerForm(message_id=question, answers=(FormAnswer(question_id="day", values=("Monday",)),)))
    turn_id = next(iter(book.room.state.turns))
    told.ask("bot", StartTurn(turn_id=turn_id, fence=1, pod="pod-1"))
    card = Card(title="Calendar", url="https://calendar.example/", site="calendar.example", score=0.5)
    answer = MessageId(
        told.ask("bot", end(turn_id, 1, "On Friday. @robot please check", cards=(card,), taint=(Taint.NLWEB,)))
    )
    told.ask("robot", StartTurn(turn_id=next(iter(book.room.state.turns)), fence=1, pod="pod-2"))
    told.ask("bob", RegenerateAnswer(message_id=answer))
    told.ask("alice", RegenerateAnswer(message_id=answer))
    turn_id = next(turn.turn_id for turn in book.room.state.turns.values() if turn.replaces)
    told.ask("bot", StartTurn(turn_id=turn_id, fence=1, pod="pod-1"))
    summary = points("They deploy on Friday.", "Bob asked when.", sources=[asked])
    told.ask(
        "bot", UpdateSummary(turn_id=turn_id, fence=1, version=1, points=summary, up_to_seq=6, method="extractive")
    )
    told.ask("bot", end(turn_id, 1, "On Friday morning."))
    told.ask("alice", ChooseAnswer(message_id=answer, index=0))
    told.ask("alice", ChooseAnswer(message_id=answer, index=2))
    kept = PointEdit(id="p1", section=Section.DECISIONS, text="We deploy on Friday.")
    own = PointEdit(section=Section.ACTIONS, text="Alice tells the users.")
    told.ask("bob", EditSummary(version=1, points=(kept, own)))
    told.ask("bob", EditSummary(version=1, points=()))
    told.ask("bob", PinFact(text="Fridays are free", message_id=asked))
    told.ask("bob", PinFact(text="The office is in Berlin"))
    told.ask("bob", PinFact(text="The office is in Berlin"))
    told.ask("alice", ForgetFact(fact_id=book.room.state.notes.facts[-1].id))
    told.ask("bob", DeleteMessage(message_id=asked))
    told.ask("alice", FireRule(rule_id="daily"))
    told.ask("bob", FireRule(rule_id="daily"))
    return told.written("bob")


def with_files() -> JsonObject:
    """What people do with files."""
    first = room_of(room_id=ROOM, alice="owner", bob="member", carol="member", gwen="guest")
    book = Playbook(first, new_id=counted_ids(IDS))
    told = Transcript("Files are attached while they still come, arrive or fail, and are taken off.", book)
    plan = book.uploads("bob", "plan 计划.pdf", state=AttachmentState.PENDING, size=200_000)
    photo = book.uploads("bob", "photo.jpg", state=AttachmentState.PENDING, size=3_000_000)
    notes = book.uploads("carol", "notes.txt", size=12)
    told.ask("bob", PostMessage(text="Our plan", attachments=(notes,)))
    told.ask("bob", PostMessage(text="Our plan", attachments=(plan, plan)))
    shared = MessageId(told.ask("bob", PostMessage(text="Our plan", attachments=(plan, photo))))
    told.ask("bob", PostMessage(text="Once more", attachments=(plan,)))
    told.ask("carol", PostMessage(text="", reply_to=shared))
    told.ask("carol", PostMessage(text="", reply_to=shared, attachments=(notes,)))
    told.ask("gwen", PostMessage(text="May I?", attachments=(notes,)))
    arrived = book.becomes(
        plan,
        AttachmentState.READY,
        size=199_876,
        content_type="application/pdf",
        family=FileFamily.PDF,
        pages=3,
        has_thumbnail=True,
        has_text=True,
    )
    told.ask("bob", SettleAttachment(message_id=shared, attachment=arrived))
    told.ask("bob", SettleAttachment(message_id=shared, attachment=arrived))
    failed = book.becomes(photo, AttachmentState.FAILED, reason="it is not what was announced")
    told.ask("bob", SettleAttachment(message_id=shared, attachment=failed))
    picture = book.uploads("alice", "picture.png", state=AttachmentState.PENDING)
    seen = MessageId(told.ask("alice", PostMessage(text="Look", attachments=(picture,))))
    arrived = book.becomes(
        picture,
        AttachmentState.READY,
        content_type="image/png",
        family=FileFamily.IMAGE,
        width=640,
        height=480,
        has_thumbnail=True,
        is_inline_safe=True,
    )
    told.ask("alice", SettleAttachment(message_id=seen, attachment=arrived))
    note = book.uploads("bob", "note.webm", size=9_000)
    book.becomes(note, AttachmentState.READY, content_type="audio/webm", family=FileFamily.AUDIO, is_inline_safe=True)
    spoken = MessageId(told.ask("bob", PostMessage(text="", attachments=(note,))))
    queued = Spoken(state=TranscriptState.QUEUED)
    command = SetTranscript(message_id=spoken, attachment_id=note, transcript=queued)
    told.ask("bob", command)
    told.ask("bob", command)
    until = book.at + timedelta(minutes=15)
    running = Spoken(state=TranscriptState.RUNNING, until=until)
    told.ask("bob", command.model_copy(update={"transcript": running}))
    told.ask("carol", StopTranscript(message_id=spoken, attachment_id=note))
    done = Spoken(state=TranscriptState.DONE, text="See you on Fryday 👋", language="en")
    told.ask("bob", command.model_copy(update={"transcript": done}))
    told.ask("bob", command.model_copy(update={"transcript": done, "claim": until}))
    told.ask("alice", EditTranscript(message_id=spoken, attachment_id=note, text="See you on Friday"))
    told.ask("bob", EditTranscript(message_id=spoken, attachment_id=note, text="See you on Friday 👋"))
    told.ask("bob", AskTranscript(message_id=spoken, attachment_id=note))
    told.ask("carol", RemoveAttachment(message_id=shared, attachment_id=plan))
    told.ask("bob", RemoveAttachment(message_id=shared, attachment_id=AttachmentId("none")))
    told.ask("bob", RemoveAttachment(message_id=shared, attachment_id=photo))
    told.ask("alice", RemoveAttachment(message_id=shared, attachment_id=photo))
    told.ask("bob", EditMessage(message_id=shared, text="Our plan, without the photo"))
    told.ask("alice", DeleteMessage(message_id=seen))
    told.ask("alice", SettleAttachment(message_id=seen, attachment=arrived))
    return told.written("carol")


TRANSCRIPTS = {
    "conversation": conversation,
    "ai_turn": ai_turn,
    "membership": membership,
    "with_an_ai": with_an_ai,
    "with_tools": with_tools,
    "with_files": with_files,
}


def text_of(name: str) -> str:
    return json.dumps(TRANSCRIPTS[name](), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    VECTORS.mkdir(exist_ok=True)
    for name in TRANSCRIPTS:
        (VECTORS / f"{name}.json").write_text(text_of(name), encoding="utf-8")
