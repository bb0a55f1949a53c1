"""Files of a server's rooms in one place: taken, handed out, and cleared up after."""

from dataclasses import dataclass
from pathlib import Path

from multiplayer.blobs.port import Blobs
from multiplayer.live.attachments import Attachments
from multiplayer.live.clock import Clock
from multiplayer.live.contents import Contents
from multiplayer.live.directory import Directory
from multiplayer.live.downloads import Downloads
from multiplayer.live.file_sweep import FileSweep
from multiplayer.live.uploads import FileLimits, Uploads
from multiplayer.storage.port import Storage
from multiplayer.tools.extraction.extraction import Extractor


@dataclass(frozen=True)
class FileServices:
    """Each method of `uploads` and `downloads` checks the rights of whoever asks."""

    uploads: Uploads
    downloads: Downloads
    attachments: Attachments
    contents: Contents
    sweep: FileSweep
    blobs: Blobs


def files_on(
    storage: Storage,
    blobs: Blobs,
    directory: Directory,
    clock: Clock,
    folder: Path,
    limits: FileLimits,
    extractor: Extractor | None,
    *,
    by_link: bool = True,
) -> FileServices:
    """`folder`: for files on their way into the extractor. `by_link`: downloads may come from the store itself."""
    attachments = Attachments(storage, directory)
    contents = Contents(storage, blobs, extractor, clock, folder)
    return FileServices(
        uploads=Uploads(storage, blobs, directory, attachments, contents, clock, limits),
        downloads=Downloads(storage, blobs, directory, by_link=by_link),
        attachments=attachments,
        contents=contents,
        sweep=FileSweep(storage, blobs, attachments, contents, clock),
        blobs=blobs,
    )
