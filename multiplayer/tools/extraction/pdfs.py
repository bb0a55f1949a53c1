"""The text of a PDF, page by page, so that one broken page costs only itself."""

import codecs
import importlib
import io
import pkgutil
import struct
import zlib
from contextlib import suppress
from typing import Final

import pypdf
from pypdf.errors import PyPdfError

from multiplayer.tools.extraction.job import ExtractionLimits, Problem, Stopped
from multiplayer.tools.extraction.telling import Telling

_CODECS: Final = (
    *("gbk", "gb2312", "gb18030", "big5", "big5hkscs", "cp950", "euc-jp", "euc-jis-2004", "iso2022_jp"),
    *("shift_jis", "cp932", "euc-kr", "cp949", "johab", "ascii", "latin-1", "cp437", "cp1252", "mac-roman"),
    *("utf-8", "utf-16", "utf-16-be", "utf-16-le", "utf-32", "charmap", "unicode_escape"),
)
for _name in _CODECS:
    codecs.lookup(_name)  # imported now: later nothing can be
for _module in pkgutil.walk_packages(pypdf.__path__, "pypdf."):
    with suppress(ImportError):  # one for a library that is not there
        importlib.import_module(_module.name)  # the library itself would when it comes to need it
_BROKEN: Final = (
    *(PyPdfError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError, AssertionError),
    *(OSError, EOFError, struct.error, zlib.error),
)
"""What readers raise over a file that is not as it should be."""


def read_pdf(file: io.BufferedReader, limits: ExtractionLimits, telling: Telling) -> None:
    reader = pypdf.PdfReader(file, strict=False)
    if reader.is_encrypted and not reader.decrypt(""):
        raise Stopped(Problem.PROTECTED)
    pages = reader.pages
    count = len(pages)
    telling.pages(count)
    failed = 0
    for number in range(min(count, limits.max_pages)):
        try:
            text = pages[number].extract_text()
        except _BROKEN:
            failed += 1
            continue
        if text and not telling.text(text + "\n"):
            return
    if count > limits.max_pages:
        telling.cut()
    if failed:
        telling.problem(Problem.PAGES)
