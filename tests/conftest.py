"""What all tests share: log lines with short tracebacks, as the server itself writes them."""

import gc

import structlog

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        # With the values of all variables, as is the default, a traceback through a room takes seconds to write.
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


def pytest_collection_finish() -> None:
    """Leave what was collected, thousands of tests for the whole run, out of the garbage collector's rounds.

    Else a full one holds everything up for a second, in the middle of what is timed.
    """
    gc.collect()
    gc.freeze()
