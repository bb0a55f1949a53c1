"""Why a tool call was not carried out, as the model reads it."""

from enum import StrEnum


class ToolFault(StrEnum):
    """The closed list of codes in a failed tool result."""

    UNKNOWN_TOOL = "unknown_tool"
    BAD_ARGUMENTS = "bad_arguments"
    REFUSED = "refused"
    """The asker's role does not allow it."""
    NEEDS_APPROVAL = "needs_approval"
    """It would run only with a person's approval, and nobody here can give it."""
    NOT_APPROVED = "not_approved"
    """People said no, or nobody said anything in time."""
    BAD_PATH = "bad_path"
    """The name itself is not acceptable; nothing was looked up."""
    OUTSIDE = "outside"
    """The path leads out of the workspace, or over a link where links are not followed."""
    NOT_FOUND = "not_found"
    WRONG_KIND = "wrong_kind"
    """A folder where a file is needed, a file where a folder is needed, a FIFO, socket or device."""
    HARD_LINK = "hard_link"
    """The file has further names, so a path says nothing about where else it is."""
    EXISTS = "exists"
    """Something of that name is there already."""
    NOT_UNIQUE = "not_unique"
    """The text to be replaced is not there exactly once."""
    NOT_TEXT = "not_text"
    TOO_BIG = "too_big"
    QUOTA = "quota"
    """The workspace is full."""
    RACE = "race"
    """The path kept changing while it was opened."""
    IO = "io_error"
    """The file system refused; the text has its words."""
    NET = "net"
    """The address may not be reached, or did not answer; the text says why."""
    TIMEOUT = "timeout"
    STOPPED = "stopped"
    """Killed by one of the sandbox's limits; the text names it."""
    SANDBOX = "sandbox_error"
    """The sandbox could not be set up; the command did not run."""


class ToolRefused(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """A tool call was not carried out; the sentence tells the model what to do instead."""

    def __init__(self, code: ToolFault, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
