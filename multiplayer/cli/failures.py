"""What an error says to whoever typed the command: one line, a hint, an exit code."""

from dataclasses import dataclass

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
    """Put any error into words. Knows the world's; calls the rest what it is and points to `--debug`."""
    # Imported here: only a command that failed pays for it.
    from multiplayer.client.errors import ConnectionLost, FileChanged, FileDamaged, NotSignedIn, UploadFailed
    from multiplayer.protocol.errors import RefusalCode, Refused
    from multiplayer.settings import BadSettings
    from multiplayer.storage import migrate, port, runtime_dir
    from multiplayer.transports.server import CannotListen

    error = _inner(error)
    match error:
        case Failure():
            return error.said
        case Refused():
            is_plain = error.code is RefusalCode.MALFORMED
            return Said(_sentence(error.message), "" if is_plain else f"refused: {error.code.value}")
        case NotSignedIn():
            return Said(
                _sentence(str(error)), "make a token with: multiplayer token create --account HANDLE --data-dir DIR"
            )
        case ConnectionLost():
            return Said(f"the server cannot be reached: {error}", "is it running, and is --url its address?")
        case UploadFailed():
            return Said(f"the file did not arrive: {_sentence(error.reason)}")
        case FileChanged() | FileDamaged():
            return Said(_sentence(str(error)), "try again")
        case BadSettings():
            return Said(str(error), _sources_of(str(error)) or "see: multiplayer config show", USAGE)
        case CannotListen():
            return Said(_sentence(str(error)))
        case runtime_dir.DataDirBusy():
            return Said(_sentence(str(error)), "another command or a starting server holds the data folder; try again")
        case (
            port.StorageUnavailable()
            | port.UnfitDatabase()
            | runtime_dir.PostgresFailed()
            | migrate.BrokenMigrations()
            | migrate.MigrationChanged()
            | migrate.MigrationFailed()
            | migrate.DatabaseTooNew()
        ):
            return Said(_sentence(str(error) or type(error).__name__), "multiplayer doctor says what is wrong")
        case PermissionError():
            return Said(str(error), "this account may not do that; is --data-dir the right folder?")
        case OSError() | ValueError():
            return Said(str(error) or type(error).__name__, "--debug shows where")
        case _:
            return Said(f"unexpected: {type(error).__name__}: {error}", "--debug shows the traceback")


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
