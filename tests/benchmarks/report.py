"""Results as a page: medians over repetitions, with what was promised beside them.

``results/latest.json`` holds the figures of every repetition; the tables of ``docs/benchmarks.md`` are made from it
alone, so that a run of one scenario replaces that scenario's table and leaves the others.
"""

import json
import platform
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from tests.benchmarks.bench import Figures
from tests.redis_server import find_binary

__all__ = ["PAGE", "RESULTS", "environment", "load_results", "render", "save"]

_FOLDER: Final = Path(__file__).parent
RESULTS: Final = _FOLDER / "results" / "latest.json"
PAGE: Final = _FOLDER.parents[1] / "docs" / "benchmarks.md"
BEGIN: Final = "<!-- results: begin (written by python -m tests.benchmarks) -->"
END: Final = "<!-- results: end -->"


class Row(NamedTuple):
    """One line of a table. *name* may hold ``{n}``: one line for each such figure."""

    name: str
    label: str
    digits: int
    target: str = ""
    """``<= 0.5``: a promise."""


def _turn_rows(store: str, title: str, *, rate: str = "", slowest: str = "") -> tuple[Row, ...]:
    users = f"{title}, {{n}} users:"
    rows = (
        Row(f"{store} {{n}} rate", f"{users} turns/s", 0, rate),
        Row(f"{store} {{n}} cpu", f"{users} CPU per turn, µs", 1),
        Row(f"{store} {{n}} store cpu", f"{users} CPU per turn of redis-server, µs", 1),
        Row(f"{store} {{n}} p50", f"{users} median at half load, ms", 2),
        Row(f"{store} {{n}} p99", f"{users} 99th percentile at half load, ms", 2, slowest),
    )
    return rows if store == "redis" else (*rows[:2], *rows[3:])


def _dial_rows(store: str, title: str, slowest: str = "<= 20") -> tuple[Row, ...]:
    rows = (
        Row(f"{store} rate", f"{title}: answers/s", 0),
        Row(f"{store} p50", f"{title}: median, ms", 2),
        Row(f"{store} p99", f"{title}: 99th percentile, ms", 2, slowest),
        Row(f"{store} p999", f"{title}: 99.9th percentile, ms", 2),
        Row(f"{store} most", f"{title}: the slowest, ms", 2),
        Row(f"{store} cpu", f"{title}: CPU per turn, µs", 0),
        Row(f"{store} ratio", f"{title}: that ÷ the plain receiver's", 2),
        Row(f"{store} store cpu", f"{title}: CPU per turn of redis-server, µs", 0),
    )
    return {"redis": rows, "sqlite": rows[:-1], "plain": rows[:-2]}[store]


def _repeat_rows(store: str, title: str) -> tuple[Row, ...]:
    return (
        Row(f"{store} webhooks", f"{title}: webhooks acknowledged", 0),
        Row(f"{store} messages", f"{title}: different messages in them", 0),
        Row(f"{store} kills", f"{title}: `kill -9` and starts", 0),
        Row(f"{store} sent_again", f"{title}: webhooks under way at a kill, sent again", 0),
        Row(f"{store} lost", f"{title}: messages never said to the flow", 0, "<= 0"),
        Row(f"{store} twice", f"{title}: messages said twice", 0, "<= 0"),
        Row(f"{store} overtaken", f"{title}: said after a later one of the person", 0, "<= 0"),
        Row(f"{store} unanswered", f"{title}: without one delivery of their own", 0, "<= 0"),
        Row(f"{store} cpu", f"{title}: CPU per webhook, starts included, µs", 0),
    )


def _start_rows() -> tuple[Row, ...]:
    parts = {
        "connection": "connection without a join",
        "start": "**session start**: a new user's join on it",
        "both": "both, a new user",
        "back": "both, back within the window",
    }
    targets = {"start": "<= 0.2"}
    return (
        *(
            Row(f"{part} {{n}} cpu", f"{label}, {{n}} at a time: CPU, ms", 3, targets.get(part, ""))
            for part, label in parts.items()
        ),
        Row("end {n} cpu", "the connection is lost, after {n} at a time: CPU, ms", 3),
        *(
            Row(f"{part} {{n}} rate", f"{label}, {{n}} at a time: per second", 0)
            for part, label in parts.items()
        ),
    )


_CPU: Final = "CPU per message, µs"
SECTIONS: Final[dict[str, tuple[str, tuple[Row, ...]]]] = {
    "echo": (
        "Echo through the actor, against a plain trio-websocket server",
        (
            Row("ratio {n}", "connections {n}: CPU per message, sessiond ÷ trio-websocket", 2),
            Row("sessiond {n} cpu", f"connections {{n}}: sessiond, {_CPU}", 1),
            Row("plain {n} cpu", f"connections {{n}}: trio-websocket, {_CPU}", 1),
            Row("sessiond {n} rate", "connections {n}: sessiond, messages/s", 0),
            Row("plain {n} rate", "connections {n}: trio-websocket, messages/s", 0),
            Row("sessiond {n} p99", "connections {n}: sessiond, 99th percentile, ms", 2),
            Row("plain {n} p99", "connections {n}: trio-websocket, 99th percentile, ms", 2),
        ),
    ),
    "connect": (
        "Session start: the connection, the join, and both",
        _start_rows(),
    ),
    "memory": (
        "Memory per session, KiB",
        (
            Row("attached", "attached", 1, "<= 14"),
            Row("detached", "detached", 1, "<= 4"),
            Row("passive", "passive", 1, "<= 0"),
            Row("detached after", "detached, after all were attached at once", 1),
            Row("idle", "the server with a quarter as many attached, MiB", 0),
        ),
    ),
    "turns": (
        "Gated turns: state changed, durable, answered",
        (
            *_turn_rows("sqlite", "SQLite", rate=">= 10000", slowest="<= 15"),
            *_turn_rows("redis", "Redis", rate=">= 10000", slowest="<= 15"),
        ),
    ),
    "flows": (
        "Flows: a turn without a store, rebuilding, memory",
        (
            Row("engine", "a turn of a flow that is alive, and its record: CPU, µs", 1, "<= 60"),
            Row("whole", "the whole turn, with routing, journal and what is shown: CPU, µs", 1),
            Row("hand", "the same questions by hand, with a dict and JSON: CPU, µs", 1),
            Row("hand ratio", "the whole turn ÷ by hand", 1),
            Row("rebuild", "rebuilding a flow with 50 recorded answers: CPU, ms", 2, "<= 2"),
            Row("attached", "a flow in memory adds to its attached user, KiB", 2),
            Row("asleep", "a flow beyond the 4096 in memory adds to its attached user, KiB", 2),
            Row("mean", "20,000 attached users: a flow adds to each, KiB", 2, "<= 2"),
            Row("answered", "the same with four recorded answers, KiB", 2),
            Row("passive", "a flow's passive user, KiB", 1, "<= 0"),
        ),
    ),
    "dialogue": (
        "Conversations over websockets: said, durable, answered",
        (*_turn_rows("sqlite", "SQLite"), *_turn_rows("redis", "Redis")),
    ),
    "hooks": (
        "Webhook to push: signed POST, durable, pushed to the user's websocket",
        (
            Row("cpu", "CPU per webhook, µs", 0),
            Row("rate", "webhooks/s, 16 senders", 0),
            Row("p50", "median at half load, ms", 2),
            Row("p99", "99th percentile at half load, ms", 2),
        ),
    ),
    "chats": (
        "WhatsApp: a signed webhook with a text, answered by a flow",
        (
            Row(
                "webhook cpu",
                "signature, parsing, inbox, turn, commit with the delivery, 16 at a time: CPU per webhook, µs",
                0,
                "<= 400",
            ),
            Row("burst cpu", "the same, 256 at a time: CPU per webhook, µs", 0, "<= 400"),
            Row("called cpu", "all that, the call to the provider, its result: CPU, µs", 0),
            Row("plain cpu", "a plain receiver, without a turn: CPU per webhook, µs", 0),
            Row("ratio", "sessiond without the call ÷ the plain receiver", 2),
            Row("webhook p50", "acknowledged, median at half load, ms", 2),
            Row("webhook p99", "acknowledged, 99th percentile at half load, ms", 2),
            Row("burst p50", "acknowledged, median at half load of 256 connections, ms", 2),
            Row(
                "burst p99", "acknowledged, 99th percentile at half load of 256 connections, ms", 2
            ),
            Row("plain p50", "the plain receiver, median at half load, ms", 2),
            Row("plain p99", "the plain receiver, 99th percentile at half load, ms", 2),
        ),
    ),
    "dials": (
        "USSD: 500 requests a second, answered when durable",
        (
            *_dial_rows("sqlite", "SQLite"),
            *_dial_rows("redis", "Redis"),
            *_dial_rows("plain", "a plain receiver (trio, h11, json, sqlite3; no turn)", ""),
        ),
    ),
    "repeats": (
        "Repeats: WhatsApp's webhooks up to four times each, shuffled, the server killed meanwhile",
        (*_repeat_rows("sqlite", "SQLite"), *_repeat_rows("redis", "Redis")),
    ),
    "churn": (
        "Churn: sessions attached at once, some coming and going all the time",
        (
            Row("sessions", "sessions attached at once", 0),
            Row("seconds", "duration, s", 0),
            Row("changes", "sessions that left and were followed by another", 0),
            Row("load", "CPU of the server, % of a core", 0),
            Row("early", "memory early, MiB", 1),
            Row("late", "memory late, MiB", 1),
            Row("growth", "growth, %", 1, "<= 1"),
        ),
    ),
}

#: Below, growth is caches and windows filling up.
_LONG_CHURN: Final = 600

#: Targets that hold for one line of several.
_SPECIAL: Final = {"ratio 100": "<= 0.5"}


def environment() -> dict[str, str]:
    """Name what was measured on: versions and machine."""
    cpu = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", cpu)
    redis = subprocess.run([find_binary(), "--version"], capture_output=True, text=True, check=True)
    redis_version = re.search(r"v=(\S+)", redis.stdout)
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in ("trio", "websockets", "trio-websocket", "redis")},
        "redis-server": redis_version[1] if redis_version else "unknown",
        "system": f"{platform.system()} {platform.release()}",
        "machine": f"{cpu.count('processor')} cores, {model[1] if model else platform.machine()}",
        "sqlite": _sqlite_version(),
    }


def _sqlite_version() -> str:
    import sqlite3

    return sqlite3.sqlite_version


def today() -> str:
    """Say the date, as in the page."""
    return datetime.now(tz=UTC).date().isoformat()


def load_results() -> dict[str, Any]:
    """Read what earlier runs found; empty when there are none."""
    if not RESULTS.exists():
        return {}
    found: dict[str, Any] = json.loads(RESULTS.read_text())
    return found


def save(results: dict[str, Any]) -> None:
    """Write the results, and the page made from them."""
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{render(results)}\n{END}{after}")


def render(results: dict[str, Any]) -> str:
    """Make the tables of *results*, in Markdown."""
    parts = [
        _section(name, results[name], title, rows)
        for name, (title, rows) in SECTIONS.items()
        if name in results
    ]
    if "peers" in results:
        parts.append(_peers(results["peers"]))
    return "\n".join(parts)


def _section(name: str, found: dict[str, Any], title: str, rows: tuple[Row, ...]) -> str:
    repetitions: list[Figures] = found["repetitions"]
    lines = [
        f"### {title}",
        "",
        "| | median | least – most | target | |",
        "|---|---:|---:|---:|---|",
    ]
    for row in rows:
        lines += [_line(one, repetitions) for one in _expanded(row, repetitions[0])]
    return "\n".join((*lines, "", _provenance(found), ""))


def _expanded(row: Row, figures: Figures) -> list[Row]:
    if "{n}" not in row.name:
        return [row] if row.name in figures else []
    pattern = re.compile(re.escape(row.name).replace(re.escape("{n}"), r"(\d+)"))
    counts = [match[1] for name in figures if (match := pattern.fullmatch(name))]
    made = []
    for count in sorted(counts, key=int):
        name = row.name.replace("{n}", count)
        made.append(
            row._replace(
                name=name,
                label=row.label.replace("{n}", count),
                target=_SPECIAL.get(name, row.target),
            )
        )
    return made


def _line(row: Row, repetitions: list[Figures]) -> str:
    values = sorted(figures[row.name] for figures in repetitions)
    middle = median(values)
    number: Callable[[float], str] = f"{{:,.{row.digits}f}}".format
    spread = f"{number(values[0])} – {number(values[-1])}" if len(values) > 1 else ""
    target = row.target.replace("<=", "≤").replace(">=", "≥")
    verdict = _verdict(row, middle, repetitions[0].get("seconds", 0))
    return f"| {row.label} | {number(middle)} | {spread} | {target} | {verdict} |"


def _verdict(row: Row, value: float, seconds: float) -> str:
    if not row.target:
        return ""
    if row.name == "growth" and seconds < _LONG_CHURN:
        return "too short to tell"
    relation, bound = row.target.split()
    shown = round(value, row.digits)
    reached = shown <= float(bound) if relation == "<=" else shown >= float(bound)
    return "reached" if reached else "**missed**"


def _provenance(found: dict[str, Any]) -> str:
    about = found["environment"]
    versions = ", ".join(
        f"{name} {about[name]}"
        for name in (
            "python",
            "trio",
            "websockets",
            "trio-websocket",
            "redis",
            "redis-server",
            "sqlite",
        )
    )
    count = len(found["repetitions"])
    text = (
        f"`{found['command']}`, {found['date']}, {count} repetition{'s' if count > 1 else ''}; "
        f"{versions}; {about['machine']}, {about['system']}."
    )
    if found["disturbed"]:
        text += (
            " Disturbed by other processes (share of a core): "
            + "; ".join(found["disturbed"][:12])
            + ("; …." if len(found["disturbed"]) > 12 else ".")
        )
    return text


def _peers(found: dict[str, Any]) -> str:
    return "\n".join(
        (
            "### The peers and their load generator",
            "",
            "Numbers reported as they are, from the neutral load generator in C.",
            "",
            re.sub(r"^\*\*(.*)\*\*$", r"#### \1", found["tables"].strip(), flags=re.MULTILINE),
            "",
            f"`{found['command']}`, {found['date']}, {found['environment']['machine']}.",
            "",
        )
    )
