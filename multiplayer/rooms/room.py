"""A room as those above use it: what a command needs, what it causes, how an event changes it."""

from collections.abc import Sequence
from typing import Final, assert_never, get_args

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
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.events import Event
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.inner_commands import (
    AcceptInvite,
    CallTool,
    ChangeModel,
    EndTurn,
    ErasePerson,
    ExpireApproval,
    ExpireMember,
    FinishTool,
    FinishUndo,
    FireRule,
    ForgetFiles,
    ForgetMessages,
    InnerCommand,
    NoteChanges,
    NoteJobChanges,
    Propose,
    RecordChanges,
    RequestApproval,
    SettleAttachment,
    SetTranscript,
    StartTool,
    StartTurn,
    TakeBack,
    TakeSteering,
    UpdateSummary,
)
from multiplayer.protocol.members import Member
from multiplayer.protocol.trigger_rules import ThreadRule
from multiplayer.rooms import (
    approval_rules,
    attachment_rules,
    erasure_rules,
    forgetting_rules,
    member_rules,
    memory_rules,
    message_rules,
    room_rules,
    transcript_rules,
    turn_requests,
    turn_rules,
    workspace_rules,
)
from multiplayer.rooms.deciding import Deciding, Stamped, no_such_room, readable_from
from multiplayer.rooms.facts import Facts, Needs
from multiplayer.rooms.limits import RoomLimits
from multiplayer.rooms.permissions import Right, may
from multiplayer.rooms.sight import Sight
from multiplayer.rooms.state import RoomState

COMMAND_RIGHTS: Final[dict[type[Command], Right]] = {
    PostMessage: Right.POST,
    EditMessage: Right.EDIT_OWN,
    DeleteMessage: Right.EDIT_OWN,
    AddReaction: Right.REACT,
    RemoveReaction: Right.REACT,
    PinMessage: Right.PIN,
    UnpinMessage: Right.PIN,
    RemoveAttachment: Right.EDIT_OWN,
    EditTranscript: Right.EDIT_OWN,
    StopTranscript: Right.EDIT_OWN,
    AskTranscript: Right.EDIT_OWN,
    MarkRead: Right.MARK_READ,
    SetTyping: Right.MARK_READ,
    InviteMember: Right.INVITE,
    RemoveMember: Right.REMOVE,
    LiftBan: Right.REMOVE,
    SetRole: Right.CHANGE_ROLE,
    LeaveRoom: Right.READ,
    RenameRoom: Right.RENAME,
    SetTopic: Right.RENAME,
    SetRoomSettings: Right.SETTINGS,
    ArchiveRoom: Right.ARCHIVE,
    DeleteRoom: Right.ARCHIVE,
    AskAi: Right.ASK_AI,
    StopTurn: Right.STOP_TURN,
    SteerTurn: Right.STEER_TURN,
    RegenerateAnswer: Right.STEER_TURN,
    ChooseAnswer: Right.STEER_TURN,
    AnswerForm: Right.ASK_AI,
    EditSummary: Right.EDIT_SUMMARY,
    PinFact: Right.EDIT_SUMMARY,
    ForgetFact: Right.EDIT_SUMMARY,
    SetBudget: Right.SET_BUDGETS,
    DecideApproval: Right.APPROVE,
    UndoTurn: Right.STEER_TURN,
    DecideProposal: Right.EDIT_SUMMARY,
}
"""The row of the table of rights that each command stands under; what has none is refused."""

# What brings a closed room in order, or only looks at it.
_ALLOWED_WHEN_ARCHIVED: Final = (
    ArchiveRoom,
    DeleteRoom,
    ErasePerson,
    ExpireMember,
    ForgetFiles,
    ForgetMessages,
    LeaveRoom,
    LiftBan,
    MarkRead,
    NoteJobChanges,
    RemoveMember,
    SetRole,
    SetTranscript,
    SettleAttachment,
    TakeBack,
)


_INNER: Final = get_args(InnerCommand)


class Room:
    """One room's rules. `handle` decides and changes nothing; `apply` takes what was decided."""

    def __init__(self, state: RoomState, limits: RoomLimits) -> None:
        self.state = state
        self._limits = limits

    @property
    def seq(self) -> int:
        return self.state.seq

    def copy(self) -> "Room":
        """Return a tentative room: what is applied to it is not seen by anyone."""
        return Room(self.state.copy(), self._limits)

    def over(self, state: RoomState) -> "Room":
        """Return a room with these limits at another state."""
        return Room(state, self._limits)

    def apply(self, event: Event) -> None:
        self.state.apply(event)

    def reader(self, account_id: AccountId) -> Member:
        """Return the member who wants to read; refuse whoever is none."""
        member = self.state.members.get(account_id)
        if member is None or self.state.is_deleted:
            raise no_such_room()
        return member

    def hidden_before(self, account_id: AccountId) -> int:
        """Return the first seq this account may read if it is kept from what was before, else 0."""
        if self.state.room.settings.guests_see_history or account_id not in self.state.members:
            return 0
        return readable_from(self.state, self.state.members[account_id])

    def sight_of(self, account_id: AccountId) -> Sight:
        """Return what this account may see of the room. Who is no member sees nothing: that is checked elsewhere."""
        member = self.state.members.get(account_id)
        sees = member is None or may(Right.SEE_WORKSPACE, member.role, self.state.room.settings)
        hidden = self.hidden_before(account_id)
        # What tools looked up may quote what was said before.
        return Sight(hidden, sees and not hidden)

    def readable_from(self, member: Member) -> int:
        return readable_from(self.state, member)

    def check(self, account_id: AccountId, right: Right) -> Member:
        """Refuse unless the member has `right` without regard to anyone else."""
        member = self.reader(account_id)
        if not may(right, member.role, self.state.room.settings):
            raise Refused(RefusalCode.FORBIDDEN, f"as {member.role.value} of this room you may not {right.value}")
        return member

    def needs(self, actor_id: AccountId, command: AnyCommand) -> Needs:
        """Say which facts must be loaded before `handle` can decide."""
        match command:
            case PostMessage() if command.reply_to is not None or command.attachments:
                named = frozenset({command.reply_to} if command.reply_to is not None else ())
                follows = any(isinstance(rule, ThreadRule) for rule in self.state.room.settings.triggers)
                files = frozenset(command.attachments)
                return Needs(messages=named, threads_of=named if follows else frozenset(), attachments=files)
            case RemoveAttachment() | SettleAttachment():
                return Needs(messages=frozenset({command.message_id}))
            case EditTranscript() | StopTranscript() | AskTranscript() | SetTranscript():
                return Needs(messages=frozenset({command.message_id}))
            case ForgetMessages() | ForgetFiles():
                return Needs(messages=frozenset(command.message_ids))
            case TakeBack():
                return Needs(messages=frozenset(command.message_ids))
            case RegenerateAnswer():
                named = frozenset({command.message_id})
                return Needs(messages=named, notes_of=named)
            case ChooseAnswer() | AnswerForm():
                return Needs(messages=frozenset({command.message_id}))
            case PinFact() if command.message_id is not None:
                return Needs(messages=frozenset({command.message_id}))
            case EditMessage() | DeleteMessage() | AddReaction() | RemoveReaction() | PinMessage() | UnpinMessage():
                return Needs(messages=frozenset({command.message_id}))
            case AskAi() if command.message_id is not None:
                return Needs(messages=frozenset({command.message_id}))
            case UpdateSummary():
                # A message may have been deleted while a model wrote about it.
                return Needs(messages=frozenset(source for point in command.points for source in point.sources))
            case RemoveMember() if command.account_id not in self.state.members:
                return Needs(accounts=frozenset({command.account_id}))
            case InviteMember():
                return Needs(handles=frozenset({command.handle.casefold()}))
            case AcceptInvite():
                return Needs(accounts=frozenset({actor_id}))
            case EndTurn():
                turn = self.state.turns.get(command.turn_id)
                named = (
                    frozenset({*turn.messages[-1:], *((turn.replaces,) if turn.replaces else ())})
                    if turn
                    else frozenset()
                )
                return Needs(messages=named, attachments=frozenset(command.attachments))
            case _:
                return Needs()

    def handle(self, actor_id: AccountId, stamp: Stamped[AnyCommand], facts: Facts) -> Sequence[Event]:
        """Return the events `stamp.command` causes, in order, from `seq` + 1 on. Changes nothing; raises `Refused`.

        What is not an event (`mark_read`, `set_typing`) is checked and causes none.
        """
        command = stamp.command
        if self.state.is_deleted:
            raise no_such_room()
        deciding = Deciding(self.state, actor_id, stamp, facts, self._limits)
        if not isinstance(command, _INNER):
            _ = deciding.actor
        if self.state.room.archived_at is not None and not isinstance(command, _ALLOWED_WHEN_ARCHIVED):
            raise Refused(RefusalCode.ARCHIVED, "this room is archived: it can be read, not written")
        return self._decide(deciding, command)

    def _decide(self, deciding: Deciding, command: AnyCommand) -> Sequence[Event]:
        match command:
            case PostMessage():
                return message_rules.post(deciding, command)
            case EditMessage():
                return message_rules.edit(deciding, command)
            case DeleteMessage():
                return message_rules.delete(deciding, command)
            case RemoveAttachment():
                return attachment_rules.remove(deciding, command)
            case SettleAttachment():
                return attachment_rules.settle(deciding, command)
            case EditTranscript():
                return transcript_rules.edit(deciding, command)
            case StopTranscript():
                return transcript_rules.stop(deciding, command)
            case AskTranscript():
                return transcript_rules.ask(deciding, command)
            case SetTranscript():
                return transcript_rules.put(deciding, command)
            case AddReaction() | RemoveReaction():
                return message_rules.react(deciding, command)
            case PinMessage() | UnpinMessage():
                return message_rules.pin(deciding, command)
            case MarkRead() | SetTyping():
                deciding.check(Right.MARK_READ)
                return []
            case InviteMember():
                return member_rules.invite(deciding, command)
            case AcceptInvite():
                return member_rules.accept_invite(deciding, command)
            case RemoveMember():
                return member_rules.remove(deciding, command)
            case ExpireMember():
                return member_rules.expire(deciding, command)
            case LiftBan():
                return member_rules.lift_ban(deciding, command)
            case SetRole():
                return member_rules.set_role(deciding, command)
            case LeaveRoom():
                return member_rules.leave(deciding)
            case RenameRoom():
                return room_rules.rename(deciding, command)
            case SetTopic():
                return room_rules.set_topic(deciding, command)
            case SetRoomSettings():
                return room_rules.set_settings(deciding, command)
            case ArchiveRoom():
                return room_rules.archive(deciding, command)
            case DeleteRoom():
                return room_rules.delete(deciding)
            case AskAi():
                return turn_requests.ask(deciding, command)
            case SteerTurn():
                return turn_requests.steer(deciding, command)
            case RegenerateAnswer():
                return turn_requests.regenerate(deciding, command)
            case ChooseAnswer():
                return turn_requests.choose(deciding, command)
            case AnswerForm():
                return turn_requests.answer_form(deciding, command)
            case FireRule():
                return turn_requests.fire(deciding, command)
            case EditSummary():
                return memory_rules.edit_summary(deciding, command)
            case PinFact():
                return memory_rules.pin_fact(deciding, command)
            case ForgetFact():
                return memory_rules.forget_fact(deciding, command)
            case SetBudget():
                return memory_rules.set_budget(deciding, command)
            case StopTurn():
                return turn_rules.stop(deciding, command)
            case DecideApproval():
                return approval_rules.decide_approval(deciding, command)
            case UndoTurn():
                return workspace_rules.undo(deciding, command)
            case ForgetMessages():
                return forgetting_rules.forget_messages(deciding, command)
            case ForgetFiles():
                return forgetting_rules.forget_files(deciding, command)
            case FinishUndo():
                return workspace_rules.finish_undo(deciding, command)
            case RecordChanges():
                return workspace_rules.record_changes(deciding, command)
            case NoteJobChanges():
                return workspace_rules.note_job_changes(deciding, command)
            case ErasePerson():
                return erasure_rules.erase_person(deciding, command)
            case TakeBack():
                return erasure_rules.take_back(deciding, command)
            case DecideProposal():
                return workspace_rules.decide_proposal(deciding, command)
            case (
                StartTurn()
                | CallTool()
                | RequestApproval()
                | ExpireApproval()
                | StartTool()
                | FinishTool()
                | NoteChanges()
                | Propose()
                | TakeSteering()
                | ChangeModel()
                | UpdateSummary()
                | EndTurn()
            ):
                return turn_rules.act(deciding, command)
            case _:
                assert_never(command)
