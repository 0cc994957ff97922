"""What conversations tell telemetry."""

from collections.abc import Iterator, Mapping

import pytest

from sessiond import telemetry
from sessiond.core.conversations.happenings import Happening
from sessiond.core.conversations.journal import Channel, Plain
from sessiond.core.conversations.journal_events import JournalEvent, JournalStatus
from sessiond.core.flows.faults import FlowFailed, ForgottenAwait, RecordCorrupt
from sessiond.core.ids import UserId
from sessiond.runtime.flow_signals import SIGNALS, log_failure, signals_of

USER = UserId("ama")
WAY = Channel("whatsapp", "meta", "[number …67]")
FACTS: dict[str, Plain] = {
    "type": "text",
    "outcome": "completed",
    "duration": 2.5,
    "error": "KeyError",
    "where": "/app/flows.py:7",
}


def ignore(*_event: object) -> None:
    """Listen, and do nothing."""


@pytest.fixture
def listening() -> Iterator[None]:
    detach = telemetry.attach(ignore)
    yield
    detach()


@pytest.fixture
def unheard() -> Iterator[None]:
    """Nobody listens, and nothing is checked."""
    was_strict = telemetry.is_strict()
    telemetry.set_strict(False)
    yield
    telemetry.set_strict(was_strict)


def happened(event: JournalEvent, facts: Mapping[str, Plain] = FACTS) -> Happening:
    return Happening(event, JournalStatus.SUCCESS, "order", WAY, facts, 11)


@pytest.mark.parametrize("event", SIGNALS)
@pytest.mark.usefixtures("listening")
def test_every_signal_is_what_its_event_declares(event: JournalEvent) -> None:
    """Fields and types are those of the table of events; user, flow and way are told, the person's number is not."""
    ((name, numbers, about),) = signals_of([happened(event)], USER)

    telemetry.EVENTS[name].check(numbers, about)
    assert (about["user"], about["flow"]) == (USER, "order")
    assert (about["platform"], about["gateway"]) == ("whatsapp", "meta")
    assert "…67" not in str((numbers, about))


@pytest.mark.usefixtures("listening")
def test_facts_become_metadata_and_measurements() -> None:
    """An end tells how and after how long, a failure what and where, a message how long it is."""
    told = signals_of(
        map(
            happened,
            (JournalEvent.FLOW_END, JournalEvent.FLOW_ERROR, JournalEvent.MESSAGE_RECEIVED),
        ),
        USER,
    )

    assert [numbers for _, numbers, _ in told] == [{"duration": 2.5}, {}, {"length": 11}]
    assert told[0][2]["outcome"] == "completed"
    assert (told[1][2]["error"], told[1][2]["where"]) == ("KeyError", "/app/flows.py:7")
    assert told[2][2]["type"] == "text"


@pytest.mark.usefixtures("listening")
def test_what_is_for_the_journal_alone_makes_no_signal() -> None:
    """Steps of a flow are many, and of one person's interest."""
    assert signals_of([happened(JournalEvent.STEP_START), happened(JournalEvent.CUT)], USER) == []


@pytest.mark.usefixtures("unheard")
def test_nothing_is_made_when_nobody_listens() -> None:
    """Not even the facts are looked at; each event by itself."""
    begun, ended = happened(JournalEvent.FLOW_START, {}), happened(JournalEvent.FLOW_END, {})
    assert signals_of([begun, ended], USER) == []

    detach = telemetry.attach(ignore, ["flow.started"])
    told = signals_of([begun, ended], USER)
    detach()
    assert [name for name, _, _ in told] == ["flow.started"]


def test_a_failure_is_logged_with_what_the_flow_raised(caplog: pytest.LogCaptureFixture) -> None:
    """Message, fields, and the traceback of the flow's own exception; a rule that it broke has none."""
    try:
        raise LookupError("said")
    except LookupError as cause:
        error = FlowFailed("the flow raised LookupError", where="/app/flows.py:7")
        error.__cause__ = cause
    log_failure("order", error, USER)
    log_failure("order", ForgottenAwait("await is missing", where="/app/flows.py:9"), USER)
    log_failure("order", RecordCorrupt("not a record"), USER)

    raised, broken, corrupt = caplog.records
    assert raised.getMessage() == "flow failed: /app/flows.py:7: the flow raised LookupError"
    assert raised.exc_info is not None
    assert raised.exc_info[0] is LookupError
    assert raised.__dict__["fields"] == {"user": USER, "flow": "order"}
    assert broken.getMessage() == "flow failed: /app/flows.py:9: await is missing"
    assert broken.exc_info is None
    assert corrupt.exc_info is not None
    assert {record.levelname for record in caplog.records} == {"ERROR"}
