"""What an error says to whoever typed the command: one line, a hint, an exit code."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

FAILURE, USAGE, CHECK_FAILED = 1, 2, 3


@dataclass(frozen=True)
class Said:
    message: str
    hint: str = ""
    exit_code: int = FAILURE


class Failure(Exception):  # noqa: N818 - how a command ended
    """A command cannot do what was asked, in the words for whoever typed it."""

    def __init__(self, message: str, *, hint: str = "", exit_code: int = FAILURE) -> None:
        super().__init__(message)
        self.said = Said(message, hint, exit_code)


def explain(error: BaseException) -> Said:
    """Put any error into words. Knows the world's; calls the rest what it is and points to `--debug`.

    Imports nothing that is not there: what raised an error has been imported, and the rest takes seconds.
    """
    error = _inner(error)
    if isinstance(error, Failure):
        return error.said
    for kind in type(error).__mro__:
        words = _WORDS.get(kind.__module__)
        if words is not None:
            return words(error)
    match error:
        case PermissionError():
            return Said(_of_the_system(error), "this account may not do that; is --data-dir the right folder?")
        case OSError():
            return Said(_of_the_system(error), "--debug shows where")
        case ValueError():
            return Said(str(error) or type(error).__name__, "--debug shows where")
        case _:
            return Said(f"unexpected: {type(error).__name__}: {error}", "--debug shows the traceback")


def _refused(error: BaseException) -> Said:
    from multiplayer.protocol.errors import RefusalCode, Refused

    assert isinstance(error, Refused), "nothing else is raised there"
    is_plain = error.code is RefusalCode.MALFORMED
    return Said(_sentence(error.message), "" if is_plain else f"refused: {error.code.value}")


def _of_the_client(error: BaseException) -> Said:
    from multiplayer.client.errors import ConnectionLost, NotSignedIn, UploadFailed

    match error:
        case NotSignedIn():
            return Said(
                _sentence(str(error)), "make a token with: multiplayer token create --account HANDLE --data-dir DIR"
            )
        case ConnectionLost():
            return Said(f"the server cannot be reached: {error}", "is it running, and is --url its address?")
        case UploadFailed():
            return Said(f"the file did not arrive: {_sentence(error.reason)}")
        case _:  # a file that has changed or is damaged
            return Said(_sentence(str(error)), "try again")


def _bad_settings(error: BaseException) -> Said:
    return Said(str(error), _sources_of(str(error)) or "see: multiplayer config show", USAGE)


def _cannot_listen(error: BaseException) -> Said:
    return Said(_sentence(str(error)))


def _of_the_database(error: BaseException) -> Said:
    return Said(_sentence(str(error) or type(error).__name__), "multiplayer doctor says what is wrong")


def _of_the_folder(error: BaseException) -> Said:
    from multiplayer.storage.runtime_dir import DataDirBusy

    if isinstance(error, DataDirBusy):
        return Said(_sentence(str(error)), "another command or a starting server holds the data folder; try again")
    return _of_the_database(error)


_WORDS: Final[Mapping[str, Callable[[BaseException], Said]]] = {
    "multiplayer.protocol.errors": _refused,
    "multiplayer.client.errors": _of_the_client,
    "multiplayer.settings.model": _bad_settings,
    "multiplayer.transports.server": _cannot_listen,
    "multiplayer.storage.port": _of_the_database,
    "multiplayer.storage.migrate": _of_the_database,
    "multiplayer.storage.runtime_dir": _of_the_folder,
}
"""By the module that an error is of."""


def _of_the_system(error: OSError) -> str:
    if error.strerror is None or error.filename is None:
        return str(error) or type(error).__name__
    return _sentence(f"{os.fsdecode(error.filename)}: {error.strerror}")


def is_broken_pipe(error: BaseException) -> bool:
    """Tell whether nobody reads our output any more, and nothing else went wrong."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_broken_pipe(part) for part in error.exceptions)
    return isinstance(error, BrokenPipeError)


def _sources_of(sentence: str) -> str:
    """Say of each setting that a sentence names where its value came from."""
    import re

    from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource

    from multiplayer.settings import DOTENV, Settings

    # The environment wins over the file, as it does when settings are read.
    sources = {
        "the environment": EnvSettingsSource(Settings).env_vars,
        DOTENV: DotEnvSettingsSource(Settings).env_vars,
    }
    found: dict[str, str] = {}
    # A setting read from a file is in neither under its own name.
    for name in re.findall(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+", sentence):
        for source, values in sources.items():
            if name.lower() in values:
                found.setdefault(name, f"{name} comes from {source}")
            if f"{name}_file".lower() in values:
                found.setdefault(name, f"{name} comes from the file that {name}_FILE names")
    return "; ".join(found.values())


def _inner(error: BaseException) -> BaseException:
    """Return the error itself when a group of tasks has only wrapped it."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _sentence(text: str) -> str:
    from multiplayer.cli.visible import visible

    return visible(text)
