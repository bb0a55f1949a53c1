"""Every command, asked by every role and by an outsider, through the room itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

import pytest

from multiplayer.protocol.attachments import AttachmentState, FileFamily, Transcript, TranscriptState
from multiplayer.protocol.budgets import Budget, Caps
from multiplayer.protocol.cards import Form, FormAnswer, Question
from multiplayer.protocol.commands import (
    AddReaction,
    AnswerForm,
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
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import FactPinned, MemberRemoved, RoleChanged
from multiplayer.protocol.ids import AccountId, AttachmentId, CallId, MessageId
from multiplayer.protocol.inner_commands import (
    CallTool,
    EndTurn,
    NoteChanges,
    Propose,
    RequestApproval,
    SetTranscript,
    StartTool,
    StartTurn,
)
from multiplayer.protocol.members import AccountKind, Role
from multiplayer.protocol.memory import PointEdit, Section
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.tools import ChangeKind, FileChange, ToolClass
from multiplayer.protocol.turn_events import ChangeProposed
from multiplayer.protocol.turns import TurnOutcome
from multiplayer.rooms.permissions import Right
from multiplayer.rooms.room import COMMAND_RIGHTS
from tests.rooms.roles_table import ROLES, Asked, allows
from tests.rooms.test_permissions import ROW_OF
from tests.support.playbook import Playbook, account, room_of, such

BOB, CAROL, BOT = AccountId("bob"), AccountId("carol"), AccountId("bot")
OPEN = RoomSettings(guests_post=True, guests_ask_ai=True, guests_see_workspace=True, members_invite=True)
CLOSED = RoomSettings()


def scene(role: Role) -> Playbook:
    """Olga owns the room; Bob is a member, Bot an AI; Alice has `role`. All switches are on."""
    return Playbook(
        room_of(olga="owner", bob="member", bot="ai", alice=role, settings=OPEN),
        accounts=[account("carol"), account("robot", AccountKind.AI)],
    )


def own_message(book: Playbook) -> MessageId:
    return book.posts("alice", "mine")


def others_message(book: Playbook) -> MessageId:
    return book.posts("bob", "not mine")


def file_of(book: Playbook, author: str) -> Command:
    """Let `author` post a message with a file, and return what takes it off."""
    # What counts here is whose message it is: a guest's own is from when it was a member.
    role = book.room.state.members[AccountId(author)].role
    if role is Role.GUEST:
        book.given("olga", SetRole(account_id=AccountId(author), role=Role.MEMBER))
    file = book.uploads(author, "plan.pdf")
    message_id = book.posts(author, "see", files=[file])
    if role is Role.GUEST:
        book.given("olga", SetRole(account_id=AccountId(author), role=Role.GUEST))
    return RemoveAttachment(message_id=message_id, attachment_id=file)


def recording_of(book: Playbook, author: str, state: TranscriptState | None) -> tuple[MessageId, AttachmentId]:
    """Let `author` post a recording whose transcript is so far."""
    role = book.room.state.members[AccountId(author)].role
    if role is Role.GUEST:
        book.given("olga", SetRole(account_id=AccountId(author), role=Role.MEMBER))
    file = book.uploads(author, "note.ogg")
    book.becomes(file, AttachmentState.READY, family=FileFamily.AUDIO)
    message_id = book.posts(author, "hear", files=[file])
    if role is Role.GUEST:
        book.given("olga", SetRole(account_id=AccountId(author), role=Role.GUEST))
    if state is not None:
        command = SetTranscript(message_id=message_id, attachment_id=file, transcript=Transcript(state=state))
        book.given(author, command)
    return message_id, file


def edited_transcript(book: Playbook) -> Command:
    message_id, file = recording_of(book, "alice", None)
    return EditTranscript(message_id=message_id, attachment_id=file, text="hello")


def stopped_transcript(book: Playbook, author: str) -> Command:
    message_id, file = recording_of(book, author, TranscriptState.QUEUED)
    return StopTranscript(message_id=message_id, attachment_id=file)


def asked_transcript(book: Playbook, author: str) -> Command:
    message_id, file = recording_of(book, author, TranscriptState.FAILED)
    return AskTranscript(message_id=message_id, attachment_id=file)


def reacted(book: Playbook) -> MessageId:
    message_id = others_message(book)
    book.given("alice", AddReaction(message_id=message_id, emoji="👍"))
    return message_id


def pinned(book: Playbook) -> MessageId:
    message_id = others_message(book)
    book.given("olga", PinMessage(message_id=message_id))
    return message_id


def banned(book: Playbook) -> AccountId:
    book.given("olga", RemoveMember(account_id=BOB, ban=True))
    return BOB


def who_can_ask(book: Playbook) -> str:
    return "alice" if book.room.state.members[AccountId("alice")].role is not Role.AI else "olga"


def own_turn(book: Playbook) -> Command:
    return StopTurn(turn_id=book.asks(who_can_ask(book), "bot"))


def steered(book: Playbook, *, asker: str | None = None) -> Command:
    return SteerTurn(turn_id=book.runs(asker or who_can_ask(book), "bot"), text="shorter")


def answer(book: Playbook, *, asker: str | None = None, times: int = 1, form: Form | None = None) -> MessageId:
    """Let the AI answer, as often as it is told to, and return its message."""
    asker = asker or who_can_ask(book)
    turn_id = book.runs(asker, "bot")
    end = EndTurn(turn_id=turn_id, fence=1, outcome=TurnOutcome.DONE, text="an answer", form=form)
    message_id = MessageId(book.given("bot", end)[0].id)
    for _ in range(times - 1):
        again = book.given("olga", RegenerateAnswer(message_id=message_id))[0]
        assert again.type == "turn_requested"
        book.given("bot", StartTurn(turn_id=again.turn_id, fence=1, pod="pod"))
        book.given("bot", end.model_copy(update={"turn_id": again.turn_id}))
    return message_id


def filled_in(book: Playbook) -> Command:
    form = Form(questions=(Question(id="q", text="Which one?"),))
    answers = (FormAnswer(question_id="q", values=("this",)),)
    return AnswerForm(message_id=answer(book, asker="olga", form=form), answers=answers)


def forgotten(book: Playbook) -> Command:
    pinned_fact = book.given("olga", PinFact(text="the moon is far"))[0]
    assert isinstance(pinned_fact, FactPinned)
    return ForgetFact(fact_id=pinned_fact.fact.id)


SHA = "a" * 64


def waits_for_approval(book: Playbook) -> Command:
    """A background job that Olga asked for: she or an admin confirms it."""
    turn_id = book.runs("olga", "bot")
    call = CallId("c1")
    book.given("bot", CallTool(turn_id=turn_id, fence=1, call_id=call, name="job_start", arguments="{}"))
    request = RequestApproval(turn_id=turn_id, fence=1, call_id=call, tool_class=ToolClass.EXTENDED, sha256=SHA)
    book.given("bot", request)
    return DecideApproval(turn_id=turn_id, call_id=call, sha256=SHA, is_approved=True)


def files_changed(book: Playbook, *, asker: str | None = None) -> Command:
    asker = asker or who_can_ask(book)
    # A guest's request writes no files; what counts here is whose request it is.
    book.given("olga", SetRoomSettings(settings=OPEN.model_copy(update={"persona": "busy"})))
    turn_id = book.runs(asker, "bot")
    call = CallId("c1")
    book.given("bot", CallTool(turn_id=turn_id, fence=1, call_id=call, name="list_files", arguments="{}"))
    start = StartTool(turn_id=turn_id, fence=1, call_id=call, tool_class=ToolClass.READ, sha256=SHA)
    book.given("bot", start)
    change = FileChange(path="a.txt", kind=ChangeKind.ADDED)
    book.given(
        "bot", NoteChanges(turn_id=turn_id, fence=1, call_id=call, changes=(change,), before="b" * 64, after="c" * 64)
    )
    book.given("bot", EndTurn(turn_id=turn_id, fence=1, outcome=TurnOutcome.DONE, text="done"))
    return UndoTurn(turn_id=turn_id)


def proposed(book: Playbook) -> Command:
    turn_id = book.runs("olga", "bot")
    event = book.given("bot", Propose(turn_id=turn_id, fence=1, text="the sea is salty"))[0]
    assert isinstance(event, ChangeProposed)
    return DecideProposal(proposal_id=event.proposal.id, is_accepted=True)


@dataclass(frozen=True)
class Case:
    """A command that is right in every respect but perhaps who asks; `make` may set the scene for it."""

    row: str
    make: Callable[[Playbook], Command]
    asked: Asked


def case(right: Right, make: Callable[[Playbook], Command], **asked: Role | bool) -> Case:
    towards, is_own = asked.get("towards"), asked.get("is_own_request")
    return Case(ROW_OF[right], make, Asked(towards if isinstance(towards, Role) else None, is_own is True))


CASES: dict[str, tuple[type[Command], Case]] = {
    "post": (PostMessage, case(Right.POST, lambda _: PostMessage(text="hello"))),
    "reply": (PostMessage, case(Right.POST, lambda book: PostMessage(text="yes", reply_to=others_message(book)))),
    "edit": (EditMessage, case(Right.EDIT_OWN, lambda book: EditMessage(message_id=own_message(book), text="new"))),
    "delete own": (DeleteMessage, case(Right.EDIT_OWN, lambda book: DeleteMessage(message_id=own_message(book)))),
    "delete any": (DeleteMessage, case(Right.DELETE_ANY, lambda book: DeleteMessage(message_id=others_message(book)))),
    "attach": (
        PostMessage,
        case(Right.ATTACH, lambda book: PostMessage(text="see", attachments=(book.uploads("alice", "plan.pdf"),))),
    ),
    "take off an own file": (RemoveAttachment, case(Right.EDIT_OWN, lambda book: file_of(book, "alice"))),
    "take off any file": (RemoveAttachment, case(Right.DELETE_ANY, lambda book: file_of(book, "bob"))),
    "edit what is said": (EditTranscript, case(Right.EDIT_OWN, edited_transcript)),
    "stop an own transcript": (StopTranscript, case(Right.EDIT_OWN, lambda book: stopped_transcript(book, "alice"))),
    "stop any transcript": (StopTranscript, case(Right.DELETE_ANY, lambda book: stopped_transcript(book, "bob"))),
    "ask for an own transcript": (AskTranscript, case(Right.EDIT_OWN, lambda book: asked_transcript(book, "alice"))),
    "ask for any transcript": (AskTranscript, case(Right.DELETE_ANY, lambda book: asked_transcript(book, "bob"))),
    "react": (AddReaction, case(Right.REACT, lambda book: AddReaction(message_id=others_message(book), emoji="👍"))),
    "unreact": (RemoveReaction, case(Right.REACT, lambda book: RemoveReaction(message_id=reacted(book), emoji="👍"))),
    "pin": (PinMessage, case(Right.PIN, lambda book: PinMessage(message_id=others_message(book)))),
    "unpin": (UnpinMessage, case(Right.PIN, lambda book: UnpinMessage(message_id=pinned(book)))),
    "mark read": (MarkRead, case(Right.MARK_READ, lambda _: MarkRead(seq=1))),
    "typing": (SetTyping, case(Right.MARK_READ, lambda _: SetTyping())),
    "invite": (InviteMember, case(Right.INVITE, lambda _: InviteMember(handle="carol"))),
    "invite an AI": (InviteMember, case(Right.CHOOSE_AI, lambda _: InviteMember(handle="robot"))),
    "remove": (RemoveMember, case(Right.REMOVE, lambda _: RemoveMember(account_id=BOB), towards=Role.MEMBER)),
    "ban": (RemoveMember, case(Right.REMOVE, lambda _: RemoveMember(account_id=BOB, ban=True), towards=Role.MEMBER)),
    "ban an outsider": (
        RemoveMember,
        case(Right.REMOVE, lambda _: RemoveMember(account_id=CAROL, ban=True), towards=Role.AI),
    ),
    "lift a ban": (LiftBan, case(Right.REMOVE, lambda book: LiftBan(account_id=banned(book)), towards=Role.AI)),
    "set role": (
        SetRole,
        case(Right.CHANGE_ROLE, lambda _: SetRole(account_id=BOB, role=Role.GUEST), towards=Role.MEMBER),
    ),
    "hand over": (SetRole, case(Right.HAND_OVER, lambda _: SetRole(account_id=BOB, role=Role.OWNER))),
    "leave": (LeaveRoom, case(Right.READ, lambda _: LeaveRoom())),
    "rename": (RenameRoom, case(Right.RENAME, lambda _: RenameRoom(name="new"))),
    "topic": (SetTopic, case(Right.RENAME, lambda _: SetTopic(topic="new"))),
    "settings": (
        SetRoomSettings,
        case(Right.SETTINGS, lambda _: SetRoomSettings(settings=RoomSettings(persona="terse"))),
    ),
    "archive": (ArchiveRoom, case(Right.ARCHIVE, lambda _: ArchiveRoom())),
    "delete the room": (DeleteRoom, case(Right.ARCHIVE, lambda _: DeleteRoom())),
    "ask": (AskAi, case(Right.ASK_AI, lambda _: AskAi())),
    "stop": (StopTurn, case(Right.STOP_TURN, lambda book: StopTurn(turn_id=book.asks("olga", "bot")))),
    "steer": (SteerTurn, case(Right.STEER_TURN, lambda book: steered(book, asker="olga"))),
    "steer own": (SteerTurn, case(Right.STEER_TURN, steered, is_own_request=True)),
    "regenerate": (
        RegenerateAnswer,
        case(Right.STEER_TURN, lambda book: RegenerateAnswer(message_id=answer(book, asker="olga"))),
    ),
    "regenerate own": (
        RegenerateAnswer,
        case(Right.STEER_TURN, lambda book: RegenerateAnswer(message_id=answer(book)), is_own_request=True),
    ),
    "choose": (
        ChooseAnswer,
        case(Right.STEER_TURN, lambda book: ChooseAnswer(message_id=answer(book, asker="olga", times=2), index=0)),
    ),
    "choose own": (
        ChooseAnswer,
        case(
            Right.STEER_TURN,
            lambda book: ChooseAnswer(message_id=answer(book, times=2), index=0),
            is_own_request=True,
        ),
    ),
    "answer a form": (AnswerForm, case(Right.ASK_AI, filled_in)),
    "edit the summary": (
        EditSummary,
        case(
            Right.EDIT_SUMMARY, lambda _: EditSummary(version=0, points=(PointEdit(section=Section.TOPIC, text="us"),))
        ),
    ),
    "pin a fact": (PinFact, case(Right.EDIT_SUMMARY, lambda _: PinFact(text="the sea is deep"))),
    "forget a fact": (ForgetFact, case(Right.EDIT_SUMMARY, forgotten)),
    "set the budget": (
        SetBudget,
        case(Right.SET_BUDGETS, lambda _: SetBudget(budget=Budget(total=Caps(tokens_per_day=1)))),
    ),
    "approve": (DecideApproval, case(Right.APPROVE, waits_for_approval)),
    "undo": (UndoTurn, case(Right.STEER_TURN, lambda book: files_changed(book, asker="olga"))),
    "undo own": (UndoTurn, case(Right.STEER_TURN, files_changed, is_own_request=True)),
    "decide a proposal": (DecideProposal, case(Right.EDIT_SUMMARY, proposed)),
    "stop own": (StopTurn, case(Right.STOP_TURN, own_turn, is_own_request=True)),
}
SILENT = (MarkRead, SetTyping)


def test_every_command_is_tried_and_stands_under_a_right() -> None:
    every = set(get_args(Command))
    assert {kind for kind, _ in CASES.values()} == every
    assert set(COMMAND_RIGHTS) == every


def test_a_command_stands_under_the_right_it_is_tried_with() -> None:
    for kind, right in COMMAND_RIGHTS.items():
        assert ROW_OF[right] in {case.row for tried, case in CASES.values() if tried is kind}


@pytest.mark.parametrize("settings", [CLOSED, OPEN], ids=["closed", "open"])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", CASES)
def test_a_command_is_decided_as_the_written_table_says(name: str, role: Role, settings: RoomSettings) -> None:
    kind, tried = CASES[name]
    book = scene(role)
    command = tried.make(book)
    if settings != OPEN:
        book.given("olga", SetRoomSettings(settings=settings))
    assert isinstance(command, kind)
    seq = book.room.seq
    # By class: what an owner has to confirm, an admin may approve as well.
    by_class = kind is DecideApproval and role in {Role.OWNER, Role.ADMIN}
    if by_class or allows(tried.row, role, settings, tried.asked):
        events = book.given("alice", command)
        assert bool(events) == (kind not in SILENT)
        assert [event.seq for event in events] == list(range(seq + 1, seq + 1 + len(events)))
    else:
        (book >> ("alice", command)).refuses(RefusalCode.FORBIDDEN)
        assert book.room.seq == seq


@pytest.mark.parametrize("name", CASES)
def test_for_an_outsider_the_room_looks_as_if_it_were_not_there(name: str) -> None:
    _, tried = CASES[name]
    book = scene(Role.MEMBER)
    command = tried.make(book)
    outside = refusal_of(book, "dave", command)
    book.given("olga", DeleteRoom())
    gone = refusal_of(book, "dave", command)
    assert outside == gone == (RefusalCode.NOT_FOUND, "there is no such room")


@pytest.mark.parametrize("name", CASES)
def test_who_was_removed_is_an_outsider_at_once(name: str) -> None:
    _, tried = CASES[name]
    book = scene(Role.ADMIN)
    command = tried.make(book)
    book.given("olga", RemoveMember(account_id=AccountId("alice")))
    assert refusal_of(book, "alice", command) == (RefusalCode.NOT_FOUND, "there is no such room")


def refusal_of(book: Playbook, actor: str, command: Command) -> tuple[RefusalCode, str]:
    with pytest.raises(Refused) as refused:
        book.decide(actor, command)
    return refused.value.code, refused.value.message


_REMOVES = {
    Role.OWNER: {Role.OWNER, Role.ADMIN, Role.MEMBER, Role.GUEST, Role.AI},
    Role.ADMIN: {Role.MEMBER, Role.GUEST, Role.AI},
    Role.MEMBER: set[Role](),
    Role.GUEST: set[Role](),
    Role.AI: set[Role](),
}


@pytest.mark.parametrize("target", ROLES)
@pytest.mark.parametrize("role", ROLES)
def test_only_lower_ranks_are_removed_and_owners_by_owners(role: Role, target: Role) -> None:
    book = Playbook(room_of(olga="owner", alice=role, bob=target)) >> ("alice", RemoveMember(account_id=BOB))
    if target in _REMOVES[role]:
        assert book << such(MemberRemoved, account_id="bob", actor_id="alice", is_banned=False)
    else:
        assert book.refuses(RefusalCode.FORBIDDEN)


@pytest.mark.parametrize("new", [Role.OWNER, Role.ADMIN, Role.MEMBER, Role.GUEST])
@pytest.mark.parametrize("target", [Role.OWNER, Role.ADMIN, Role.MEMBER, Role.GUEST])
@pytest.mark.parametrize("role", ROLES)
def test_nobody_gives_more_than_they_may_or_acts_on_their_own_rank(role: Role, target: Role, new: Role) -> None:
    book = Playbook(room_of(olga="owner", alice=role, bob=target)) >> ("alice", SetRole(account_id=BOB, role=new))
    may_give = {Role.OWNER: set(Role), Role.ADMIN: {Role.MEMBER, Role.GUEST}}.get(role, set())
    if target not in _REMOVES[role] or new not in may_give:
        assert book.refuses(RefusalCode.FORBIDDEN)
    elif new is target:
        assert book.refuses(RefusalCode.NO_CHANGE)
    else:
        assert book << such(RoleChanged, account_id="bob", role=new, previous=target)
