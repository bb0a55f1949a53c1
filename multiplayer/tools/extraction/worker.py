"""The process that reads one file of a stranger's: `python -I -m multiplayer.tools.extraction.worker FD`.

The job comes as one line of JSON on standard input; what was found goes out as lines of JSON. Everything the readers
import is imported first, then the process is shut in, and only then is the file looked at.
"""

import logging
import os
import sys
from types import TracebackType
from typing import Final

from multiplayer.tools.extraction.confine import bound, confine
from multiplayer.tools.extraction.containers import DOCX, PPTX, TAR, XLSX, ZIP
from multiplayer.tools.extraction.job import Job, Problem, Stopped
from multiplayer.tools.extraction.telling import Reader, Telling

_NOT_IMPORTED: Final = ("numpy", "pandas", "defusedxml", "fontTools", "brotli")
"""Libraries that others use if they are there: they start threads, or make what is read differ between machines."""


def reader_of(content_type: str) -> Reader | None:
    """The reader with all that it imports, or None if nothing is read out of such files."""
    if content_type == "application/pdf":
        from multiplayer.tools.extraction.pdfs import read_pdf

        return read_pdf
    if content_type == DOCX:
        from multiplayer.tools.extraction.word_files import read_docx

        return read_docx
    if content_type == XLSX:
        from multiplayer.tools.extraction.excel_files import read_xlsx

        return read_xlsx
    if content_type == PPTX:
        from multiplayer.tools.extraction.slide_files import read_pptx

        return read_pptx
    if content_type in {ZIP, TAR}:
        from multiplayer.tools.extraction.archives import read_tar, read_zip

        return read_zip if content_type == ZIP else read_tar
    if content_type.startswith("image/") and content_type != "image/svg+xml":
        from multiplayer.tools.extraction.images import reader_of_image

        return reader_of_image(content_type)
    from multiplayer.tools.extraction.texts import read_text

    return read_text


def main(arguments: list[str]) -> None:
    job = Job.from_line(sys.stdin.buffer.readline())
    bound(job.limits)
    logging.disable()
    for name in _NOT_IMPORTED:
        sys.modules[name] = None  # type: ignore[assignment]  # that is how an import is made to fail
    reader = reader_of(job.content_type)
    telling = Telling(sys.stdout.buffer, job.limits)
    with open(int(arguments[0]), "rb", closefd=False) as file:
        confine(job.uid, job.landlock_abi, job.parent)
        telling.ready()
        sys.excepthook = _Last(telling)
        if reader is not None:
            try:
                reader(file, job.limits, telling)
            except Stopped as stopped:
                telling.problem(stopped.problem)
        telling.done()
        # Finalizers of a file's objects are its own work still, and there is nothing to put in order.
        sys.stdout.flush()
        os._exit(0)


class _Last:
    """What is said of a file that broke its reader in a way that nobody foresaw."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling

    def __call__(self, kind: type[BaseException], _: BaseException, __: TracebackType | None) -> None:
        self._telling.problem(Problem.MEMORY if issubclass(kind, MemoryError) else Problem.DAMAGED)
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
