"""A room's workspace as its members see it: what lies in it, who changed what, what runs in it, and with which tools."""

from typing import Literal

from multiplayer.protocol.cards import Taint
from multiplayer.protocol.ids import AccountId, CallId, TurnId
from multiplayer.protocol.tools import FileChange, ToolClass
from multiplayer.protocol.values import Frozen, UtcTime


class WorkspaceEntry(Frozen):
    r"""One name in a folder. Bytes of it that are not UTF-8 stand as `\xNN`: such a one cannot be opened by its name.

    `kind`: file, folder, link or special. `size`: bytes of a file, else 0.
    """

    name: str
    kind: str
    size: int
    modified_at: UtcTime


class MirrorState(Frozen):
    """How a workspace stands to its copy in the file store, from which another server restores it.

    `off`: there is none. `waiting`: `waiting` paths are different here. `behind`: the store has something newer that
    could not be fetched. `failing`: what is here could not be put there. `reason` says why in plain words. `version`
    and `at` are the copy's. `conflicts`: what was put beside, because it was changed in two places.
    """

    state: Literal["off", "synced", "waiting", "pushing", "behind", "failing"] = "off"
    version: int = 0
    at: UtcTime | None = None
    waiting: int = 0
    reason: str = ""
    conflicts: tuple[str, ...] = ()


class WorkspaceListing(Frozen):
    """What a folder holds, by name, and how full the whole workspace is.

    `is_cut`: the folder holds more than is named. `used_bytes` and `files` (folders and links count, too) are of the
    whole workspace; `is_whole` False: it holds more than could be counted, and counts as full.
    """

    path: str
    entries: tuple[WorkspaceEntry, ...]
    is_cut: bool = False
    used_bytes: int
    files: int
    is_whole: bool = True
    quota_bytes: int
    quota_files: int
    mirror: MirrorState = MirrorState()


class WorkspaceChange(Frozen):
    """What a change by hand came to. `seq`: the `files_changed` event that tells of it; absent: nothing was different.

    `sha256`: of the file that was written. `before` and `after` name the workspace in `GET …/workspace/diff`.
    """

    seq: int | None = None
    event_id: str | None = None
    changes: tuple[FileChange, ...] = ()
    more: int = 0
    before: str = ""
    after: str = ""
    sha256: str = ""


class WorkspaceDiff(Frozen):
    """A unified diff: of `path`, or of all that differs, in the order of `changes`. "": nothing differs.

    The contents are the files' own: whoever shows them must not take them for markup. A diff that was cut says so in
    its last line. `left_out`: how many of the changes have no diff here, as there was no more room.
    """

    before: str
    after: str
    path: str | None = None
    diff: str
    changes: tuple[FileChange, ...] = ()
    left_out: int = 0


class CallChanges(Frozen):
    """What one tool call changed, for whom and with whose approval."""

    seq: int
    at: UtcTime
    call_id: CallId | None = None
    asked_by: tuple[AccountId, ...] = ()
    approved_by: tuple[AccountId, ...] = ()
    changes: tuple[FileChange, ...] = ()
    more: int = 0
    before: str
    after: str
    taint: tuple[Taint, ...] = ()


UndoState = Literal["possible", "running", "wanted", "done", "too_late", "nothing"]


class TurnChanges(Frozen):
    """All that a turn changed in the workspace, call by call.

    `undo`: `possible`; `running`: once the turn has ended; `wanted`: it is being done; `done`; `too_late`: too many
    turns have changed files since; `nothing`: it changed no files. `may_undo`: the reader has the right to.
    """

    turn_id: TurnId
    ai_id: AccountId
    calls: tuple[CallChanges, ...] = ()
    undo: UndoState
    may_undo: bool = False
    undo_by: AccountId | None = None


class JobReport(Frozen):
    """A background job. `state`: running, ended, stopped or failed; `stop`: what killed it."""

    job_id: str
    command: str
    cwd: str
    turn_id: TurnId
    call_id: CallId
    askers: tuple[AccountId, ...]
    state: str
    exit_status: int | None = None
    stop: str | None = None
    stopped_by: AccountId | None = None
    stopped_in: CallId | None = None
    wall_s: float
    started_at: UtcTime
    ended_at: UtcTime | None = None
    printed_bytes: int = 0


class JobList(Frozen):
    """By their start: those that run, and the last that ended."""

    jobs: tuple[JobReport, ...] = ()


class JobOutputTail(Frozen):
    """The end of a job's output. `left_out_bytes` were printed before `text`."""

    job: JobReport
    text: str
    left_out_bytes: int = 0


class ToolReport(Frozen):
    """A tool. `is_offered`: the room's AI can use it now; else `why_not` says what stands in the way.

    `tool_class` is that of a plain call; options of a call can raise it.
    """

    name: str
    description: str
    tool_class: ToolClass
    is_offered: bool
    why_not: str = ""


class SandboxReport(Frozen):
    """How commands run on this server. `limits_by` (cgroup or polling) holds the memory of a command's processes."""

    mode: str
    reason: str
    limits_by: str
    limits_note: str = ""


class OutsideTool(Frozen):
    r"""A tool of an outside server (MCP), in that server's words, with what cannot be seen in them written out (`\u200b`).

    `state`: consented, changed since, or new. The model is told the description and the part of the input schema that
    is kept; the other parts are bound by `sha256` as well.
    """

    tool: str
    title: str = ""
    description: str = ""
    input_schema: str = ""
    """JSON, as are `output_schema` and `annotations`; empty where the server gives none."""
    output_schema: str = ""
    annotations: str = ""
    left_out: tuple[str, ...] = ()
    """What of the definition is too long to be shown."""
    sha256: str
    """Of the definition as the server gave it, and of where the server is: what a consent names."""
    tool_class: ToolClass
    state: str


class OutsideServer(Frozen):
    """An outside server, asked just now. `left_out`: tools that cannot be used, and why. `gone`: consented ones it lost."""

    server: str
    kind: str = ""
    """`http`: it is reached at `address`. `stdio`: the program line `address` is started in the room's sandbox."""
    address: str = ""
    """Without what is or may be secret in it."""
    is_reachable: bool
    trouble: str = ""
    tools: tuple[OutsideTool, ...] = ()
    left_out: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


class RoomTools(Frozen):
    """`ai_id`: whose tools are told; absent: the room has no AI. `servers` is empty for guests."""

    ai_id: AccountId | None = None
    tools: tuple[ToolReport, ...] = ()
    sandbox: SandboxReport
    servers: tuple[OutsideServer, ...] = ()
