# SPDX-License-Identifier: BSD-2-Clause
"""How does a tracer see what a program logs?

    logging.getLogger().addHandler(usdt.logs.Handler(provider))
"""

import logging

from .provider import Provider


class Handler(logging.Handler):
    """A probe that fires for each record: its level, and as text the logger,
    the message, and the file and line that logged it.  While nobody traces,
    records are not formatted."""

    def __init__(self, provider: Provider, name: str = "log",
                 level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.probe = provider.probe(name, "int", "char *", "char *", "char *",
                                    "int")

    def handle(self, record: logging.LogRecord) -> bool:
        # No lock is taken: a fire needs none.
        if not self.probe or not self.filter(record):
            return False
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = self.format(record)
        except Exception:
            self.handleError(record)
            return
        self.probe.fire(record.levelno, record.name, message,
                        record.pathname, record.lineno)
