"""Structured logs on stderr: for people on a terminal, JSON lines elsewhere; secrets are taken out on the way."""

import logging
import re
import sys
from collections.abc import MutableMapping

import structlog

_SECRET_NAMES = re.compile(r"token|secret|password|api_key|authorization|cookie|ticket|dsn", re.IGNORECASE)
_SECRET_SHAPES = re.compile(
    r"\bm[pslti]_[A-Za-z0-9_-]{20,}"  # our own
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"  # JSON web tokens
    r"|\bsk-[A-Za-z0-9_-]{12,}"  # providers' keys
    r"|(?<=://)[^/@\s:]+:[^/@\s]+(?=@)"  # user:password in an address
)
_GONE = "[redacted]"


def redact(_logger: object, _method: str, entry: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """A structlog processor: no secret by name or by shape leaves the process."""
    for name, value in entry.items():
        if isinstance(value, str):
            entry[name] = _GONE if _SECRET_NAMES.search(name) else _SECRET_SHAPES.sub(_GONE, value)
    return entry


def tell(line: str) -> bool:
    """Write a plain line for whoever starts something at a terminal; False, and nothing written, where nobody does."""
    if not sys.stderr.isatty():
        return False
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
    return True


def set_up(level: str) -> None:
    """Send all logs, the libraries' too, through one door. Called once, at the start of a process."""
    number = logging.getLevelNamesMapping()[level.upper()]
    is_terminal = sys.stderr.isatty()
    shared: list[structlog.typing.Processor] = [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.add_log_level,
        # The plain traceback: one with local variables would show what was in them.
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if is_terminal
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(number, logging.WARNING))
