"""Metrics fed by telemetry and rendered as OpenMetrics."""

from collections.abc import Callable, Iterator

import pytest
import trio
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from trio.testing import MockClock

from sessiond import telemetry
from sessiond.observability.metric_table import GAUGES, METRICS
from sessiond.observability.metrics import MAX_FLOWS, MAX_LABEL_VALUES, Metrics, sample_loop_lag

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    metrics = Metrics()
    detach = metrics.open()
    yield metrics
    detach()


def samples(metrics: Metrics) -> Samples:
    """What a scraper reads."""
    _, body = metrics.render()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body.decode())  # type: ignore[no-untyped-call]
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((name, frozenset(labels.items())))


def test_an_event_is_counted_under_its_labels(metrics: Metrics) -> None:
    """A counter adds one per event."""
    for kind in ("message", "message", "timer"):
        about = {"user": "ada", "kind": kind, "error": "KeyError"}
        telemetry.emit("turn.failed", {"duration": 0.1}, about)

    name = "sessiond_turns_failed_total"
    assert value(metrics, name, kind="message", error="KeyError") == 2
    assert value(metrics, name, kind="timer", error="KeyError") == 1


def test_a_measurement_is_added_up_or_sorted_into_buckets(metrics: Metrics) -> None:
    """One event may feed several metrics."""
    telemetry.emit("commit.stop", {"duration": 0.004, "users": 3}, {"lane": 0})
    telemetry.emit("commit.stop", {"duration": 0.2, "users": 60}, {"lane": 1})

    telemetry.emit("outbox.overflowed", {"frames": 3}, {"user": "ada"})
    telemetry.emit("outbox.overflowed", {"frames": 4}, {"user": "ada"})

    assert value(metrics, "sessiond_outbox_dropped_frames_total") == 7
    assert value(metrics, "sessiond_commit_seconds_bucket", le="0.005") == 1
    assert value(metrics, "sessiond_commit_seconds_sum") == pytest.approx(0.204)
    assert value(metrics, "sessiond_commit_batch_users_bucket", le="4.0") == 1


def test_a_gauge_keeps_the_last_measurement(metrics: Metrics) -> None:
    """The margin of the lease is the newest one."""
    for margin in (7.0, 6.5):
        telemetry.emit("lease.renewed", {"margin": margin}, {"node": "n1"})

    assert value(metrics, "sessiond_lease_margin_seconds") == 6.5


def test_every_event_of_the_table_can_be_counted(metrics: Metrics) -> None:
    """Emitting all declared events leaves the listener attached, and nothing shows a user."""
    of_type = {"int": 7, "bool": True, "str": "word", "user": "ada-lovelace"}
    for event in telemetry.EVENTS.values():
        about = {name: of_type[kind.split(" ")[0]] for name, kind in event.metadata.items()}
        telemetry.emit(event.name, dict.fromkeys(event.measurements, 1.0), about)

    assert telemetry.enabled(METRICS[-1].event)
    assert b"ada-lovelace" not in metrics.render()[1]
    assert {name.removesuffix("_total") for name, _ in samples(metrics)} >= {
        f"sessiond_{row.name}" for row in METRICS if not row.buckets
    }


def test_labels_are_bounded(metrics: Metrics) -> None:
    """A thousand kinds of failure make no more than a bounded number of series; the rest is ``other``."""
    for number in range(1000):
        about = {"user": "ada", "kind": "message", "error": f"Error{number}"}
        telemetry.emit("turn.failed", {"duration": 0.1}, about)

    series = [labels for name, labels in samples(metrics) if name == "sessiond_turns_failed_total"]
    assert len(series) == MAX_LABEL_VALUES + 1
    other = value(metrics, "sessiond_turns_failed_total", kind="message", error="other")
    assert other == 1000 - MAX_LABEL_VALUES
    assert value(metrics, "sessiond_turns_failed_total", kind="message", error="Error0") == 1


def test_an_app_may_have_many_flows(metrics: Metrics) -> None:
    """Names of flows are bounded too, but by a number that no app reaches; ways of people by the usual one."""
    for number in range(MAX_FLOWS + 10):
        about = {"user": "ada", "flow": f"flow{number}", "platform": f"p{number}", "gateway": "g"}
        telemetry.emit("flow.started", {}, about)

    found = [dict(labels) for name, labels in samples(metrics) if "flows_started" in name]
    assert len({labels["flow"] for labels in found}) == MAX_FLOWS + 1
    assert len({labels["platform"] for labels in found}) == MAX_LABEL_VALUES + 1
    last = value(metrics, "sessiond_flows_started_total", flow="other", platform="other")
    assert last == 10


def test_a_flow_is_followed_from_its_start_to_its_end(metrics: Metrics) -> None:
    """Counters by flow and outcome, the time it took, and the functions it ran."""
    way = {"platform": "ussd", "gateway": "nalo"}
    about = {"user": "ada", "flow": "order", **way}
    run = {"user": "ada", "flow": "order", "run": "pay"}
    telemetry.emit("flow.started", {}, about)
    telemetry.emit("message.received", {"length": 5}, {**about, "type": "text"})
    telemetry.emit("answer.refused", {}, about)
    telemetry.emit("run.stop", {"duration": 2.0}, {**run, "outcome": "failure"})
    telemetry.emit("flow.failed", {}, {**about, "error": "KeyError", "where": "a.py:1"})
    telemetry.emit("flow.ended", {"duration": 90.0}, {**about, "outcome": "completed"})

    prefix = "sessiond_"
    assert value(metrics, f"{prefix}flows_started_total", flow="order", platform="ussd") == 1
    assert value(metrics, f"{prefix}messages_received_total", **way, type="text") == 1
    assert value(metrics, f"{prefix}answers_refused_total", flow="order") == 1
    assert value(metrics, f"{prefix}runs_total", outcome="failure") == 1
    assert value(metrics, f"{prefix}run_seconds_bucket", flow="order", le="2.5") == 1
    assert value(metrics, f"{prefix}flows_failed_total", flow="order", error="KeyError") == 1
    assert value(metrics, f"{prefix}flows_ended_total", flow="order", outcome="completed") == 1
    assert value(metrics, f"{prefix}flow_seconds_bucket", flow="order", le="60.0") == 0
    assert value(metrics, f"{prefix}flow_seconds_bucket", flow="order", le="300.0") == 1


def test_a_label_is_bounded_in_length_and_escaped(metrics: Metrics) -> None:
    """What comes from outside cannot break the format."""
    telemetry.emit("webhook.refused", {}, {"hook": 'a"\n' + "x" * 500, "code": "unauthorized"})

    name = "sessiond_webhooks_refused_total"
    assert value(metrics, name, hook='a"\n' + "x" * 61, code="unauthorized") == 1


def test_booleans_and_nothing_have_plain_label_values(metrics: Metrics) -> None:
    """``ok`` is true or false, as in JSON."""
    telemetry.emit("admin.called", {"duration": 0.1}, {"method": "ls", "uid": None, "ok": True})
    telemetry.emit(
        "connection.closed", {"duration": 1}, {"connection": 1, "user": None, "code": 1006}
    )

    assert value(metrics, "sessiond_admin_calls_total", method="ls", ok="true") == 1
    assert value(metrics, "sessiond_connections_closed_total", code="1006") == 1


def test_gauges_are_read_at_each_fetch(metrics: Metrics) -> None:
    """With a label as a mapping, without one as a number."""
    phases = {"attached": 2.0, "detached": 1.0}
    metrics.watch("sessions", lambda: phases)
    metrics.watch("connections", lambda: 3)
    first = value(metrics, "sessiond_sessions", phase="attached")
    phases["attached"] = 5.0

    assert first == 2
    assert value(metrics, "sessiond_sessions", phase="attached") == 5
    assert value(metrics, "sessiond_connections") == 3
    assert value(metrics, "sessiond_ready") is None


def test_a_gauge_that_fails_is_left_out(metrics: Metrics, caplog: pytest.LogCaptureFixture) -> None:
    """The others are still there, and the log names the one that failed."""

    def broken() -> float:
        raise RuntimeError("secret")

    metrics.watch("connections", broken)
    metrics.watch("ready", lambda: 1)

    assert value(metrics, "sessiond_ready") == 1
    assert value(metrics, "sessiond_connections") is None
    assert "gauge connections" in caplog.text
    assert "secret" not in caplog.text


def test_an_unknown_gauge_is_an_error(metrics: Metrics) -> None:
    """Gauges are declared in the table."""
    with pytest.raises(ValueError, match=GAUGES[0].name):
        metrics.watch("sesions", lambda: 1)


def test_process_metrics_are_there(metrics: Metrics) -> None:
    """Memory and CPU time of the process, without anybody feeding them."""
    assert (value(metrics, "process_resident_memory_bytes") or 0) > 0
    assert value(metrics, "process_cpu_seconds_total") is not None


def test_the_answer_is_open_metrics(metrics: Metrics) -> None:
    """The content type says so, and the body ends as the format asks."""
    content_type, body = metrics.render()

    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_two_nodes_in_one_process_do_not_share_a_registry() -> None:
    """What one counts the other does not show."""
    one, two = Metrics(), Metrics()
    detach = one.open()
    telemetry.emit("store.away", {}, {"store": "redis", "error": "TimeoutError", "reason": "slow"})
    detach()

    assert value(one, "sessiond_store_outages_total") == 1
    assert value(two, "sessiond_store_outages_total") == 0


async def test_loop_lag_is_how_late_a_task_wakes(autojump_clock: MockClock) -> None:
    """A punctual loop has none; one that was kept busy for two seconds shows them."""
    lags: list[float] = []

    def observe(lag: float) -> None:
        lags.append(lag)
        if len(lags) == 3:
            scope.cancel()

    def hold_up(clock: MockClock) -> Callable[[], None]:
        return lambda: clock.jump(2.5)

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: sample_loop_lag(observe, interval=1.0))
            await trio.sleep(1.5)
            hold_up(autojump_clock)()

    assert lags == [0.0, pytest.approx(2.0), 0.0]
    metrics = Metrics()
    for lag in lags:
        metrics.observe_lag(lag)
    assert value(metrics, "sessiond_event_loop_lag_seconds_count") == 3
