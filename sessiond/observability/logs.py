"""Log lines: one JSON object each (or coloured text under ``dev``), from telemetry and from every library.

Two sources end in one handler and one chain of processors: a listener that turns chosen telemetry events into
lines (log_events.py), and the standard library's ``logging``, into which third-party libraries and app authors
write. Both are redacted and bounded (redaction.py). Nothing is configured globally but the root logger's handler.

An exception is shown without what it says (tracebacks.py), a user as ``user_hash``, 16 hex digits of HMAC-SHA-256,
unless the settings say otherwise.
structlog's ``a…`` methods are not used: they need another event loop.
"""

import hashlib
import hmac
import logging
import secrets
import sys
import time
from collections.abc import Callable
from typing import Final, Literal, TextIO

import msgspec
import structlog
from attrs import field, frozen, validators
from structlog.typing import EventDict, Processor, WrappedLogger

from sessiond import telemetry
from sessiond.observability.log_events import LEVELS, UNTHROTTLED
from sessiond.observability.redaction import redact
from sessiond.observability.tracebacks import traceback_text
from sessiond.telemetry import Measurements, Metadata

__all__ = ["LogSettings", "TelemetryLog", "UserHash", "open_logs"]

#: A line longer than this is cut down to its essentials: log shippers drop or split longer ones (Docker: 16 KiB).
MAX_LINE: Final = 16_384

#: At most this many lines of one event, of one account of a gateway, in THROTTLE_SECONDS; the next line says how many
#: were left out.
THROTTLE_LINES: Final = 20
THROTTLE_SECONDS: Final = 10.0

#: Their ``info`` and ``debug`` lines hold request targets, headers and frames.
QUIET_LIBRARIES: Final = (
    "h11",
    "hpack",
    "httpcore2",
    "httpx2",
    "redis",
    "stamina",
    "trio",
    "websockets",
)

Level = Literal["debug", "info", "warning", "error"]


@frozen
class LogSettings:
    """What is logged, and how."""

    format: Literal["json", "console"] = field(
        default="json", validator=validators.in_(("json", "console"))
    )
    """``json``: one object per line; ``console``: coloured text for people."""
    level: Level = field(
        default="info", validator=validators.in_(("debug", "info", "warning", "error"))
    )
    """The least severe level that is printed."""
    log_user_ids: bool = False
    """Show user ids in clear. They may be personal data: ask whoever answers for privacy first."""
    exception_messages: bool = False
    """Show what exceptions say, not only their kind and place. Handlers' exceptions often quote what people wrote:
    for development (``sessiond dev`` sets it)."""
    hash_key: str = field(default="", repr=False)
    """Keys the hashes that stand for user ids in logs, so that those of two runs or nodes can be compared. Empty: a
    random one for each run."""


class UserHash:
    """Turns a user id into what a log may show: the same user is the same hash under one key, and no more is told."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, user: str) -> str:
        """Return 16 hex digits of HMAC-SHA-256."""
        return hmac.new(self._key, user.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()[
            :16
        ]


class TelemetryLog:
    """A telemetry listener that writes chosen events as log lines; *clock* is monotonic.

    They are throttled by event and account.
    """

    def __init__(
        self, logger: logging.Logger, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._logger = logger
        self._throttle = _Throttle(clock)

    def __call__(self, name: str, measurements: Measurements, metadata: Metadata) -> None:
        """Write one line, when the event is one for the log and its level is printed."""
        level = LEVELS.get(name)
        if level is None or not self._logger.isEnabledFor(level):
            return
        suppressed = (
            0 if name in UNTHROTTLED else self._throttle.admit(name, metadata.get("account"))
        )
        if suppressed is None:
            return
        fields: dict[str, object] = {
            name: round(number, 6) for name, number in measurements.items()
        }
        fields.update(metadata)
        if suppressed:
            fields["suppressed"] = suppressed
        self._logger.log(level, name, extra={"fields": fields})


class _Throttle:
    """Bounds the lines of each event and account: outsiders cause some of them, and a log must not be a weapon."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: dict[tuple[str, object], tuple[float, int]] = {}

    def admit(self, name: str, account: object) -> int | None:
        """Return ``None`` to leave the line out, or how many were left out before this one."""
        now = self._clock()
        start, count = self._seen.get((name, account), (now, 0))
        left_out = 0
        if now - start >= THROTTLE_SECONDS:
            left_out = max(0, count - THROTTLE_LINES)
            start, count = now, 0
        self._seen[name, account] = (start, count + 1)
        return left_out if count < THROTTLE_LINES else None


def open_logs(
    settings: LogSettings, *, user_key: bytes | None = None, stream: TextIO | None = None
) -> Callable[[], None]:
    """Send log lines to *stream* (standard error) and start listening to telemetry; return what undoes both.

    *user_key* keys the hashes of user ids; without one a random key is used, and hashes of two processes cannot be
    compared. The root logger's other handlers are put aside until the returned function is called.
    """
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    quiet = {name: logging.getLogger(name).level for name in QUIET_LIBRARIES}
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    user_hash = None if settings.log_user_ids else UserHash(user_key or secrets.token_bytes(32))
    handler.setFormatter(_formatter(settings, user_hash))
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    for name in QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    ours = logging.getLogger("sessiond")
    printed = [name for name, level in LEVELS.items() if ours.isEnabledFor(level)]
    detach = telemetry.attach(TelemetryLog(ours), printed)

    def close() -> None:
        detach()
        handler.flush()
        root.handlers[:], level = before
        root.setLevel(level)
        for name, level in quiet.items():
            logging.getLogger(name).setLevel(level)

    return close


def _formatter(settings: LogSettings, user_hash: UserHash | None) -> logging.Formatter:
    pre: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
        _Fields(user_hash),
    ]
    render: Processor = _json
    if settings.format == "console":
        render = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=pre,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.ExceptionRenderer(
                traceback_text(messages=settings.exception_messages)
            ),
            _redacted,
            render,
        ],
    )


class _Fields:
    """Takes the fields that a record has (``extra={"fields": …}``); ``user`` is shown as its hash, if there is one."""

    def __init__(self, user_hash: UserHash | None) -> None:
        self._user_hash = user_hash

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        fields: dict[str, object] = dict(getattr(event.get("_record"), "fields", {}))
        if self._user_hash is not None and "user" in fields:
            user = fields.pop("user")
            if isinstance(user, str):
                fields["user_hash"] = self._user_hash(user)
        return {**fields, **event}


def _redacted(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return dict(redact(event))


def _json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """Render one bounded line, most useful fields first; JSON escapes line feeds, so a line stays a line."""
    first = ("timestamp", "level", "logger", "event")
    ordered = {**{key: event[key] for key in first if key in event}, **event}
    line = msgspec.json.encode(ordered).decode(errors="replace")
    if len(line) <= MAX_LINE:
        return line
    short = {**{key: ordered[key] for key in first if key in ordered}, "cut": True}
    return msgspec.json.encode(short).decode(errors="replace")
