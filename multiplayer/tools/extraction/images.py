"""Pictures: their size by their header, and a small copy without anything that was attached to the original."""

import io
import warnings
from functools import partial
from typing import Final

from PIL import (
    AvifImagePlugin,
    Image,
    ImageCms,
    ImageColor,
    ImageFilter,
    ImageOps,
    ImagePalette,
    MpoImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from multiplayer.tools.extraction.gif_frames import has_more_frames
from multiplayer.tools.extraction.job import ExtractionLimits, Problem, Stopped
from multiplayer.tools.extraction.telling import Reader, Telling

_FORMATS: Final = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/avif": "AVIF",
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
}
_IMPORTED: Final = (ImageCms, ImageColor, ImageFilter, ImagePalette, MpoImagePlugin, TiffImagePlugin, WebPImagePlugin)
"""What the library would import when it comes to need it: later nothing can be."""
_ORIENTATION: Final = 0x0112
_LIES_ON_ITS_SIDE: Final = frozenset((5, 6, 7, 8))
_QUALITIES: Final = (78, 50, 20)


def reader_of_image(content_type: str) -> Reader | None:
    """Import what one format needs; None if nothing here decodes it."""
    name = _FORMATS.get(content_type)
    if name is None:
        return None
    Image.preinit()
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    _encoded(Image.new("RGBA", (1, 1)), _QUALITIES[0])  # whatever an encoder loads is loaded now
    return partial(_read_image, name)


def _read_image(name: str, file: io.BufferedReader, limits: ExtractionLimits, telling: Telling) -> None:
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    Image.MAX_IMAGE_PIXELS = None  # so that the size is known and can be told
    # libtiff wants a descriptor of its own from a file, and there are none to have.
    with Image.open(io.BytesIO(file.read()) if name == "TIFF" else file, formats=[name]) as image:
        width, height = image.size
        telling.size(width, height)
        if width * height > limits.max_pixels:
            raise Stopped(Problem.PIXELS)
        Image.MAX_IMAGE_PIXELS = limits.max_pixels  # for what later parts of the file claim
        if _has_too_many_frames(image, name, file, limits.max_frames):
            raise Stopped(Problem.FRAMES)
        # To find it a PNG is decoded, so not a moment earlier.
        if image.getexif().get(_ORIENTATION) in _LIES_ON_ITS_SIDE:
            telling.size(height, width)
        try:
            small = _small_copy(image, limits.thumbnail_px)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise Stopped(Problem.PIXELS) from None
        for quality in _QUALITIES:
            data = _encoded(small, quality)
            if len(data) <= limits.thumbnail_bytes:
                telling.thumbnail(data)
                return


def _has_too_many_frames(image: Image.Image, name: str, file: io.BufferedReader, most: int) -> bool:
    if name == "GIF":
        at = file.tell()
        file.seek(0)
        is_over = has_more_frames(file, most)
        file.seek(at)
        return is_over
    # The other formats that move say in their header how many there are.
    return name in {"PNG", "WEBP", "AVIF"} and int(getattr(image, "n_frames", 1)) > most


def _small_copy(image: Image.Image, most_px: int) -> Image.Image:
    """The first frame, upright, in a picture that nothing is attached to."""
    orientation = image.getexif().get(_ORIENTATION)
    image.draft("RGB", (most_px, most_px))  # JPEG decodes to an eighth for the price of one
    if image.mode in {"P", "PA"} or "transparency" in image.info:
        converted = image.convert("RGBA")
    elif image.mode in {"RGB", "RGBA", "L"}:
        converted = image
    elif image.mode.startswith(("I", "F")):
        converted = _of_fewer_greys(image.convert("F"))
    else:
        converted = image.convert("RGBA" if image.mode in {"LA", "La", "RGBa"} else "RGB")
    converted.thumbnail((most_px, most_px))
    bare = Image.new(converted.mode, converted.size)
    bare.paste(converted)
    if orientation in range(2, 9):
        bare.getexif()[_ORIENTATION] = orientation
    turned = ImageOps.exif_transpose(bare)
    return turned if turned.mode in {"RGB", "RGBA"} else turned.convert("RGB")


def _of_fewer_greys(image: Image.Image) -> Image.Image:
    """What has more than 8 bits, from its darkest to its lightest point."""
    low, high = image.getextrema()
    assert isinstance(low, float)
    assert isinstance(high, float)
    scale = 255 / ((high - low) or 1)
    return image.point(lambda value: value * scale + -low * scale).convert("L")


def _encoded(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", quality=quality, method=4, exif=b"", icc_profile=b"", xmp=b"")
    return out.getvalue()
