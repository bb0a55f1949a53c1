"""Text files: decoded as UTF-8, by a byte order mark, or else as Latin-1 and said to be guessed."""

import codecs
import io
from typing import Final

from multiplayer.tools.extraction.job import ExtractionLimits
from multiplayer.tools.extraction.telling import Telling

_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
for _, _encoding in _MARKS:
    codecs.lookup(_encoding)  # imported now: later nothing can be


def read_text(file: io.BufferedReader, limits: ExtractionLimits, telling: Telling) -> None:
    # No encoding here takes more than four bytes for a character; one byte more shows that there is more.
    data = file.read(4 * limits.max_characters + 8)
    is_whole = len(data) < 4 * limits.max_characters + 8
    mark, encoding = next((found for found in _MARKS if data.startswith(found[0])), (b"", "utf-8"))
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(data[len(mark) :], is_whole)
    except UnicodeDecodeError:
        telling.guessed()
        text = data.decode("latin-1")
    if telling.text(text) and not is_whole:
        telling.cut()
