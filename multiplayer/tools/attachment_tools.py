"""Tools for the files of messages: list them, read what is in one, take one into the workspace, attach one to the answer."""

import asyncio
from functools import partial
from typing import Annotated, Final

from pydantic import Field

from multiplayer.protocol.attachments import Attachment
from multiplayer.protocol.cards import Taint
from multiplayer.protocol.tools import ToolClass
from multiplayer.tools.checkpoints.tree import shown_path
from multiplayer.tools.files.reads import read_bytes
from multiplayer.tools.files.writes import write_bytes
from multiplayer.tools.limits import MIB
from multiplayer.tools.registry import Arguments, Tool, ToolCallContext, ToolResult

MOST_BYTES: Final = 8 * MIB
"""Of a file that is taken into the workspace, or attached out of it."""
_SHOWN_CHARACTERS: Final = 16_000
_LISTED: Final = 50

FileId = Annotated[str, Field(min_length=1, max_length=40, description="the file's id, as list_attachments names it")]


class ListAttachments(Arguments):
    pass


class ReadAttachment(Arguments):
    file: FileId
    offset: Annotated[int, Field(ge=0, description="from which character on")] = 0
    limit: Annotated[int, Field(ge=1, le=_SHOWN_CHARACTERS, description="how many characters")] = 8_000


class SaveAttachment(Arguments):
    file: FileId
    path: Annotated[str, Field(min_length=1, description="where to put it, relative to the workspace")]


class AttachFile(Arguments):
    path: Annotated[str, Field(min_length=1, description="a file of the workspace")]
    name: Annotated[str, Field(max_length=255, description="another name for it")] = ""


AttachmentTool = Tool[ListAttachments] | Tool[ReadAttachment] | Tool[SaveAttachment] | Tool[AttachFile]


def attachment_tools() -> tuple[AttachmentTool, ...]:
    return (
        Tool(
            name="list_attachments",
            description="List the files that were attached to messages of this room, the newest first.",
            arguments=ListAttachments,
            tool_class=ToolClass.ROOM,
            run=_list,
        ),
        Tool(
            name="read_attachment",
            description="Read the text of an attached file: of PDF, Office and text files, and what an archive holds.",
            arguments=ReadAttachment,
            tool_class=ToolClass.ROOM,
            run=_read,
        ),
        Tool(
            name="save_attachment",
            description="Put a copy of an attached file into the workspace.",
            arguments=SaveAttachment,
            tool_class=ToolClass.WRITE,
            run=_save,
        ),
        Tool(
            name="attach_file",
            description="Attach a file of the workspace to your answer, for everyone in the room.",
            arguments=AttachFile,
            tool_class=ToolClass.ROOM,
            run=_attach,
        ),
    )


async def _list(_arguments: ListAttachments, context: ToolCallContext) -> ToolResult:
    files = await context.at_desk().files(_LISTED)
    # Names are words of whoever sent them, as their messages are.
    return ToolResult(ok=True, text="\n".join(map(_line, files)) or "No file is attached to any message here.")


def _line(file: Attachment) -> str:
    size = f"{file.width}×{file.height}, " if file.width else f"{file.pages} pages, " if file.pages else ""
    return (
        f"{file.id}: {file.name!r} ({file.content_type}, {size}{file.size} bytes{'' if file.has_text else ', no text'})"
    )


async def _read(arguments: ReadAttachment, context: ToolCallContext) -> ToolResult:
    file, text = await context.at_desk().file_text(arguments.file)
    part = text[arguments.offset : arguments.offset + arguments.limit]
    left = len(text) - arguments.offset - len(part)
    more = f"\n[… {left} more characters: ask with offset={arguments.offset + len(part)}]" if left > 0 else ""
    # Nobody in the room vouches for what stands in a file.
    return ToolResult(ok=True, text=f"[{file.name!r}]\n{part}{more}", taint=Taint.FILE)


async def _save(arguments: SaveAttachment, context: ToolCallContext) -> ToolResult:
    file, data = await context.at_desk().file_bytes(arguments.file, MOST_BYTES)
    work = partial(write_bytes, context.workspace, arguments.path, data, context.limits)
    await asyncio.to_thread(work)
    text = f"Saved {file.name!r} ({len(data)} bytes) as {shown_path(arguments.path.encode())}."
    return ToolResult(ok=True, text=text, taint=Taint.FILE)


async def _attach(arguments: AttachFile, context: ToolCallContext) -> ToolResult:
    desk = context.at_desk()
    data = await asyncio.to_thread(read_bytes, context.workspace.root, arguments.path, MOST_BYTES)
    name = arguments.name or arguments.path.rstrip("/").rpartition("/")[2]
    await desk.attach(name, data)
    return ToolResult(ok=True, text=f"{name!r} ({len(data)} bytes) will be attached to your answer.")
