"""Log lines from telemetry and from the standard library's logging."""

import io
import json
import logging
import re
from collections.abc import Callable, Iterator

import pytest
import structlog
import trio

from sessiond import telemetry
from sessiond.observability.log_events import LEVELS
from sessiond.observability.logs import (
    MAX_LINE,
    QUIET_LIBRARIES,
    THROTTLE_LINES,
    THROTTLE_SECONDS,
    LogSettings,
    TelemetryLog,
    UserHash,
    open_logs,
)

KEY = b"k" * 32
FAILED = ({"duration": 0.25}, {"user": "ada", "kind": "message", "error": "KeyError"})


class Logs:
    """Logs that are written to memory."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.closers: list[Callable[[], None]] = []

    def open(self, settings: LogSettings) -> None:
        self.closers.append(open_logs(settings, user_key=KEY, stream=self.stream))

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.text.splitlines()]


class Records(logging.Handler):
    """A handler that keeps the records."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(record)


@pytest.fixture
def logs() -> Iterator[Logs]:
    logs = Logs()
    yield logs
    for close in reversed(logs.closers):
        close()


def test_a_telemetry_event_is_one_json_line(logs: Logs) -> None:
    """Name, level, UTC time and fields; the user only as a keyed hash."""
    logs.open(LogSettings())
    telemetry.emit("turn.failed", *FAILED)

    (line,) = logs.lines
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", str(line.pop("timestamp")))
    assert line == {
        "level": "error",
        "logger": "sessiond",
        "event": "turn.failed",
        "duration": 0.25,
        "kind": "message",
        "error": "KeyError",
        "user_hash": UserHash(KEY)("ada"),
    }
    assert "ada" not in logs.text


def test_user_ids_are_shown_when_the_operator_asks(logs: Logs) -> None:
    """``log_user_ids`` puts the id in clear."""
    logs.open(LogSettings(log_user_ids=True))
    telemetry.emit("turn.failed", *FAILED)

    assert logs.lines[0]["user"] == "ada"


def test_a_user_hash_depends_on_the_key_and_the_user() -> None:
    """16 hex digits, the same for the same pair only."""
    assert re.fullmatch("[0-9a-f]{16}", UserHash(KEY)("ada"))
    assert UserHash(KEY)("ada") == UserHash(KEY)("ada")
    assert len({UserHash(KEY)("ada"), UserHash(KEY)("bob"), UserHash(b"x")("ada")}) == 3


def test_no_event_shows_a_user_in_clear(logs: Logs) -> None:
    """Every event of the table, emitted with every field, hides the user id."""
    logs.open(LogSettings(level="debug"))
    samples = {"int": 7, "bool": True, "str": "word", "user": "ada-lovelace"}
    for event in telemetry.EVENTS.values():
        metadata = {name: samples[kind.split(" ")[0]] for name, kind in event.metadata.items()}
        telemetry.emit(event.name, dict.fromkeys(event.measurements, 1.0), metadata)

    assert {line["event"] for line in logs.lines} == set(LEVELS)
    assert "ada-lovelace" not in logs.text


def test_a_user_in_the_fields_of_any_line_is_hashed(logs: Logs) -> None:
    """Also where no telemetry event is behind it."""
    logs.open(LogSettings())
    about = {"user": "ada", "flow": "order"}
    logging.getLogger("sessiond.app").error("flow failed", extra={"fields": about})

    assert logs.lines[0]["user_hash"] == UserHash(KEY)("ada")
    assert logs.lines[0]["flow"] == "order"
    assert "ada" not in logs.text


def test_quiet_events_need_a_lower_level(logs: Logs) -> None:
    """A session's ordinary life is not printed at ``info``, and messages are never printed."""
    logs.open(LogSettings())
    telemetry.emit("session.created", {}, {"user": "ada"})
    telemetry.emit("turn.stop", {"duration": 1.0}, {"user": "ada", "kind": "message"})

    assert logs.text == ""


def test_lines_of_the_standard_library_come_out_the_same_way(logs: Logs) -> None:
    """An app author's logger is masked and timed like ours; a line feed makes no second line."""
    logs.open(LogSettings())
    logging.getLogger("shop").warning("call %s\nwith %s", "+233241234567", "token=abc")

    (line,) = logs.lines
    assert line["event"] == "call [number …67]\nwith token=[hidden]"
    assert line["logger"] == "shop"
    assert line["level"] == "warning"


def test_a_traceback_is_masked_and_keeps_its_end(logs: Logs) -> None:
    """Also where messages are shown, a number or a token in them is not."""
    logs.open(LogSettings(exception_messages=True))
    try:
        raise ValueError("no order for +233241234567")
    except ValueError:
        logging.getLogger("sessiond.runtime").exception("handler failed")

    (line,) = logs.lines
    assert str(line["exception"]).endswith("ValueError: no order for [number …67]")
    assert "test_logs.py" in str(line["exception"])


def test_a_traceback_keeps_quiet_about_what_was_said(logs: Logs) -> None:
    """What a handler put into its exception is not logged; its kind and place are."""
    logs.open(LogSettings())
    try:
        raise ValueError("ama owes ninety")
    except ValueError:
        logging.getLogger("sessiond.app").exception("a handler failed")

    (line,) = logs.lines
    assert str(line["exception"]).endswith("\nValueError")
    assert "test_logs.py" in str(line["exception"])


@pytest.mark.parametrize("library", QUIET_LIBRARIES)
def test_libraries_that_log_frames_and_targets_are_held_at_warning(
    logs: Logs, library: str
) -> None:
    """Even when we debug: their debug lines hold what must not be printed."""
    logs.open(LogSettings(level="debug"))
    logger = logging.getLogger(library)
    logger.info("< TEXT payload")
    logger.warning("something to know")

    assert [line["event"] for line in logs.lines] == ["something to know"]


def test_a_line_is_bounded(logs: Logs) -> None:
    """Many long fields are cut down to what the line is about."""
    logs.open(LogSettings())
    fields = {f"field{n}": "x " * 1000 for n in range(40)}
    logging.getLogger("shop").error("too much", extra={"fields": fields})

    assert len(logs.text) < MAX_LINE
    assert logs.lines[0]["event"] == "too much"
    assert logs.lines[0]["cut"] is True


def test_a_flood_of_one_event_is_throttled_and_counted() -> None:
    """Twenty lines in ten seconds, then silence; the first line afterwards says how many were left out."""
    now = 100.0
    logger = logging.getLogger("tests.flood")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(records := Records())
    log = TelemetryLog(logger, clock=lambda: now)
    for _ in range(50):
        log("auth.refused", {}, {"door": "websocket", "reason": "expired"})
    log("join.refused", {}, {"user": None, "code": "unknown_user"})
    for _ in range(50):
        log("admin.called", {"duration": 0.1}, {"method": "stop", "uid": 0, "ok": True})
    now += THROTTLE_SECONDS
    log("auth.refused", {}, {"door": "websocket", "reason": "expired"})

    assert len(records.kept) == THROTTLE_LINES + 1 + 50 + 1
    assert records.kept[-1].fields == {  # type: ignore[attr-defined]
        "door": "websocket",
        "reason": "expired",
        "suppressed": 30,
    }


def test_a_flood_at_one_account_hides_no_other_account() -> None:
    """Who is pointed at one of them with a wrong secret does not see strangers knock at another."""
    logger = logging.getLogger("tests.flood.accounts")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(records := Records())
    log = TelemetryLog(logger, clock=lambda: 100.0)
    for _ in range(50):
        log("gateway.refused", {}, {"account": "line", "code": "401", "check": "token_wrong"})
    log("gateway.refused", {}, {"account": "shop", "code": "401", "check": "signature_wrong"})

    assert len(records.kept) == THROTTLE_LINES + 1
    assert records.kept[-1].fields["account"] == "shop"  # type: ignore[attr-defined]


async def test_bound_context_is_part_of_a_line(logs: Logs) -> None:
    """Context variables are per task under Trio, so one task's context does not show in another's lines."""
    logs.open(LogSettings())

    async def work(name: str) -> None:
        with structlog.contextvars.bound_contextvars(request=name):
            await trio.lowlevel.checkpoint()
            logging.getLogger("shop").warning(name)

    async with trio.open_nursery() as nursery:
        for name in ("a", "b"):
            nursery.start_soon(work, name)

    assert {(line["event"], line["request"]) for line in logs.lines} == {("a", "a"), ("b", "b")}


def test_the_console_is_for_people(logs: Logs) -> None:
    """Text instead of JSON, masked all the same, tracebacks included."""
    logs.open(LogSettings(format="console"))
    telemetry.emit("turn.failed", *FAILED)
    try:
        raise ValueError("+233241234567")
    except ValueError:
        logging.getLogger("shop").exception("handler failed")

    assert "turn.failed" in logs.text
    assert "user_hash" in logs.text
    assert "Traceback" in logs.text
    assert "233241234567" not in logs.text


def test_closing_gives_everything_back() -> None:
    """Handlers, levels and the telemetry listener are as before."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logging.getLogger("h11").level)
    stream = io.StringIO()
    close = open_logs(LogSettings(), stream=stream)
    close()
    telemetry.emit("turn.failed", *FAILED)

    assert (root.handlers[:], root.level, logging.getLogger("h11").level) == before
    assert stream.getvalue() == ""


@pytest.mark.parametrize(("field", "wrong"), [("format", "xml"), ("level", "loud")])
def test_settings_name_what_is_allowed(field: str, wrong: str) -> None:
    """A typo is an error at start, not a silent default."""
    with pytest.raises(ValueError, match=field):
        LogSettings(**{field: wrong})  # type: ignore[arg-type]


def test_events_that_are_not_printed_cost_nothing() -> None:
    """Nobody listens to what the level leaves out, so that emitters need not even build it."""
    was_strict = telemetry.is_strict()
    telemetry.set_strict(False)  # or else every event is listened to, to be checked
    close = open_logs(LogSettings(level="info"), stream=io.StringIO())
    try:
        assert not telemetry.enabled("session.attached")
        assert telemetry.enabled("session.ended")
    finally:
        close()
        telemetry.set_strict(was_strict)
