"""How many pictures follow each other in a GIF, counted by its blocks alone: nothing is decoded."""

import io


def has_more_frames(file: io.BufferedReader, most: int) -> bool:
    """Whether a GIF, read from its beginning, has more than `most` frames. What is no GIF has no more."""
    screen = file.read(13)
    if len(screen) < 13:
        return False
    _skip_colours(file, screen[10])
    frames = 0
    while True:
        match file.read(1):
            case b",":
                frames += 1
                if frames > most:
                    return True
                descriptor = file.read(9)
                if len(descriptor) < 9:
                    return False
                _skip_colours(file, descriptor[8])
                file.read(1)
                _skip_blocks(file)
            case b"!":
                file.read(1)
                _skip_blocks(file)
            case b"" | b";":
                return False
            case _:
                continue  # as decoders do: whatever lies between blocks is passed over


def _skip_colours(file: io.BufferedReader, packed: int) -> None:
    if packed & 0x80:
        file.read(3 << ((packed & 7) + 1))


def _skip_blocks(file: io.BufferedReader) -> None:
    while length := file.read(1):
        if length == b"\0":
            return
        file.read(length[0])
