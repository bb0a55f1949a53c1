"""Random scripts by random people: every view of the log is the room, and nobody gets what they have no right to."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import time, timedelta
from random import Random
from typing import Literal, get_args

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from typing_extensions import override

from multiplayer.protocol.attachments import AttachmentState, FileFamily, Transcript, TranscriptState
from multiplayer.protocol.budgets import Budget, Caps
from multiplayer.protocol.cards import Form, FormAnswer, Question, Taint
from multiplayer.protocol.codec import encode
from multiplayer.protocol.commands import (
    AddReaction,
    AnswerForm,
    AnyCommand,
    ArchiveRoom,
    AskAi,
    AskTranscript,
    ChooseAnswer,
    Command,
    DecideApproval,
    DecideProposal,
    DeleteMessage,
    DeleteRoom,
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
    SetTyping,
    SteerTurn,
    StopTranscript,
    StopTurn,
    UndoTurn,
    UnpinMessage,
)
from multiplayer.protocol.errors import Refused
from multiplayer.protocol.events import Event, MemberJoined, RoleChanged, RoomCreated, event_adapter
from multiplayer.protocol.ids import AccountId, AttachmentId, CallId, MessageId, TurnId
from multiplayer.protocol.inner_commands import (
    AcceptInvite,
    CallTool,
    ChangeModel,
    EndTurn,
    ExpireApproval,
    ExpireMember,
    FinishTool,
    FinishUndo,
    FireRule,
    ForgetFiles,
    ForgetMessages,
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
    TurnCommand,
    UpdateSummary,
)
from multiplayer.protocol.members import AccountKind, Role
from multiplayer.protocol.memory import PointEdit, Section
from multiplayer.protocol.messages import Message
from multiplayer.protocol.retention import Retention
from multiplayer.protocol.rooms import ReadMark, RoomSettings, Snapshot, TurnState
from multiplayer.protocol.tools import ChangeKind, Decider, FileChange, ToolClass
from multiplayer.protocol.trigger_rules import (
    DEFAULT_TRIGGERS,
    EveryRule,
    KeywordRule,
    ScheduleRule,
    ThreadRule,
    TriggerRule,
    WebhookRule,
)
from multiplayer.protocol.turns import TurnOutcome, WhileBusy
from multiplayer.rooms.limits import RoomLimits
from multiplayer.rooms.notes import RoomNotes
from multiplayer.rooms.snapshot import snapshot_of
from multiplayer.rooms.state import RoomState, created, folded
from tests.rooms.roles_table import RANKS, Asked, allows
from tests.support.playbook import Playbook, account, fold_into, points, room_of

PEOPLE = ("olga", "alice", "bob", "carol", "dave", "eve")
AIS = ("bot", "robot")
EVERYONE = (*PEOPLE, *AIS)
LIMITS = RoomLimits(members=7, pins=2, emojis_per_message=2)
HOST = AccountId("host")
INVITE_ID = "01" + "0" * 24

anyone = st.sampled_from(EVERYONE).map(AccountId)
randoms = st.randoms(use_true_random=True)
"""Drawn by seed: Hypothesis chooses which rules run, a plain generator fills them, so that a run gets far."""

EMOJI = ("👍", "ok", "中")
TEXTS = ("hi", "@bot hello", "@ai @robot", "@bob @all", "`@bot`", "你好", " ")
ROLES = tuple(Role)
CHANGE = FileChange(path="a.txt", kind=ChangeKind.CHANGED)
FORM = Form(questions=(Question(id="q", text="Which?"),))
RULES: tuple[TriggerRule, ...] = (
    *DEFAULT_TRIGGERS,
    ThreadRule(id="thread", idle_s=90),
    KeywordRule(id="keyword", words=("hi", "你好"), cooldown_s=3),
    EveryRule(id="every", messages=3, per_min=2),
    ScheduleRule(id="schedule", at=time(9), set_by=AccountId("eve")),
    WebhookRule(id="webhook", set_by=AccountId("eve")),
)


def some_settings(pick: Random) -> RoomSettings:
    return RoomSettings(
        guests_see_history=pick.random() < 0.7,
        guests_post=pick.random() < 0.5,
        guests_ask_ai=pick.random() < 0.5,
        members_invite=pick.random() < 0.5,
        default_ai=pick.choice([None, *map(AccountId, AIS)]),
        triggers=tuple(pick.sample(RULES, k=pick.randint(3, len(RULES)))),
        while_busy=pick.choice(list(WhileBusy)),
        ai_to_ai=pick.random() < 0.5,
        retention=pick.choice([Retention(), Retention(), Retention(messages_days=1), Retention(files_days=1)]),
    )


def some_command(
    pick: Random,
    messages: Sequence[MessageId],
    turns: Sequence[TurnId],
    facts: Sequence[str],
    proposals: Sequence[str] = (),
) -> Command:
    message = pick.choice([*messages, *messages, MessageId("nowhere")])
    turn = pick.choice([*turns, TurnId("none")])
    whom = AccountId(pick.choice(EVERYONE))
    text, role, chance = pick.choice(TEXTS), pick.choice(ROLES), pick.random()
    makers: list[Callable[[], Command]] = [
        lambda: PostMessage(text=text, reply_to=message if chance < 0.3 else None),
        lambda: PostMessage(text=text),
        lambda: EditMessage(message_id=message, text=text),
        lambda: DeleteMessage(message_id=message),
        lambda: AddReaction(message_id=message, emoji=pick.choice(EMOJI)),
        lambda: RemoveReaction(message_id=message, emoji=pick.choice(EMOJI)),
        lambda: PinMessage(message_id=message),
        lambda: UnpinMessage(message_id=message),
        lambda: MarkRead(seq=1),
        SetTyping,
        lambda: InviteMember(handle=whom, role=role),
        lambda: InviteMember(handle=whom, role=Role.GUEST),
        lambda: RemoveMember(account_id=whom, ban=chance < 0.3),
        lambda: LiftBan(account_id=whom),
        lambda: SetRole(account_id=whom, role=role),
        lambda: LeaveRoom() if chance < 0.3 else SetTopic(topic=text),
        lambda: RenameRoom(name=text),
        lambda: SetRoomSettings(settings=some_settings(pick)),
        lambda: ArchiveRoom(is_archived=chance < 0.1),
        lambda: AskAi(ai_id=whom if chance < 0.5 else None, message_id=message if chance < 0.2 else None),
        lambda: StopTurn(turn_id=turn),
        lambda: SteerTurn(turn_id=turn, text=text),
        lambda: RegenerateAnswer(message_id=message),
        lambda: ChooseAnswer(message_id=message, index=pick.randint(0, 1)),
        lambda: AnswerForm(message_id=message, answers=(FormAnswer(question_id="q", values=(text,)),)),
        lambda: EditSummary(version=pick.randint(0, 3), points=(PointEdit(section=Section.TOPIC, text=text),)),
        lambda: PinFact(text=text, message_id=message if chance < 0.7 else None),
        lambda: ForgetFact(fact_id=pick.choice([*facts, "none"])),
        lambda: SetBudget(budget=Budget(total=Caps(tokens_per_day=pick.randint(1, 3)))),
        lambda: DecideApproval(
            turn_id=turn, call_id=CallId(pick.choice(["c1", "c2"])), sha256="a" * 64, is_approved=chance < 0.8
        ),
        lambda: UndoTurn(turn_id=turn, keeps_others=chance < 0.5),
        lambda: DecideProposal(proposal_id=pick.choice([*proposals, "none"]), is_accepted=chance < 0.7),
    ]
    return pick.choice(makers)()


def some_turn_command(pick: Random, turn: TurnState, fence: int) -> TurnCommand:
    turn_id = turn.turn_id
    call_id, text = CallId(pick.choice(["c1", "c2"])), pick.choice(TEXTS)
    tool_class = pick.choice([ToolClass.TERMINAL, ToolClass.EXTENDED])
    makers: list[Callable[[], TurnCommand]] = [
        lambda: StartTurn(turn_id=turn_id, fence=fence + 1, pod="pod"),
        lambda: CallTool(turn_id=turn_id, fence=fence, call_id=call_id, name="list_files", arguments="{}"),
        lambda: StartTool(turn_id=turn_id, fence=fence, call_id=call_id, tool_class=ToolClass.READ, sha256="a" * 64),
        lambda: RequestApproval(turn_id=turn_id, fence=fence, call_id=call_id, tool_class=tool_class, sha256="a" * 64),
        lambda: ExpireApproval(turn_id=turn_id, fence=fence, call_id=call_id),
        lambda: StartTool(turn_id=turn_id, fence=fence, call_id=call_id, tool_class=tool_class, sha256="a" * 64),
        lambda: NoteChanges(
            turn_id=turn_id, fence=fence, call_id=call_id, changes=(CHANGE,), before="b" * 64, after="c" * 64
        ),
        lambda: Propose(turn_id=turn_id, fence=fence, text=text),
        lambda: FinishTool(turn_id=turn_id, fence=fence, call_id=call_id, is_ok=True, text=text),
        lambda: UpdateSummary(
            turn_id=turn_id, fence=fence, version=pick.randint(1, 3), points=points(text), up_to_seq=1, method="demo"
        ),
        lambda: TakeSteering(turn_id=turn_id, fence=fence, messages=turn.steering[:1]),
        lambda: ChangeModel(turn_id=turn_id, fence=fence, model="other", previous="one", reason="it is down"),
        lambda: EndTurn(
            turn_id=turn_id,
            fence=fence,
            outcome=pick.choice(list(TurnOutcome)),
            text=text,
            form=pick.choice([None, FORM]),
            taint=pick.choice([(), (Taint.WEB,)]),
        ),
    ]
    return pick.choice(makers)()


class RoomMachine(RuleBasedStateMachine):
    """The room that decides, and beside it the views that only read: a replayed copy, and old snapshots."""

    @initialize(pick=randoms)
    def begin(self, pick: Random) -> None:
        settings_ = some_settings(pick).model_copy(update={"default_ai": None})
        first = room_of(olga="owner", alice="admin", bob="member", carol="guest", bot="ai", settings=settings_)
        accounts = [account(name, AccountKind.AI if name in AIS else AccountKind.HUMAN) for name in EVERYONE]
        self.book = Playbook(first, limits=LIMITS, accounts=accounts)
        arrived = _sent(first)
        assert isinstance(arrived, RoomCreated)
        self.copy: RoomState = created(arrived)
        self.ended: list[TurnId] = []
        self.snapshots: list[tuple[Snapshot, AccountId, int]] = []

    @rule(pick=randoms)
    def people_ask(self, pick: Random) -> None:
        for _ in range(20):
            state = self.book.room.state
            owners = [member.account_id for member in state.owners()]
            actor = pick.choice([pick.choice(EVERYONE), pick.choice(owners), *pick.choices(list(state.members), k=4)])
            turns = [*state.turns, *self.ended[-1:]]
            facts = [fact.id for fact in state.notes.facts]
            proposals = [proposal.id for proposal in state.notes.proposals]
            self._ask(AccountId(actor), some_command(pick, list(self.book.messages)[-4:], turns, facts, proposals))

    @precondition(lambda self: self.book.room.state.turns)
    @rule(pick=randoms)
    def ais_go_on(self, pick: Random) -> None:
        for _ in range(8):
            turns = list(self.book.room.state.turns.values())
            if turns:
                turn = pick.choice(turns)
                actor = turn.ai_id if pick.random() < 0.8 else AccountId(pick.choice(EVERYONE))
                fence = turn.fence if pick.random() < 0.8 else turn.fence - 1
                self._ask(actor, some_turn_command(pick, turn, fence))

    @rule(actor=anyone, maker=anyone, given_role=st.sampled_from(ROLES), minutes=st.none() | st.integers(0, 3))
    def someone_follows_a_link(self, actor: AccountId, maker: AccountId, given_role: Role, minutes: int | None) -> None:
        until = None if minutes is None else self.book.at + timedelta(minutes=minutes)
        self._ask(actor, AcceptInvite(invite_id=INVITE_ID, invited_by=maker, role=given_role, until=until))

    @rule(member=anyone)
    def time_passes(self, member: AccountId) -> None:
        self.book.later(60)
        self._ask(member, ExpireMember(account_id=member))

    @rule(actor=anyone, rule_id=st.sampled_from(["schedule", "webhook", "every"]))
    def a_clock_or_a_webhook_fires(self, actor: AccountId, rule_id: str) -> None:
        self._ask(actor, FireRule(rule_id=rule_id, note="ring"))

    @rule(actor=anyone, is_ok=st.booleans())
    def an_undo_is_finished_or_a_file_changed_by_hand(self, actor: AccountId, is_ok: bool) -> None:
        for changed in self.book.room.state.notes.changed:
            self._ask(actor, FinishUndo(turn_id=changed.turn_id, is_ok=is_ok, changes=(CHANGE,)))
        self._ask(actor, RecordChanges(changes=(CHANGE,), before="b" * 64, after="c" * 64))

    @rule(pick=randoms)
    def files_come_and_go(self, pick: Random) -> None:
        members = list(self.book.room.state.members)
        for _ in range(3):
            actor = pick.choice([*members, AccountId(pick.choice(EVERYONE))])
            state = pick.choice([AttachmentState.PENDING, AttachmentState.PENDING, AttachmentState.READY])
            self.book.uploads(actor, "plan.pdf", state=state)
            # Also what somebody else has uploaded, and what another message has.
            known = list(self.book.uploaded)[-4:]
            files = tuple(pick.sample(known, k=min(len(known), pick.randint(1, 2))))
            self._ask(actor, PostMessage(text=pick.choice(TEXTS), attachments=files))
            file = pick.choice(known)
            upload = self.book.uploaded[file]
            if upload.attachment.state is AttachmentState.PENDING:
                self.book.becomes(file, pick.choice([AttachmentState.READY, AttachmentState.FAILED]))
            for one in (file, AttachmentId("none")):
                message_id = upload.message_id or pick.choice([*self.book.messages, MessageId("nowhere")])
                attachment = self.book.uploaded[file].attachment.model_copy(update={"id": one})
                self._ask(upload.uploader_id, SettleAttachment(message_id=message_id, attachment=attachment))
            if upload.message_id is not None and pick.random() < 0.4:
                remover = pick.choice([upload.uploader_id, *members])
                self._ask(remover, RemoveAttachment(message_id=upload.message_id, attachment_id=file))

    @rule(pick=randoms, state=st.sampled_from(TranscriptState), text=st.sampled_from(TEXTS))
    def recordings_are_written_down(self, pick: Random, state: TranscriptState, text: str) -> None:
        author = pick.choice(list(self.book.room.state.members))
        file = self.book.uploads(author, "note.ogg")
        self.book.becomes(file, AttachmentState.READY, family=pick.choice([FileFamily.AUDIO, FileFamily.VIDEO]))
        self._ask(author, PostMessage(text="", attachments=(file,)))
        for one in list(self.book.uploaded)[-3:]:
            message_id = self.book.uploaded[one].message_id
            if message_id is None:
                continue
            place = {"message_id": message_id, "attachment_id": one}
            files = self.book.messages[message_id].attachments
            known = next((each.transcript for each in files if each.id == one), None)
            until = self.book.at + timedelta(seconds=pick.choice([0, 60])) if state is TranscriptState.RUNNING else None
            said = Transcript(state=state, text=text if state is TranscriptState.DONE else "", until=until)
            claim = known.until if known is not None and pick.random() < 0.7 else None
            self._ask(author, SetTranscript(**place, transcript=said, claim=claim))
            actor = pick.choice([author, *self.book.room.state.members])
            for command in (EditTranscript(**place, text=text), StopTranscript(**place), AskTranscript(**place)):
                if pick.random() < 0.3:
                    self._ask(actor, command)

    @rule(pick=randoms, because=st.sampled_from(["retention", "erasure"]))
    def the_room_forgets(self, pick: Random, because: Literal["retention", "erasure"]) -> None:
        if pick.random() < 0.3:
            self.book.later(timedelta(days=1).total_seconds())
        known = list(self.book.messages)
        some = tuple(pick.sample(known, k=min(len(known), 2)))
        if some:
            self._ask(HOST, ForgetMessages(message_ids=some, because=because))
            self._ask(HOST, ForgetFiles(message_ids=tuple(known[:3])))

    @rule(ai=st.sampled_from([AccountId(name) for name in AIS]), asker=anyone)
    def a_job_changes_a_file(self, ai: AccountId, asker: AccountId) -> None:
        for turn_id in self.ended[-1:]:
            command = NoteJobChanges(
                turn_id=turn_id,
                call_id=CallId("c"),
                asked_by=(asker,),
                changes=(CHANGE,),
                before="b" * 64,
                after="c" * 64,
            )
            self._ask(ai, command)

    @precondition(lambda self: len(self.book.log) > 100)
    @rule(actor=anyone, chance=st.integers(0, 9))
    def someone_deletes_the_room(self, actor: AccountId, chance: int) -> None:
        if chance == 9:
            self._ask(actor, DeleteRoom())

    @rule(pick=randoms)
    def someone_joins(self, pick: Random) -> None:
        reader = pick.choice(list(self.book.room.state.members))
        self.snapshots.append((self._snapshot(reader), reader, len(self.book.log)))

    def _ask(self, actor: AccountId, command: AnyCommand) -> None:
        self.book.later(1)
        state = self.book.room.state
        before = deepcopy(state) if len(self.book.log) % 5 == 0 else None
        decided_on = state.copy()
        try:
            events = self.book.decide(actor, command)
        except Refused:
            events = []
        assert before is None or before == state, "a decision changed the room"
        if events:
            check_right(decided_on, self.book.messages, actor, command)
        for event in events:
            check_escalation(self.book.room.state, event)
            if event.type == "turn_ended":
                self.ended.append(event.turn_id)
            self.book.take(event)
            self.copy.apply(_sent(event))

    def _snapshot(self, reader: AccountId) -> Snapshot:
        state = self.book.room.state
        snapshot = snapshot_of(
            state,
            reader=state.members[reader],
            messages=tuple(self.book.messages.values()),
            online=(),
            read=ReadMark(),
            texts={},
        )
        return Snapshot.model_validate_json(encode(snapshot))

    @invariant()
    def the_replayed_copy_is_the_room(self) -> None:
        assert self.copy == self.book.room.state

    @invariant()
    def the_room_has_an_owner_and_every_ai_is_an_ai(self) -> None:
        state = self.book.room.state
        assert state.owners()
        assert all((member.role is Role.AI) == (member.account_id in AIS) for member in state.members.values())
        assert len(state.members) <= LIMITS.members
        assert len(state.pins) <= LIMITS.pins
        assert not state.banned & state.members.keys()

    @invariant()
    def every_file_is_its_uploaders_and_has_one_message(self) -> None:
        for message in self.book.messages.values():
            for file in message.attachments:
                upload = self.book.uploaded[file.id]
                assert (upload.message_id, upload.uploader_id) == (message.id, message.author_id)
                is_gone = upload.attachment.state is AttachmentState.REMOVED
                assert is_gone == (file.state is AttachmentState.REMOVED)
                assert is_gone == (file.name == "")

    @invariant()
    def each_ai_has_one_turn_waiting_and_one_running_at_most(self) -> None:
        state = self.book.room.state
        assert all(turn.ai_id in state.members for turn in state.turns.values())
        for ai in AIS:
            turns = state.turns_of(AccountId(ai))
            assert sum(turn.is_running for turn in turns) <= 1
            # Besides, any number of answers may wait to be given again: one for each message.
            assert sum(not turn.is_running and turn.replaces is None for turn in turns) <= 1
            again = [turn.replaces for turn in turns if turn.replaces is not None]
            assert len(again) == len(set(again))
        assert len(self.ended) == len(set(self.ended))
        assert not set(self.ended) & set(state.turns)

    @override
    def teardown(self) -> None:
        if not hasattr(self, "book"):
            return
        log = self.book.log
        assert [event.seq for event in log] == list(range(1, len(log) + 1))
        assert len({event.id for event in log}) == len(log)
        assert folded(self.book.replayed()) == self.book.room.state
        for snapshot, reader, position in self.snapshots:
            self._check_brought_up_to_date(snapshot, reader, log[position:])

    def _check_brought_up_to_date(self, snapshot: Snapshot, reader: AccountId, events: Sequence[Event]) -> None:
        """A client's view: a snapshot and the events after it are the snapshot taken now.

        A guest is compared only where nothing was kept from it in between; what is kept from one, test_snapshot tells.
        """
        state = RoomState(
            room=snapshot.room,
            seq=snapshot.seq,
            members={member.account_id: member for member in snapshot.members},
            pins=snapshot.pins,
            turns={turn.turn_id: turn for turn in snapshot.turns},
            summary=snapshot.summary,
            # What fired when is the room's own affair; no client is told.
            notes=RoomNotes(facts=snapshot.facts, proposals=snapshot.proposals, budget=snapshot.budget),
        )
        messages: dict[MessageId, Message] = {message.id: message for message in snapshot.messages}
        for event in map(_sent, events):
            if not _sees_all(state, reader):
                return
            state.apply(event)
            fold_into(messages, event)
        if _sees_all(state, reader) and not state.is_deleted:
            now = self._snapshot(reader)
            assert seen_by_clients(state) == seen_by_clients(self.book.room.state)
            assert tuple(messages.values()) == now.messages
            brought = snapshot_of(
                replace(state, banned=self.book.room.state.banned),
                reader=state.members[reader],
                messages=tuple(messages.values()),
                online=(),
                read=ReadMark(),
                texts={},
            )
            # Who came as a guest was not told the budget, and is not told when made a member.
            assert brought.model_copy(update={"budget": now.budget}) == now


def seen_by_clients(state: RoomState) -> RoomState:
    """Return the room without what only those who may remove, or nobody, is told."""
    notes = RoomNotes(facts=state.notes.facts)
    return replace(state, banned=frozenset(), notes=notes, said_since={})


def _sees_all(state: RoomState, reader: AccountId) -> bool:
    member = state.members.get(reader)
    settings_ = state.room.settings
    sees_all = settings_.guests_see_history and settings_.guests_see_workspace
    return member is not None and (member.role is not Role.GUEST or sees_all)


def _sent(event: Event) -> Event:
    """Return the event as it arrives elsewhere."""
    return event_adapter.validate_json(encode(event))


ROW: dict[type[AnyCommand], str] = {
    PostMessage: "post, reply",
    EditMessage: "edit / delete own message",
    AddReaction: "react",
    RemoveReaction: "react",
    PinMessage: "pin",
    UnpinMessage: "pin",
    RemoveMember: "remove or ban a member",
    LiftBan: "remove or ban a member",
    LeaveRoom: "read the room, its history and files",
    RenameRoom: "rename, topic",
    SetTopic: "rename, topic",
    SetRoomSettings: "room settings",
    ArchiveRoom: "archive, delete the room",
    DeleteRoom: "archive, delete the room",
    AskAi: "ask the AI",
    StopTurn: "stop a turn",
    SteerTurn: "steer, regenerate, undo a turn",
    RegenerateAnswer: "steer, regenerate, undo a turn",
    ChooseAnswer: "steer, regenerate, undo a turn",
    AnswerForm: "ask the AI",
    FireRule: "ask the AI",
    EditSummary: "edit the summary, pin or forget facts",
    PinFact: "edit the summary, pin or forget facts",
    ForgetFact: "edit the summary, pin or forget facts",
    SetBudget: "set budgets",
    UndoTurn: "steer, regenerate, undo a turn",
    DecideProposal: "edit the summary, pin or forget facts",
    RecordChanges: "change workspace files by hand",
}
HIGHEST_BY_LINK = {Role.OWNER: Role.ADMIN, Role.ADMIN: Role.MEMBER, Role.MEMBER: Role.MEMBER}


def check_right(state: RoomState, messages: dict[MessageId, Message], actor_id: AccountId, command: AnyCommand) -> None:
    """Say again, from the written table alone, that whoever caused something may do so."""
    assert not state.is_deleted
    if isinstance(command, ExpireMember):
        assert state.members[command.account_id].until is not None
        return
    if isinstance(command, NoteJobChanges | SettleAttachment | SetTranscript | ForgetMessages | ForgetFiles):
        return
    if isinstance(command, FinishUndo):
        assert any(one.turn_id == command.turn_id and one.undo == "wanted" for one in state.notes.changed)
        return
    settings_ = state.room.settings
    if isinstance(command, AcceptInvite):
        maker = state.members[command.invited_by].role
        assert allows("invite (link or by name)", maker, settings_, Asked())
        assert RANKS[command.role] <= RANKS[HIGHEST_BY_LINK[maker]]
        assert actor_id not in state.banned
        return
    actor = state.members[actor_id].role
    if isinstance(command, get_args(TurnCommand)):
        assert state.turns[command.turn_id].ai_id == actor_id
        assert actor is Role.AI
        return
    if isinstance(command, DecideApproval):
        turn = state.turns[command.turn_id]
        card = next(call.approval for call in turn.calls if call.call_id == command.call_id)
        assert card is not None
        is_own = card.decider is Decider.ASKER and actor_id in turn.askers and actor is Role.MEMBER
        assert RANKS[actor] >= RANKS[Role.ADMIN] or is_own
        return
    asked = Asked()
    if isinstance(command, PostMessage) and command.attachments:
        assert allows("attach files", actor, settings_, asked)
    match command:
        case UndoTurn():
            row = ROW[UndoTurn]
            changed = next(one for one in state.notes.changed if one.turn_id == command.turn_id)
            asked = Asked(is_own_request=changed.askers == (actor_id,))
        case SetRoomSettings() if command.settings.retention != settings_.retention:
            row = "archive, delete the room"
        case EditTranscript():
            assert messages[command.message_id].author_id == actor_id
            row = "edit / delete own message"
        case DeleteMessage() | RemoveAttachment() | StopTranscript() | AskTranscript():
            is_own = messages[command.message_id].author_id == actor_id
            row = "edit / delete own message" if is_own else "delete anyone's message"
        case InviteMember():
            is_ai = command.handle in AIS
            row = "choose AI members, model, persona, triggers" if is_ai else "invite (link or by name)"
        case SetRole():
            row = "hand over ownership" if command.role is Role.OWNER else "change a role"
            asked = Asked(towards=state.members[command.account_id].role)
        case RemoveMember():
            row = ROW[RemoveMember]
            target = state.members.get(command.account_id)
            asked = Asked(towards=target.role if target else Role.AI)
        case LiftBan():
            row = ROW[LiftBan]
            asked = Asked(towards=Role.AI)
        case StopTurn():
            row = ROW[StopTurn]
            asked = Asked(is_own_request=actor_id in state.turns[command.turn_id].askers)
        case SteerTurn():
            row = ROW[SteerTurn]
            asked = Asked(is_own_request=state.turns[command.turn_id].askers == (actor_id,))
        case RegenerateAnswer() | ChooseAnswer():
            row = ROW[type(command)]
            asked = Asked(is_own_request=messages[command.message_id].asked_by == (actor_id,))
        case _:
            row = ROW[type(command)]
    assert allows(row, actor, settings_, asked), f"{actor} caused something by {command!r}"


def check_escalation(state: RoomState, event: Event) -> None:
    """Nobody gives more than they have, or acts on their own rank or a higher one, except owners on owners."""
    if isinstance(event, RoleChanged):
        actor = state.members[event.actor_id].role
        assert RANKS[event.role] <= RANKS[actor]
        assert actor is Role.OWNER or RANKS[event.previous] < RANKS[actor]
        assert Role.AI not in (event.role, event.previous)
    if isinstance(event, MemberJoined) and event.invite_id is None:
        assert RANKS[event.member.role] <= RANKS[state.members[event.actor_id].role]
        assert event.member.role is not Role.OWNER


TestRoomMachine = pytest.mark.slow(RoomMachine.TestCase)
TestRoomMachine.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_a_long_script_ends_with_every_view_the_same(seed: int) -> None:
    """What Hypothesis shrinks well it keeps short; these go far, and are the same in every run."""
    pick = Random(seed)
    machine = RoomMachine()
    machine.begin(pick)
    for _ in range(80):
        machine.someone_joins(pick)
        machine.people_ask(pick)
        machine.ais_go_on(pick)
        actor, maker = (AccountId(pick.choice(EVERYONE)) for _ in range(2))
        machine.someone_follows_a_link(actor, maker, pick.choice(ROLES), pick.choice([None, 0, 3]))
        machine.files_come_and_go(pick)
        for state in TranscriptState:
            machine.recordings_are_written_down(pick, state, pick.choice(TEXTS))
        machine.time_passes(AccountId(pick.choice(EVERYONE)))
        for rule_id in ("schedule", "webhook"):
            machine.a_clock_or_a_webhook_fires(AccountId(pick.choice(EVERYONE)), rule_id)
        machine.the_replayed_copy_is_the_room()
        machine.the_room_has_an_owner_and_every_ai_is_an_ai()
        machine.each_ai_has_one_turn_waiting_and_one_running_at_most()
        machine.every_file_is_its_uploaders_and_has_one_message()
    machine.teardown()
    kinds = {event.type for event in machine.book.log}
    assert len(kinds) >= 26, f"a dull script: {kinds}"
