"""The text of an Excel file: the values of each sheet, a line for a row."""

import datetime as dt
import io
from typing import Final

import openpyxl  # type: ignore[import-untyped]  # the package has no types

from multiplayer.tools.extraction.archives import checked_zip
from multiplayer.tools.extraction.job import ExtractionLimits
from multiplayer.tools.extraction.telling import Telling

_MOST_ROWS: Final = 100_000
"""Of one sheet, the empty ones with them: a file can claim a million without holding any."""
_MOST_COLUMNS: Final = 1000


def read_xlsx(file: io.BufferedReader, limits: ExtractionLimits, telling: Telling) -> None:
    checked_zip(file, limits)
    book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
    for sheet in book.worksheets:
        if not telling.text(f"# {sheet.title}\n"):
            return
        sheet.reset_dimensions()  # what the file says of them is not believed
        for number, row in enumerate(sheet.iter_rows(values_only=True)):
            if number >= _MOST_ROWS:
                telling.cut()
                return
            line = "\t".join("" if value is None else _value(value) for value in row[:_MOST_COLUMNS]).rstrip("\t")
            if line and not telling.text(line + "\n"):
                return


def _value(value: object) -> str:
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date().isoformat()
    return str(value).replace("\n", " ")
