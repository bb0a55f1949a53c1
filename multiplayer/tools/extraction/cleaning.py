"""Text of strangers without what cannot be seen, and names with it made visible."""

import codecs
import re
from typing import Final

codecs.lookup("unicode_escape")  # imported now: in the process that reads files nothing can be later

_DROPPED: Final = re.compile(
    "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufff9-\ufffb\ufdd0-\ufdef\ufffe\uffff"
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"  # direction
    "\u00ad\u180e\u200b\u2060-\u2065"  # no width; those that join letters or emoji stay
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"  # tags and selectors that can carry a hidden text
)
_LINE_ENDS: Final = re.compile("\r\n|[\r\x85\u2028\u2029]")
_HIDDEN_IN_NAMES: Final = re.compile(
    "[\0-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufe00-\ufe0f\ufeff\ufff0-\uffff"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff\\\\]"
)


def cleaned(text: str) -> str:
    """Drop control, direction, invisible characters and half surrogates; every line ends in a newline alone."""
    text = text.encode("utf-8", "replace").decode()
    return _DROPPED.sub("", _LINE_ENDS.sub("\n", text))


def shown(name: str) -> str:
    r"""A file's name on one line, with escapes as `\u202e` for what cannot be seen or would change what is."""
    return _HIDDEN_IN_NAMES.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), name)
