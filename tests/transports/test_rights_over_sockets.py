"""Every command by every role, over a WebSocket and by POST: what the table of rights says is what a client is told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from ulid import ULID

from multiplayer.live.door import DoorLimits
from multiplayer.live.pod import PodLimits
from multiplayer.live.room_host import RoomHost
from multiplayer.live.session import SessionLimits
from multiplayer.models.scripted import ScriptedModel, Stall
from multiplayer.protocol.attachments import Attachment, AttachmentState, FileFamily, Transcript, TranscriptState
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
from multiplayer.protocol.errors import Refused
from multiplayer.protocol.ids import AccountId, AttachmentId, CallId, MessageId, TurnId
from multiplayer.protocol.inner_commands import (
    CallTool,
    EndTurn,
    NoteChanges,
    Propose,
    RequestApproval,
    SettleAttachment,
    SetTranscript,
    StartTool,
)
from multiplayer.protocol.members import Role
from multiplayer.protocol.memory import PointEdit, Section
from multiplayer.protocol.rooms import RoomSettings
from multiplayer.protocol.tools import ChangeKind, FileChange, ToolClass
from multiplayer.protocol.turns import TurnOutcome
from multiplayer.rooms.permissions import Right, may
from multiplayer.rooms.room import COMMAND_RIGHTS
from multiplayer.storage.attachment_port import AttachmentStore, NewUpload, Quotas
from tests.support.people import Line, Person, Transport, answer_line, person
from tests.support.server import Known, RunningServer, running_server

pytestmark = pytest.mark.slow  # some ten seconds: every command, role and door

OPEN = RoomSettings(guests_post=True, guests_ask_ai=True, guests_see_workspace=True, members_invite=True)
CLOSED = RoomSettings()
ROLES = {"owner": Role.OWNER, "admin": Role.ADMIN, "member": Role.MEMBER, "guest": Role.GUEST, "stranger": None}
SILENT = (MarkRead, SetTyping)
TURNS = 2_000
CALL, SHA = CallId("c1"), "a" * 64
PATIENCE_S = 30.0
NO_QUOTA = Quotas(room_bytes=2**40, account_bytes=2**40, pending=10_000)


@dataclass(frozen=True)
class Scene:
    """A room of its own with somebody of each role and bob, a member; `actor` is who will ask."""

    host: RoomHost
    owner: AccountId
    bob: AccountId
    actor: AccountId
    """Mary, the member, where a stranger asks: what is theirs has to be somebody's."""
    uploads: AttachmentStore

    async def given(self, actor: AccountId, command: Command) -> MessageId:
        """Carry out what the scene needs; return the first event's id, which is a new message's too."""
        done = await self.host.ask(actor, command, origin="cli")
        assert done.event_id is not None
        return MessageId(done.event_id)

    async def own_message(self) -> MessageId:
        return await self.given(self.actor, PostMessage(text="mine"))

    async def bobs_message(self) -> MessageId:
        return await self.given(self.bob, PostMessage(text="not mine"))

    async def upload(self, who: AccountId) -> AttachmentId:
        """Let somebody begin an upload."""
        upload = NewUpload(
            id=AttachmentId(str(ULID())),
            room_id=self.host.room_id,
            uploader_id=who,
            name="plan.pdf",
            size=1,
            sha256=None,
            part_bytes=1,
            at=datetime.now(UTC),
            until=datetime.now(UTC) + timedelta(hours=1),
        )
        assert await self.uploads.begin_upload(upload, NO_QUOTA) is None
        return upload.id

    async def file_of(self, who: AccountId) -> Command:
        """Let somebody post a message with a file, and return what takes it off."""
        # What counts here is whose message it is: a guest's own is from when it was a member.
        is_guest = self.host.room.state.members[who].role is Role.GUEST
        if is_guest:
            await self.given(self.owner, SetRole(account_id=who, role=Role.MEMBER))
        file = await self.upload(who)
        message_id = await self.given(who, PostMessage(text="", attachments=(file,)))
        if is_guest:
            await self.given(self.owner, SetRole(account_id=who, role=Role.GUEST))
        return RemoveAttachment(message_id=message_id, attachment_id=file)

    async def recording_of(self, who: AccountId, state: TranscriptState | None) -> tuple[MessageId, AttachmentId]:
        """Let somebody post a recording whose transcript is so far."""
        is_guest = self.host.room.state.members[who].role is Role.GUEST
        if is_guest:
            await self.given(self.owner, SetRole(account_id=who, role=Role.MEMBER))
        file = await self.upload(who)
        message_id = await self.given(who, PostMessage(text="", attachments=(file,)))
        sound = Attachment(id=file, name="a.ogg", size=1, state=AttachmentState.READY, family=FileFamily.AUDIO)
        await self.host.ask(who, SettleAttachment(message_id=message_id, attachment=sound), origin="server")
        said = SetTranscript(
            message_id=message_id, attachment_id=file, transcript=Transcript(state=TranscriptState.QUEUED)
        )
        match state:
            case TranscriptState.RUNNING:
                # In one batch: what is only queued, a server without ears gives up at once.
                self.host.submit(who, said, key=None, origin="server", done=lambda _: None)
                until = datetime.now(UTC) + timedelta(hours=1)
                running = said.model_copy(update={"transcript": Transcript(state=state, until=until)})
                await self.host.ask(who, running, origin="server")
            case TranscriptState.FAILED:
                failed = said.model_copy(update={"transcript": Transcript(state=state)})
                await self.host.ask(who, failed, origin="server")
            case _:
                assert state is None, f"no scene needs {state}"
        if is_guest:
            await self.given(self.owner, SetRole(account_id=who, role=Role.GUEST))
        return message_id, file

    async def turn_of(self, asker: AccountId) -> TurnId:
        await self.given(asker, AskAi())
        [turn] = self.host.room.state.turns.values()
        return turn.turn_id

    async def answered(self, turn_id: TurnId, *, form: Form | None = None) -> MessageId:
        """Let the AI's turn end with an answer, once it has begun."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.host.room.state.turns[turn_id].is_running:  # noqa: ASYNC110 - the room's own task moves it
                await asyncio.sleep(0)
        turn = self.host.room.state.turns[turn_id]
        end = EndTurn(turn_id=turn_id, fence=turn.fence, outcome=TurnOutcome.DONE, text="an answer", form=form)
        done = await self.host.ask(turn.ai_id, end, origin="server")
        assert done.event_id is not None
        return turn.replaces or MessageId(done.event_id)

    async def runs(self, turn_id: TurnId) -> tuple[AccountId, int]:
        """Wait until the AI is at a turn; return who it is and its fence."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.host.room.state.turns[turn_id].is_running:  # noqa: ASYNC110 - the room's own task moves it
                await asyncio.sleep(0)
        turn = self.host.room.state.turns[turn_id]
        return turn.ai_id, turn.fence

    async def calls(self, turn_id: TurnId, tool_class: ToolClass) -> None:
        """Let the AI ask for a call: one that may change files begins, another waits for approval."""
        ai_id, fence = await self.runs(turn_id)
        call = CallTool(turn_id=turn_id, fence=fence, call_id=CALL, name="tool", arguments="{}")
        await self.host.ask(ai_id, call, origin="server")
        kind = RequestApproval if tool_class is ToolClass.EXTENDED else StartTool
        begin = kind(turn_id=turn_id, fence=fence, call_id=CALL, tool_class=tool_class, sha256=SHA)
        await self.host.ask(ai_id, begin, origin="server")

    async def two_answers(self, asker: AccountId) -> MessageId:
        message_id = await self.answered(await self.turn_of(asker))
        await self.given(self.owner, RegenerateAnswer(message_id=message_id))
        [turn] = self.host.room.state.turns.values()
        return await self.answered(turn.turn_id)


Make = Callable[[Scene], Awaitable[Command]]


@dataclass(frozen=True)
class Case:
    """A command that is right in every respect but perhaps who asks. `right`: where it is not that of the command."""

    kind: type[Command]
    make: Make
    towards: Role | None = None
    is_own: bool = False
    right: Right | None = None

    def allows(self, role: Role, settings: RoomSettings) -> bool:
        if self.kind is DecideApproval:
            # By class: what its asker confirms, an admin may approve as well.
            return role in {Role.OWNER, Role.ADMIN}
        right = self.right or COMMAND_RIGHTS[self.kind]
        return may(right, role, settings, towards=self.towards, is_own_request=self.is_own)


def plain(command: Command) -> Make:
    async def make(_: Scene) -> Command:
        return command

    return make


async def _unreact(scene: Scene) -> Command:
    message_id = await scene.bobs_message()
    await scene.given(scene.actor, AddReaction(message_id=message_id, emoji="👍"))
    return RemoveReaction(message_id=message_id, emoji="👍")


async def _unpin(scene: Scene) -> Command:
    message_id = await scene.bobs_message()
    await scene.given(scene.owner, PinMessage(message_id=message_id))
    return UnpinMessage(message_id=message_id)


async def _lift_ban(scene: Scene) -> Command:
    await scene.given(scene.owner, RemoveMember(account_id=scene.bob, ban=True))
    return LiftBan(account_id=scene.bob)


async def _leave(scene: Scene) -> Command:
    # The last owner could not go.
    await scene.given(scene.owner, SetRole(account_id=scene.bob, role=Role.OWNER))
    return LeaveRoom()


async def _reply(scene: Scene) -> Command:
    return PostMessage(text="yes", reply_to=await scene.bobs_message())


async def _edit(scene: Scene) -> Command:
    return EditMessage(message_id=await scene.own_message(), text="new")


async def _delete_own(scene: Scene) -> Command:
    return DeleteMessage(message_id=await scene.own_message())


async def _delete_any(scene: Scene) -> Command:
    return DeleteMessage(message_id=await scene.bobs_message())


async def _attach(scene: Scene) -> Command:
    return PostMessage(text="see", attachments=(await scene.upload(scene.actor),))


async def _take_off_own(scene: Scene) -> Command:
    return await scene.file_of(scene.actor)


async def _take_off_any(scene: Scene) -> Command:
    return await scene.file_of(scene.bob)


async def _edit_transcript(scene: Scene) -> Command:
    message_id, file = await scene.recording_of(scene.actor, None)
    return EditTranscript(message_id=message_id, attachment_id=file, text="hello")


async def _stop_own_transcript(scene: Scene) -> Command:
    message_id, file = await scene.recording_of(scene.actor, TranscriptState.RUNNING)
    return StopTranscript(message_id=message_id, attachment_id=file)


async def _stop_any_transcript(scene: Scene) -> Command:
    message_id, file = await scene.recording_of(scene.bob, TranscriptState.RUNNING)
    return StopTranscript(message_id=message_id, attachment_id=file)


async def _ask_own_transcript(scene: Scene) -> Command:
    message_id, file = await scene.recording_of(scene.actor, TranscriptState.FAILED)
    return AskTranscript(message_id=message_id, attachment_id=file)


async def _ask_any_transcript(scene: Scene) -> Command:
    message_id, file = await scene.recording_of(scene.bob, TranscriptState.FAILED)
    return AskTranscript(message_id=message_id, attachment_id=file)


async def _react(scene: Scene) -> Command:
    return AddReaction(message_id=await scene.bobs_message(), emoji="👍")


async def _pin(scene: Scene) -> Command:
    return PinMessage(message_id=await scene.bobs_message())


async def _remove(scene: Scene) -> Command:
    return RemoveMember(account_id=scene.bob)


async def _ban(scene: Scene) -> Command:
    return RemoveMember(account_id=scene.bob, ban=True)


async def _set_role(scene: Scene) -> Command:
    return SetRole(account_id=scene.bob, role=Role.GUEST)


async def _hand_over(scene: Scene) -> Command:
    return SetRole(account_id=scene.bob, role=Role.OWNER)


async def _stop(scene: Scene) -> Command:
    return StopTurn(turn_id=await scene.turn_of(scene.bob))


async def _stop_own(scene: Scene) -> Command:
    return StopTurn(turn_id=await scene.turn_of(scene.actor))


async def _steer(scene: Scene) -> Command:
    return SteerTurn(turn_id=await scene.turn_of(scene.bob), text="in French")


async def _steer_own(scene: Scene) -> Command:
    return SteerTurn(turn_id=await scene.turn_of(scene.actor), text="in French")


async def _again(scene: Scene) -> Command:
    return RegenerateAnswer(message_id=await scene.answered(await scene.turn_of(scene.bob)))


async def _again_own(scene: Scene) -> Command:
    return RegenerateAnswer(message_id=await scene.answered(await scene.turn_of(scene.actor)))


async def _choose(scene: Scene) -> Command:
    return ChooseAnswer(message_id=await scene.two_answers(scene.bob), index=0)


async def _choose_own(scene: Scene) -> Command:
    return ChooseAnswer(message_id=await scene.two_answers(scene.actor), index=0)


async def _fill_in(scene: Scene) -> Command:
    form = Form(questions=(Question(id="q", text="For how many?"),))
    message_id = await scene.answered(await scene.turn_of(scene.bob), form=form)
    return AnswerForm(message_id=message_id, answers=(FormAnswer(question_id="q", values=("two",)),))


async def _forget(scene: Scene) -> Command:
    await scene.given(scene.owner, PinFact(text="rice is out"))
    return ForgetFact(fact_id=scene.host.room.state.notes.facts[0].id)


async def _approve(scene: Scene) -> Command:
    turn_id = await scene.turn_of(scene.owner)
    await scene.calls(turn_id, ToolClass.EXTENDED)
    return DecideApproval(turn_id=turn_id, call_id=CALL, sha256=SHA, is_approved=True)


async def _undo_of(scene: Scene, asker: AccountId) -> Command:
    turn_id = await scene.turn_of(asker)
    await scene.calls(turn_id, ToolClass.READ)
    ai_id, fence = await scene.runs(turn_id)
    change = FileChange(path="a.txt", kind=ChangeKind.ADDED)
    note = NoteChanges(turn_id=turn_id, fence=fence, call_id=CALL, changes=(change,), before=SHA, after="b" * 64)
    await scene.host.ask(ai_id, note, origin="server")
    await scene.answered(turn_id)
    return UndoTurn(turn_id=turn_id)


async def _undo(scene: Scene) -> Command:
    return await _undo_of(scene, scene.bob)


async def _undo_own(scene: Scene) -> Command:
    return await _undo_of(scene, scene.actor)


async def _proposal(scene: Scene) -> Command:
    turn_id = await scene.turn_of(scene.bob)
    ai_id, fence = await scene.runs(turn_id)
    await scene.host.ask(ai_id, Propose(turn_id=turn_id, fence=fence, text="rice is out"), origin="server")
    return DecideProposal(proposal_id=scene.host.room.state.notes.proposals[0].id, is_accepted=True)


POINT = PointEdit(section=Section.DECISIONS, text="we cook rice")
BUDGET = Budget(total=Caps(tokens_per_day=1_000_000))


CASES: dict[str, Case] = {
    "post": Case(PostMessage, plain(PostMessage(text="hello"))),
    "reply": Case(PostMessage, _reply),
    "edit": Case(EditMessage, _edit),
    "delete own": Case(DeleteMessage, _delete_own),
    "delete any": Case(DeleteMessage, _delete_any, right=Right.DELETE_ANY),
    "attach": Case(PostMessage, _attach, right=Right.ATTACH),
    "take off an own file": Case(RemoveAttachment, _take_off_own),
    "take off any file": Case(RemoveAttachment, _take_off_any, right=Right.DELETE_ANY),
    "edit what is said": Case(EditTranscript, _edit_transcript),
    "stop an own transcript": Case(StopTranscript, _stop_own_transcript),
    "stop any transcript": Case(StopTranscript, _stop_any_transcript, right=Right.DELETE_ANY),
    "ask for an own transcript": Case(AskTranscript, _ask_own_transcript),
    "ask for any transcript": Case(AskTranscript, _ask_any_transcript, right=Right.DELETE_ANY),
    "react": Case(AddReaction, _react),
    "unreact": Case(RemoveReaction, _unreact),
    "pin": Case(PinMessage, _pin),
    "unpin": Case(UnpinMessage, _unpin),
    "mark read": Case(MarkRead, plain(MarkRead(seq=1))),
    "typing": Case(SetTyping, plain(SetTyping())),
    "invite": Case(InviteMember, plain(InviteMember(handle="carol"))),
    "remove": Case(RemoveMember, _remove, towards=Role.MEMBER),
    "ban": Case(RemoveMember, _ban, towards=Role.MEMBER),
    "lift a ban": Case(LiftBan, _lift_ban, towards=Role.AI),
    "set role": Case(SetRole, _set_role, towards=Role.MEMBER),
    "hand over": Case(SetRole, _hand_over, right=Right.HAND_OVER),
    "leave": Case(LeaveRoom, _leave),
    "rename": Case(RenameRoom, plain(RenameRoom(name="new"))),
    "topic": Case(SetTopic, plain(SetTopic(topic="new"))),
    "settings": Case(SetRoomSettings, plain(SetRoomSettings(settings=RoomSettings(persona="terse")))),
    "archive": Case(ArchiveRoom, plain(ArchiveRoom())),
    "delete the room": Case(DeleteRoom, plain(DeleteRoom())),
    "ask": Case(AskAi, plain(AskAi())),
    "stop": Case(StopTurn, _stop),
    "stop own": Case(StopTurn, _stop_own, is_own=True),
    "steer": Case(SteerTurn, _steer),
    "steer own": Case(SteerTurn, _steer_own, is_own=True),
    "answer again": Case(RegenerateAnswer, _again),
    "answer again own": Case(RegenerateAnswer, _again_own, is_own=True),
    "choose": Case(ChooseAnswer, _choose),
    "choose own": Case(ChooseAnswer, _choose_own, is_own=True),
    "fill in a form": Case(AnswerForm, _fill_in),
    "edit the summary": Case(EditSummary, plain(EditSummary(version=0, points=(POINT,)))),
    "pin a fact": Case(PinFact, plain(PinFact(text="rice is out"))),
    "forget a fact": Case(ForgetFact, _forget),
    "approve": Case(DecideApproval, _approve),
    "undo": Case(UndoTurn, _undo),
    "undo own": Case(UndoTurn, _undo_own, is_own=True),
    "decide a proposal": Case(DecideProposal, _proposal),
    "set the budget": Case(SetBudget, plain(SetBudget(budget=BUDGET))),
}


def test_every_command_is_tried_under_its_own_right() -> None:
    assert {case.kind for case in CASES.values() if case.right is None} == set(COMMAND_RIGHTS)


@dataclass(frozen=True)
class Town:
    """One account for each role, each with a WebSocket that stays open."""

    server: RunningServer
    known: dict[str, Known]
    sockets: dict[str, Person]
    bob: Known

    async def scene(self, role: str) -> Scene:
        owner = self.known["owner"].id
        room_id = await self.server.pod.lobby.create_room(owner, "demo", origin="cli")
        host = await self.server.pod.directory.host(room_id)
        actor = self.known["member" if role == "stranger" else role].id
        scene = Scene(host, owner, self.bob.id, actor, self.server.pod.storage)
        await scene.given(owner, SetRoomSettings(settings=OPEN))
        await scene.given(owner, InviteMember(handle=self.bob.account.handle))
        for name, as_role in ROLES.items():
            if as_role not in {None, Role.OWNER}:
                assert as_role is not None
                await scene.given(owner, InviteMember(handle=self.known[name].account.handle, role=as_role))
        return scene

    async def ask(self, transport: Transport, role: str, scene: Scene, command: Command) -> Line:
        fields = command.model_dump(mode="json", exclude_none=True)
        if transport == "websocket":
            kind = fields.pop("type")
            return await self.sockets[role].ask(scene.host.room_id, kind, **fields)
        return answer_line(
            await self.server.http.post(
                f"/api/v1/rooms/{scene.host.room_id}/commands", json=fields, headers=self.known[role].bearer
            )
        )


@pytest.fixture(scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    limits = PodLimits(session=SessionLimits(commands_per_s=10_000, commands_burst=10_000))
    # A turn that somebody is to stop must not end by itself.
    model = ScriptedModel([[Stall(asyncio.Event())] for _ in range(TURNS)])
    door = DoorLimits(messages_per_min=10_000)
    async with (
        running_server(tmp_path_factory.mktemp("workspaces"), limits=limits, door_limits=door, model=model) as server,
        AsyncExitStack() as stack,
    ):
        known = {role: await server.know(f"the-{role}") for role in ROLES}
        await server.know("carol")
        sockets = {
            role: await stack.enter_async_context(person(server, someone, "websocket"))
            for role, someone in known.items()
        }
        yield Town(server, known, sockets, await server.know("bob"))


@pytest.mark.parametrize("settings", [CLOSED, OPEN], ids=["closed", "open"])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", CASES)
async def test_a_client_is_allowed_exactly_what_the_table_says(
    town: Town, name: str, role: str, settings: RoomSettings, transport: Transport
) -> None:
    case, scene = CASES[name], await town.scene(role)
    command = await case.make(scene)
    assert isinstance(command, case.kind)
    if settings != OPEN:
        await scene.given(scene.owner, SetRoomSettings(settings=settings))
    answer = await town.ask(transport, role, scene, command)
    with suppress(Refused):
        # Turns that nobody stops would take all the places for turns of the pod.
        await scene.host.ask(scene.owner, DeleteRoom(), origin="cli")
    as_role = ROLES[role]
    if as_role is None:
        assert (answer["type"], answer.get("code")) == ("refused", "not_found"), answer
        assert answer["message"] == "there is no such room"
    elif case.allows(as_role, settings):
        assert answer["type"] == "accepted", answer
        assert ("seq" in answer) == (case.kind not in SILENT)
    else:
        assert (answer["type"], answer.get("code")) == ("refused", "forbidden"), answer
