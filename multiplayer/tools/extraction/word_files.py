"""The text of a Word file: paragraphs, and the rows of its tables, in their order."""

import io
from collections.abc import Iterator
from typing import Final

import docx
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement

from multiplayer.tools.extraction.archives import checked_zip
from multiplayer.tools.extraction.job import ExtractionLimits
from multiplayer.tools.extraction.telling import Telling

_P, _T, _TAB, _BR, _CR = (qn(f"w:{name}") for name in ("p", "t", "tab", "br", "cr"))
_RUN, _ROW, _CELL = (qn(f"w:{name}") for name in ("r", "tr", "tc"))
_BLANKS: Final = {_TAB: "\t", _BR: "\n", _CR: "\n"}
_FALLBACK: Final = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"


def read_docx(file: io.BufferedReader, limits: ExtractionLimits, telling: Telling) -> None:
    checked_zip(file, limits)
    for line in _blocks(docx.Document(file).element.body):
        if not telling.text(line + "\n"):
            return


def _blocks(parent: BaseOxmlElement) -> Iterator[str]:
    """Paragraphs and rows of tables, in order; without recursion, as a file may nest as it likes."""
    waiting = [iter(parent)]
    while waiting:
        element = next(waiting[-1], None)
        if element is None:
            waiting.pop()
        elif element.tag == _P:
            yield _words(element)
        elif element.tag == _ROW:
            yield " | ".join(_words(cell) for cell in element.iterchildren(_CELL))
        else:
            waiting.append(iter(element))


def _words(parent: BaseOxmlElement) -> str:
    words = []
    for element in parent.iter(_P, _T, _TAB, _BR, _CR):
        if next(element.iterancestors(_FALLBACK), None) is not None:
            continue  # the same once more, for older programs
        if element.tag == _T:
            words.append(element.text or "")
        elif element.tag == _P:
            words.append(" ")
        elif next(element.iterancestors(_RUN), None) is not None:  # else it is a setting, as of a tab stop
            words.append(_BLANKS[element.tag])
    return "".join(words).strip(" ")
