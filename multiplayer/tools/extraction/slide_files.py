"""The text of a PowerPoint file: the words on each slide, and the notes to it."""

import io

import pptx
from pptx.oxml.ns import qn

from multiplayer.tools.extraction.archives import checked_zip
from multiplayer.tools.extraction.job import ExtractionLimits
from multiplayer.tools.extraction.telling import Telling

_SLIDE_P, _SLIDE_T = qn("a:p"), qn("a:t")


def read_pptx(file: io.BufferedReader, limits: ExtractionLimits, telling: Telling) -> None:
    checked_zip(file, limits)
    slides = pptx.Presentation(file).slides
    telling.pages(len(slides))
    for number, slide in enumerate(slides, 1):
        if number > limits.max_pages:
            telling.cut()
            return
        lines = [f"# {number}"]
        paragraphs = slide.element.iter(_SLIDE_P)
        lines += ["".join(run.text or "" for run in paragraph.iter(_SLIDE_T)) for paragraph in paragraphs]
        frame = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
        if frame is not None:
            lines.append(frame.text)
        if not telling.text("\n".join(line for line in lines if line.strip()) + "\n"):
            return
