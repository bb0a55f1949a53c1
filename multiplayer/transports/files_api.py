"""Files of messages over HTTP: sent whole or in parts, direct to the store where it can be, and downloaded with ranges."""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Final

from pydantic import Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from multiplayer.live.downloads import OpenFile
from multiplayer.protocol.attachments import (
    MAX_FILE_NAME,
    BeginUpload,
    FileListing,
    SignedPart,
    Upload,
)
from multiplayer.protocol.codec import Malformed
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AttachmentId
from multiplayer.protocol.tools import Sha256
from multiplayer.protocol.values import Frozen
from multiplayer.rooms.permissions import Right
from multiplayer.transports.problems import RefusedWithStatus
from multiplayer.transports.routes import Access, Call, Nothing, Operation, Route

_BYTES: Final = "application/octet-stream"
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_MAX_LISTED: Final = 200


class WholeQuery(Frozen):
    """`sha256`: of the bytes, checked; with that of a file that you can read already nothing needs to be sent."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=MAX_FILE_NAME)]
    sha256: Sha256 | None = None


class ListQuery(Frozen):
    limit: Annotated[int, Field(ge=1, le=_MAX_LISTED)] = 50
    before: Annotated[int, Field(ge=1)] | None = None
    """Files of messages before this seq."""


class DownloadQuery(Frozen):
    inline: bool = False
    """To be shown in a page, if its kind can do no harm there: never what could run. All else is a download."""


async def _begin(call: Call[BeginUpload, Nothing]) -> Upload:
    call.check_commands()
    return await call.pod.files.uploads.begin(call.room_id, call.account_id, call.body)


async def _whole(call: Call[Nothing, WholeQuery]) -> Upload:
    call.check_commands()
    query = call.query
    asked = BeginUpload(name=query.name, size=_length_of(call.request), sha256=query.sha256)
    return await call.pod.files.uploads.take(call.room_id, call.account_id, asked, call.request.stream())


async def _upload(call: Call[Nothing, Nothing]) -> Upload:
    call.check_reads()
    return await call.pod.files.uploads.upload(_upload_id(call), call.account_id)


async def _put_part(call: Call[Nothing, Nothing]) -> Upload:
    call.check_commands()
    uploads = call.pod.files.uploads
    return await uploads.put_part(_upload_id(call), call.account_id, _part_of(call), call.request.stream())


async def _sign_part(call: Call[Nothing, Nothing]) -> SignedPart:
    call.check_commands()
    return await call.pod.files.uploads.sign_part(_upload_id(call), call.account_id, _part_of(call))


async def _complete(call: Call[Nothing, Nothing]) -> Upload:
    call.check_commands()
    return await call.pod.files.uploads.complete(_upload_id(call), call.account_id)


async def _cancel(call: Call[Nothing, Nothing]) -> None:
    call.check_commands()
    await call.pod.files.uploads.cancel(_upload_id(call), call.account_id)


async def _list(call: Call[Nothing, ListQuery]) -> FileListing:
    call.check_reads()
    query = call.query
    return await call.pod.files.downloads.of_room(
        call.room_id, call.account_id, limit=query.limit, before_seq=query.before
    )


async def _download(call: Call[Nothing, DownloadQuery]) -> Response:
    call.check_reads()
    downloads = call.pod.files.downloads
    file = await downloads.content(_file_id(call), call.account_id, is_inline=call.query.inline)
    if call.request.method != "HEAD":
        link = await downloads.link(file)
        if link is not None:
            return Response(status_code=307, headers={"Location": link})
    return await _handed_out(call, file)


async def _thumbnail(call: Call[Nothing, Nothing]) -> Response:
    call.check_reads()
    return await _handed_out(call, await call.pod.files.downloads.thumbnail(_file_id(call), call.account_id))


async def _text(call: Call[Nothing, Nothing]) -> Response:
    call.check_reads()
    return await _handed_out(call, await call.pod.files.downloads.text(_file_id(call), call.account_id))


async def _handed_out(call: Call[Nothing, object], file: OpenFile) -> Response:
    etag = f'"{file.etag}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Content-Disposition": file.disposition,
        "Content-Type": file.content_type,
        "X-Content-Type-Options": "nosniff",
        # The bytes of a checksum never change; who may see them may.
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    if call.request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    start, end = _range_of(call.request, file.size, etag)
    if (start, end) != (0, file.size):
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    headers["Content-Length"] = str(end - start)
    if call.request.method == "HEAD":
        return Response(headers=headers)
    pieces = await call.pod.files.downloads.read(file, start, end) if end > start else _nothing()
    return StreamingResponse(pieces, status_code=206 if "Content-Range" in headers else 200, headers=headers)


async def _nothing() -> AsyncIterator[bytes]:
    yield b""


def _range_of(request: Request, size: int, etag: str) -> tuple[int, int]:
    """Return from where to where is asked for (RFC 9110, section 14). What is no single range of bytes counts as all."""
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    changed = request.headers.get("if-range")
    if asked is None or (not asked[1] and not asked[2]) or (changed is not None and changed != etag):
        return 0, size
    if not asked[1]:
        return max(0, size - int(asked[2])), size
    start = int(asked[1])
    end = min(size, int(asked[2]) + 1) if asked[2] else size
    if start >= size or end <= start:
        raise RefusedWithStatus(Refused(RefusalCode.MALFORMED, f"the file has {size} bytes"), 416)
    return start, end


def _length_of(request: Request) -> int:
    given = request.headers.get("content-length", "")
    if not given.isascii() or not given.isdigit() or len(given) > len(str(2**53)):
        raise RefusedWithStatus(Refused(RefusalCode.MALFORMED, "say how long the file is: send a Content-Length"), 411)
    return int(given)


def _upload_id(call: Call[Nothing, Nothing]) -> AttachmentId:
    return AttachmentId(call.place("upload_id"))


def _file_id(call: Call[Nothing, object]) -> AttachmentId:
    return AttachmentId(call.place("file_id"))


def _part_of(call: Call[Nothing, Nothing]) -> int:
    text: str = call.request.path_params["number"]
    if not text.isascii() or not text.isdigit() or len(text) > len("10000"):
        raise Malformed("parts are numbered from 1")
    return int(text)


_ROOM: Final = "/api/v1/rooms/{room_id}"
_UPLOAD: Final = "/api/v1/uploads/{upload_id}"
_FILE: Final = "/api/v1/files/{file_id}"
_MINE: Final = Access.SIGNED_IN
FILES_API: tuple[Operation, ...] = (
    Route(
        "GET",
        f"{_ROOM}/files",
        Access.MEMBER,
        "The files of the room's messages, the newest first",
        _list,
        Nothing,
        ListQuery,
        FileListing,
        right=Right.READ,
    ),
    Route(
        "POST",
        f"{_ROOM}/files",
        Access.MEMBER,
        "Send a file whole; attach it to a message with `post_message`",
        _whole,
        Nothing,
        WholeQuery,
        Upload,
        status=201,
        right=Right.ATTACH,
        raw_body=(_BYTES,),
    ),
    Route(
        "POST",
        f"{_ROOM}/uploads",
        Access.MEMBER,
        "Begin to send a file in parts, which can be taken up again; it may be attached to a message meanwhile",
        _begin,
        BeginUpload,
        Nothing,
        Upload,
        status=201,
        right=Right.ATTACH,
    ),
    Route("GET", _UPLOAD, _MINE, "How an upload of yours goes", _upload, Nothing, Nothing, Upload),
    Route(
        "PUT",
        f"{_UPLOAD}/parts/{{number}}",
        _MINE,
        "Send one part; again replaces it",
        _put_part,
        Nothing,
        Nothing,
        Upload,
        raw_body=(_BYTES,),
    ),
    Route(
        "POST",
        f"{_UPLOAD}/parts/{{number}}/link",
        _MINE,
        "Where to put one part directly into the file store, for 15 minutes",
        _sign_part,
        Nothing,
        Nothing,
        SignedPart,
    ),
    Route(
        "POST",
        f"{_UPLOAD}/complete",
        _MINE,
        "Check the parts and make a file of them; again tries again what has failed",
        _complete,
        Nothing,
        Nothing,
        Upload,
    ),
    Route(
        "DELETE",
        _UPLOAD,
        _MINE,
        "Give up an upload, or forget a file that is attached to nothing",
        _cancel,
        Nothing,
        Nothing,
        status=204,
    ),
    Route(
        "GET",
        _FILE,
        _MINE,
        "Download a file, or a range of it; 307 to the file store where it can sign links",
        _download,
        Nothing,
        DownloadQuery,
        answers_with=_BYTES,
    ),
    Route(
        "GET",
        f"{_FILE}/thumbnail",
        _MINE,
        "A small picture of a picture",
        _thumbnail,
        Nothing,
        Nothing,
        answers_with="image/webp",
    ),
    Route(
        "GET",
        f"{_FILE}/text",
        _MINE,
        "The text that was found in a file, of a stranger and cut where it is too long",
        _text,
        Nothing,
        Nothing,
        answers_with="text/plain",
    ),
)
