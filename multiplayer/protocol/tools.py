"""What a room says about its AIs' tools: the classes of calls, who approves what, standing rules, changed files."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StrictBool, StrictInt, StringConstraints

from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.values import Frozen, Sparse, UtcTime

MAX_STANDING = 20
MAX_CONSENTS = 64
MAX_CHANGES = 200
"""How many changed files an event names; the rest are only counted."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class ToolClass(StrEnum):
    """What a call can do. It follows from the tool and its options, never from the words of a command."""

    ROOM = "room"
    """Says something to the room, or looks up what whoever asked may read anyway."""
    READ = "read"
    """Read, list, search."""
    WRITE = "write"
    """Write, move, unpack."""
    SENSITIVE_WRITE = "sensitive_write"
    """Delete more than 20 files, or touch a protected path."""
    TERMINAL = "terminal"
    """A foreground command without network, within the default limits."""
    EXTENDED = "extended"
    """A background job, or limits above the default."""
    NETWORK = "network"
    """Reaches the net, or a server outside the sandbox."""
    UNSANDBOXED = "unsandboxed"
    """No sandbox, or a further host path: server configuration only, for nobody at run time."""


class Decider(StrEnum):
    """Who may approve a call. Guests and AIs never do."""

    ADMIN = "admin"
    """An admin or an owner of the room."""
    ASKER = "asker"
    """Whoever asked, or an admin or an owner."""


class StandingRule(Frozen):
    """Calls of a class run without being approved one by one, until a time. Never in a tainted turn, never for guests."""

    tool_class: ToolClass
    until: UtcTime
    set_by: AccountId | None = None
    """Stamped by the server."""


class ApprovalPolicy(Frozen):
    """How a room has tool calls approved. Everything but the standing rules and `members_confirm` only tightens."""

    approvers: Annotated[StrictInt, Field(ge=1, le=5)] = 1
    """How many people must approve a call."""
    not_asker: StrictBool = False
    """Whoever asked never approves it."""
    asks_before_writes: StrictBool = False
    """A member's request to write files is confirmed, too."""
    admins_confirm: StrictBool = False
    """An admin's own terminal commands are confirmed, too."""
    members_confirm: StrictBool = False
    """A member who asks may approve the terminal command; else an admin does."""
    expires_s: Annotated[StrictInt, Field(ge=30, le=3_600)] = 600
    """After so long without a decision a call is refused; in a tainted turn after 300 s at most."""
    standing: Annotated[tuple[StandingRule, ...], Field(max_length=MAX_STANDING)] = ()


class Consent(Frozen):
    """A tool of an outside server (MCP) that the room has agreed to, as it was defined then and where it came from."""

    server: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
    tool: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    sha256: Sha256
    """Of its definition and of its server's address or program line: what changed in them needs new consent."""


class CallLimits(Frozen):
    """What one call may use at most, as far as it matters for its class."""

    wall_s: float
    """How long it may run."""
    memory_bytes: Sparse[int] = 0
    """Of all its processes together. 0, here and below: it runs no command."""
    output_bytes: Sparse[int] = 0
    """What it may print."""


class ApprovalCard(Frozen):
    """A call that waits to be approved. The exact call is that of the `tool_called` event with its `call_id`."""

    tool_class: ToolClass
    sha256: Sha256
    """Of the call as it would run; a decision names it."""
    decider: Decider
    needed: int
    """How many people must approve."""
    reason: str
    expires_at: UtcTime
    limits: Sparse[CallLimits | None] = None
    """Part of what `sha256` stands for. None: the card is from before they were told."""
    approved_by: tuple[AccountId, ...] = ()
    rejected_by: AccountId | None = None
    is_expired: Sparse[bool] = False

    @property
    def is_approved(self) -> bool:
        return self.rejected_by is None and not self.is_expired and len(self.approved_by) >= self.needed

    @property
    def is_open(self) -> bool:
        return not (self.is_approved or self.is_expired or self.rejected_by is not None)


class ChangeKind(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class FileChange(Frozen):
    """One path of the workspace that is not as it was. The digests are of its content; a folder or link has none."""

    path: str
    kind: ChangeKind
    before: Sparse[str] = ""
    after: Sparse[str] = ""
    added_lines: Sparse[int] = 0
    removed_lines: Sparse[int] = 0
    is_text: Sparse[bool] = False
