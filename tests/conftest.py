"""What all tests share: log lines with short tracebacks, as the server itself writes them."""

import structlog

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        # With the values of all variables, as is the default, a traceback through a room takes seconds to write.
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)
