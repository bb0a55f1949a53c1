"""Files made in code: honest ones of each kind, and those that were made to harm who reads them."""

import functools
import io
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import docx
import openpyxl  # type: ignore[import-untyped]  # the package has no types
import pptx
import pypdf
from PIL import Image

MIB = 1024 * 1024
SECRET = "home address of alice"


@dataclass(frozen=True, slots=True)
class Sample:
    """A file, and what must come of it: words of its text, words of the problem, or neither: then nothing is wrong."""

    name: str
    content_type: str
    make: Callable[[], bytes]
    text: str | None = None
    problem: str | None = None
    is_slow: bool = False


def picture(kind: str, *, orientation: int = 1, size: tuple[int, int] = (90, 60)) -> bytes:
    """Blue, with the left third red; turned by its EXIF, which says where alice lives."""
    image = Image.new("RGB", size, "blue")
    image.paste("red", (0, 0, size[0] // 3, size[1]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = SECRET
    out = io.BytesIO()
    image.save(out, kind, **({} if kind in {"GIF", "BMP"} else {"exif": exif.tobytes()}))
    return out.getvalue()


def png_of(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), *chunks]
    parts += [(b"IDAT", zlib.compress(bytes(100))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def gif_of_frames(count: int) -> bytes:
    frame = b"!\xf9\x04\0\0\0\0\0,\0\0\0\0\1\0\1\0\0\x02\x02D\x01\0"
    return b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff" + frame * count + b";"


def zip_of(
    files: Mapping[str, bytes] | Iterable[tuple[zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", method) as archive:
        warnings.simplefilter("ignore")
        for name, data in files.items() if isinstance(files, Mapping) else files:
            archive.writestr(name, data)
    return out.getvalue()


def named_zip(name: str) -> bytes:
    entry = zipfile.ZipInfo("x" * len(name))
    return zip_of([(entry, b"data")]).replace(entry.filename.encode(), name.encode())


def linked_zip() -> bytes:
    entry = zipfile.ZipInfo("link")
    entry.create_system = 3
    entry.external_attr = 0o120777 << 16
    return zip_of([(entry, b"/etc/passwd")])


def locked_zip() -> bytes:
    data = bytearray(zip_of({"secret.txt": b"data"}))
    data[data.find(b"PK\x03\x04") + 6] |= 1
    data[data.find(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def overlapping_zip(count: int) -> bytes:
    """All entries are one, as in the better zip bombs: the directory names the same bytes again and again."""
    honest = zip_of({"kernel": bytes(range(256)) * 40}, zipfile.ZIP_STORED)
    at = honest.find(b"PK\x01\x02")
    end = honest.find(b"PK\x05\x06")
    entry = honest[at:end]
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, len(entry) * count, at, 0)
    return honest[:at] + entry * count + tail


def tar_of(*entries: tuple[str, bytes, bytes]) -> bytes:
    """Names, tar types and contents; of a link the content is where it leads."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind, data in entries:
            entry = tarfile.TarInfo(name)
            entry.type = kind
            if kind == tarfile.REGTYPE:
                entry.size = len(data)
            else:
                entry.linkname = data.decode()
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def sized_tar(size: int) -> bytes:
    entry = tarfile.TarInfo("big")
    entry.size = size
    return entry.tobuf() + bytes(1024)


def pdf_of(objects: Sequence[bytes]) -> bytes:
    """Objects from number 1 on; the first is the catalog."""
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<</Size %d /Root 1 0 R>>\n" % (
        len(objects) + 1,
        table,
        len(objects) + 1,
    )
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def stream(data: bytes, filters: bytes = b"") -> bytes:
    return b"<</Length %d %b>>\nstream\n%b\nendstream" % (len(data), filters, data)


def pdf_of_pages(contents: Sequence[bytes], filters: bytes = b"") -> bytes:
    """A page for each content stream."""
    count = len(contents)
    kids = b" ".join(b"%d 0 R" % (4 + 2 * at) for at in range(count))
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count %d/Kids[%b]>>" % (count, kids)]
    objects.append(b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>")
    for at, content in enumerate(contents):
        page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Resources<</Font<</F 3 0 R>>>>/Contents %d 0 R>>"
        objects += [page % (5 + 2 * at), stream(content, filters)]
    return pdf_of(objects)


def said(words: str) -> bytes:
    return b"BT /F 12 Tf 20 200 Td (%b) Tj ET" % words.encode("cp1252")


def looped_pdf() -> bytes:
    """Its tree of pages has no end."""
    return pdf_of([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 2/Kids[2 0 R 2 0 R]>>"])


def chained_pdf() -> bytes:
    """Its table of objects leads to itself."""
    data = pdf_of_pages([said("around")])
    start = int(data.rsplit(b"startxref\n", 1)[1].split()[0])
    return data.replace(b"/Root 1 0 R>>", b"/Root 1 0 R/Prev %d>>" % start)


@functools.cache
def packed_blanks(size: int, times: int = 1) -> bytes:
    pack = zlib.compressobj(9)
    data = b"".join(pack.compress(b" " * MIB) for _ in range(size // MIB)) + pack.flush()
    for _ in range(times - 1):
        data = zlib.compress(data, 9)
    return data


def locked_pdf() -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf_of_pages([said("hidden")])))
    writer.encrypt("alice's password", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def slow_pdf(pages: int = 200) -> bytes:
    """Small, and long to read: each page draws itself out of thousands of pieces."""
    content = zlib.compress(b"BT /F 12 Tf " + b"1 0 0 1 9 9 Tm (a) Tj " * 40_000 + b"ET")
    return pdf_of_pages([content] * pages, b"/Filter/FlateDecode")


def word_file(*, words: str = "Hello from Word") -> bytes:
    document = docx.Document()
    document.add_paragraph(words)
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "left", "right"
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def word_file_with_dtd(dtd: str, entity: str) -> bytes:
    """A Word file whose main part declares entities and uses one."""
    return _with_part(
        word_file(words="MARK"),
        "word/document.xml",
        lambda xml: xml.replace(b"<w:document", dtd.encode() + b"<w:document", 1).replace(
            b"MARK", b"before " + entity.encode()
        ),
    )


def laughing_dtd() -> str:
    levels = "".join(f'<!ENTITY l{at} "{f"&l{at - 1};" * 10}">' for at in range(1, 12))
    return f'<!DOCTYPE w:document [<!ENTITY l0 "ha">{levels}]>'


def _with_part(package: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        return zip_of(
            {each: change(archive.read(each)) if each == name else archive.read(each) for each in archive.namelist()}
        )


def sheet_file() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["apples", 3, None, 2.5])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def vast_sheet() -> bytes:
    """Claims every cell there can be, and has two of them."""
    cells = b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
    return _with_part(
        sheet_file(),
        "xl/worksheets/sheet1.xml",
        lambda _: (
            b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
            b'<dimension ref="A1:XFD1048576"/><sheetData>' + cells + b"</sheetData></worksheet>"
        ),
    )


def slides_file() -> bytes:
    show = pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[0])
    assert slide.shapes.title is not None
    slide.shapes.title.text = "Plan of the year"
    frame = slide.notes_slide.notes_text_frame
    assert frame is not None
    frame.text = "say it slowly"
    out = io.BytesIO()
    show.save(out)
    return out.getvalue()


DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
_PDF, _ZIP, _TAR, _TEXT = "application/pdf", "application/zip", "application/x-tar", "text/plain"

SAMPLES = (
    Sample("a.png", "image/png", lambda: picture("PNG", orientation=6)),
    Sample("a.jpg", "image/jpeg", lambda: picture("JPEG", orientation=8)),
    Sample("a.webp", "image/webp", lambda: picture("WEBP", orientation=3)),
    Sample("a.avif", "image/avif", lambda: picture("AVIF")),
    Sample("a.gif", "image/gif", lambda: picture("GIF")),
    Sample("a.bmp", "image/bmp", lambda: picture("BMP")),
    Sample("a.tiff", "image/tiff", lambda: picture("TIFF")),
    Sample("some-frames.gif", "image/gif", lambda: gif_of_frames(900)),
    Sample(
        "html-in-comment.png", "image/png", lambda: png_of(3, 3, (b"tEXt", b"Comment\0<html><script>alert(1)</script>"))
    ),
    Sample("gif.html", "image/gif", lambda: gif_of_frames(1) + b"<html><script>alert(1)</script></html>"),
    Sample("jpeg.php", "image/jpeg", lambda: picture("JPEG") + b"<?php system('id'); ?>"),
    Sample("flood.png", "image/png", lambda: png_of(50_000, 50_000), problem="million pixels"),
    Sample(
        "flood.gif", "image/gif", lambda: b"GIF89a\xff\xff\xff\xff" + gif_of_frames(1)[10:], problem="million pixels"
    ),
    Sample("frames.gif", "image/gif", lambda: gif_of_frames(5000), problem="1,000 frames"),
    Sample("cut.png", "image/png", lambda: picture("PNG", size=(400, 300))[:300], problem="damaged"),
    Sample("cut.jpg", "image/jpeg", lambda: picture("JPEG", size=(400, 300))[:700], problem="damaged"),
    Sample("head-only.png", "image/png", lambda: picture("PNG")[:20], problem="damaged"),
    Sample("a.zip", _ZIP, lambda: zip_of({"one.txt": b"1", "dir/two.txt": b"22"}), text="dir/two.txt"),
    Sample("turned-name.zip", _ZIP, lambda: zip_of({"gnp.\u202eexe": b"MZ"}), text="gnp.\\u202eexe"),
    Sample("nested.zip", _ZIP, lambda: zip_of({"in.zip": zip_of({"zeros": bytes(8 * MIB)})}), text="in.zip"),
    Sample("ratio.zip", _ZIP, lambda: zip_of({"zeros": bytes(8 * MIB)}), problem="100 times"),
    Sample("many.zip", _ZIP, lambda: zip_of({str(at): b"" for at in range(10_001)}), problem="10,000 files"),
    Sample("overlap.zip", _ZIP, lambda: overlapping_zip(50), problem="share their bytes"),
    Sample("death.zip", _ZIP, lambda: overlapping_zip(9000), problem="100 times"),
    Sample("up.zip", _ZIP, lambda: named_zip("../../etc/cron.d/x"), problem="leads elsewhere"),
    Sample("root.zip", _ZIP, lambda: named_zip("/etc/cron.d/x"), problem="leads elsewhere"),
    Sample("drive.zip", _ZIP, lambda: named_zip("C:\\windows\\x"), problem="leads elsewhere"),
    Sample("back.zip", _ZIP, lambda: named_zip("a\\..\\..\\x"), problem="leads elsewhere"),
    Sample("link.zip", _ZIP, linked_zip, problem="links"),
    Sample("locked.zip", _ZIP, locked_zip, problem="password"),
    Sample("cut.zip", _ZIP, lambda: zip_of({"one.txt": b"1" * 100})[:60], problem="damaged"),
    Sample("a.tar", _TAR, lambda: tar_of(("one.txt", tarfile.REGTYPE, b"1")), text="one.txt"),
    Sample("link.tar", _TAR, lambda: tar_of(("l", tarfile.SYMTYPE, b"/etc")), problem="links"),
    Sample("hard.tar", _TAR, lambda: tar_of(("l", tarfile.LNKTYPE, b"../x")), problem="links"),
    Sample("device.tar", _TAR, lambda: tar_of(("d", tarfile.CHRTYPE, b"")), problem="neither file nor folder"),
    Sample("up.tar", _TAR, lambda: tar_of(("../x", tarfile.REGTYPE, b"1")), problem="leads elsewhere"),
    Sample("sparse.tar", _TAR, lambda: sized_tar(5 * 1024 * MIB), problem="200 MiB"),
    Sample("a.pdf", _PDF, lambda: pdf_of_pages([said("first page"), said("second page")]), text="second page"),
    Sample(
        "polyglot.pdf", _PDF, lambda: pdf_of_pages([said("and a zip")]) + zip_of({"x.class": b"1"}), text="and a zip"
    ),
    Sample("chained.pdf", _PDF, chained_pdf, text="around"),
    Sample("looped.pdf", _PDF, looped_pdf, problem="damaged"),
    Sample("locked.pdf", _PDF, locked_pdf, problem="password"),
    Sample("cut.pdf", _PDF, lambda: b"%PDF-1.7\n1 0 obj <<", problem="damaged"),
    Sample("long.pdf", _PDF, lambda: pdf_of_pages([said(f"page {at}") for at in range(400)]), text="page 299"),
    Sample(
        "bomb.pdf",
        _PDF,
        lambda: pdf_of_pages([packed_blanks(200 * MIB)], b"/Filter/FlateDecode"),
        problem="damaged",
        is_slow=True,
    ),
    Sample(
        "deep-bomb.pdf",
        _PDF,
        lambda: pdf_of_pages([packed_blanks(200 * MIB, 3)], b"/Filter[/FlateDecode/FlateDecode/FlateDecode]"),
        problem="damaged",
        is_slow=True,
    ),
    Sample("a.docx", DOCX, word_file, text="left | right"),
    Sample("laughs.docx", DOCX, lambda: word_file_with_dtd(laughing_dtd(), "&l11;"), problem="damaged"),
    Sample(
        "bomb.docx",
        DOCX,
        lambda: _with_part(word_file(), "word/styles.xml", lambda xml: xml + b" " * 8 * MIB),
        problem="100 times",
    ),
    Sample("a.xlsx", XLSX, sheet_file, text="apples\t3\t\t2.5"),
    Sample("vast.xlsx", XLSX, vast_sheet, text="1\n"),
    Sample("a.pptx", PPTX, slides_file, text="say it slowly"),
    Sample("a.txt", _TEXT, "Grüße\r\naus 北京".encode, text="Grüße\naus 北京"),
    Sample("a.csv", "text/csv", lambda: b"name,age\nalice,30\n", text="alice,30"),
    Sample("page.html", "text/html", lambda: b"<!doctype html><title>x</title><script>1</script>", text="<script>"),
    Sample("utf-16.txt", _TEXT, lambda: "wide Grüße".encode("utf-16"), text="wide Grüße"),
    Sample("latin.txt", _TEXT, lambda: "Grüße aus Köln".encode("latin-1"), text="Grüße aus Köln"),
    Sample("gb.txt", _TEXT, lambda: "你好，世界。hello".encode("gb18030"), text="hello"),
    Sample(
        "turned.txt",
        _TEXT,
        "pay \u202etxet\u202c to \u2066bob\u2069\U000e0041".encode,
        text="pay txet to bob",
    ),
    Sample("empty.txt", _TEXT, lambda: b"", text=""),
)
QUICK = tuple(sample for sample in SAMPLES if not sample.is_slow)
