"""Make the reference pages from the code: ``python docs/generate.py`` writes them, ``--check`` compares them.

Every page under docs/reference/ but bad-input.md is made here; tests/docs/test_reference.py fails when one differs.
"""

import re
import sys
from collections.abc import Callable, Iterable
from enum import Enum
from html import escape
from pathlib import Path
from typing import Any

import conversation_reference
import cyclopts
import openapi_reference

from sessiond.cli import sessionctl, sessiond
from sessiond.cli.exit_codes import ExitCode
from sessiond.config.describe import (
    ACCOUNT,
    SettingDoc,
    describe_accounts,
    describe_kind,
    describe_settings,
)
from sessiond.config.gateway_kinds import BUILT_IN
from sessiond.core.codes import CloseCode, ErrorCode, close_class
from sessiond.core.documented import attribute_docs
from sessiond.core.flow_check.findings import RULES
from sessiond.core.gateways.refusals import Check
from sessiond.core.position import RecoveryReason
from sessiond.core.session.phases import Phase
from sessiond.core.session.transitions import TRANSITIONS, Trigger
from sessiond.edges.admin.discovery import describe_methods
from sessiond.edges.admin.faults import FaultCode
from sessiond.edges.admin.methods import METHODS
from sessiond.edges.http.answers import STATUSES
from sessiond.observability.reference import metrics_markdown, telemetry_markdown

FOLDER = Path(__file__).parent / "reference"
HEAD = "% Made by docs/generate.py from the code; edit that, not this.\n\n"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Make a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(' '.join(cell.split()) for cell in line)} |\n" for line in lines)


def codes() -> str:
    """Close codes, error codes and reasons of a resume."""
    closes = (
        (
            str(code.number),
            f"`{code.reason}`",
            close_class(code.number).value if code.number >= 4000 else "",
            code.explanation,
        )
        for code in CloseCode
    )
    docs = attribute_docs(ErrorCode)
    errors = (
        (f"`{code.value}`", str(STATUSES.get(code, 400)), docs.get(code.name, ""))
        for code in ErrorCode
    )
    reasons = attribute_docs(RecoveryReason)
    recovery = ((f"`{reason.value}`", reasons.get(reason.name, "")) for reason in RecoveryReason)
    return f"""# Close and error codes

## Close codes

The range says what a client does next: 4000–4099 **stop** (do not come back by yourself), 4100–4199 **backoff**
(come back with back-off and jitter), 4200–4299 **now**. Below 4000 are RFC 6455's own.

{table(("Code", "Reason", "Then", "Why"), closes)}
## Error codes

`code` of an error reply on the websocket (`reason` is the same text), and of the JSON body of an HTTP error with this
status. An app may use words of its own (`Reject(code=…)`); over HTTP they are `400`.

{table(("Code", "HTTP", "Meaning"), errors)}
## Reasons why a resume is not recovered

{table(("Reason", "Meaning"), recovery)}"""


def phases() -> str:
    """The life of a session: picture, phases, triggers, table."""

    def explained(kind: type[Enum]) -> str:
        docs = attribute_docs(kind)
        return table(("", "Meaning"), ((f"**{one.value}**", docs[one.name]) for one in kind))

    rows = (
        (before.value, trigger.value, after.value)
        for (before, trigger), after in TRANSITIONS.items()
    )
    return f"""# A session's life

```{{image}} phases.svg
:alt: State diagram of a session; the table below says the same.
```

## Phases

{explained(Phase)}
## What moves a session

{explained(Trigger)}
## Every transition

What is not in this table cannot happen: it is refused and changes nothing.

{table(("In", "When", "Then"), rows)}"""


#: Centre of each phase in the picture.
_PLACES = {
    "new": (90, 60),
    "awake": (330, 60),
    "attached": (90, 260),
    "passive": (570, 160),
    "detached": (330, 260),
    "ended": (480, 420),
}


_MARKER = (
    '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0 0 8 4 0 8z" fill="#555"/></marker></defs>'
)


def phases_svg() -> str:
    """Draw the transition table: a box per phase, an arrow per pair of phases with all of its triggers."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (before, trigger), after in TRANSITIONS.items():
        arrows.setdefault((before.value, after.value), []).append(trigger.value)
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 480" font-family="sans-serif" font-size="12">',
        '<rect width="680" height="480" fill="white"/>',
        _MARKER,
    ]
    parts += [_arrow(before, after, words) for (before, after), words in arrows.items()]
    for name, (x, y) in _PLACES.items():
        parts.append(
            f'<rect x="{x - 50}" y="{y - 18}" width="100" height="36" rx="8" fill="#e8f0fe" stroke="#3367d6"/>'
            f'<text x="{x}" y="{y + 5}" text-anchor="middle" font-weight="bold">{escape(name)}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _arrow(before: str, after: str, words: list[str]) -> str:
    (x1, y1), (x2, y2) = _PLACES[before], _PLACES[after]
    label = escape(", ".join(words))
    if before == after:
        return (
            f'<path d="M{x1 - 50} {y1 - 8} c-50 -22 -50 38 0 16" fill="none" stroke="#555" marker-end="url(#a)"/>'
            f'<text x="{x1 - 46}" y="{y1 + 34}" fill="#333">{label}</text>'
        )
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    side_x, side_y = (y1 - y2) / length, (x2 - x1) / length
    bend_x, bend_y = (x1 + x2) / 2 + side_x * 26, (y1 + y2) / 2 + side_y * 26
    start, end = _edge(x1, y1, bend_x, bend_y), _edge(x2, y2, bend_x, bend_y)
    text_x, text_y = (x1 + x2) / 2 + side_x * 22, (y1 + y2) / 2 + side_y * 22
    return (
        f'<path d="M{start} Q{bend_x:.0f} {bend_y:.0f} {end}" fill="none" stroke="#555" marker-end="url(#a)"/>'
        f'<text x="{text_x:.0f}" y="{text_y:.0f}" text-anchor="middle" fill="#333" paint-order="stroke" '
        f'stroke="white" stroke-width="4">{label}</text>'
    )


def _edge(x: float, y: float, to_x: float, to_y: float) -> str:
    """Find where a line from a box's centre leaves the box."""
    dx, dy = to_x - x, to_y - y
    scale = min(50 / abs(dx) if dx else 1e9, 18 / abs(dy) if dy else 1e9)
    return f"{x + dx * scale:.0f} {y + dy * scale:.0f}"


def telemetry() -> str:
    """Telemetry events, the checks that requests of providers fail at, and metrics."""
    docs = attribute_docs(Check)
    checks = ((f"`{one.value}`", docs[one.name]) for one in Check)
    return f"""# Telemetry, logs and metrics

sessiond emits named **telemetry events**; logs and metrics listen to them. A listener of your own:

```python
from sessiond import telemetry


def listener(name, measurements, metadata):
    print(name, measurements, metadata)


detach = telemetry.attach(listener, ["session.attached"])
```

## Events

Measurements have units, metadata types. *Log* is the level of the event's log line, if it has one. User ids appear in
logs as keyed hashes, and never in metrics. Of one event, and one account of a gateway, the log shows twenty lines in
ten seconds; the next line says in `suppressed` how many were left out. Metrics count all.

{telemetry_markdown()}
## Checks of a provider's requests

`check` of `gateway.refused`, in the log and on `sessiond_gateway_refused_total`. Who called is told the status alone.

{table(("Check", "What the request failed at"), checks)}
## Metrics

`GET /metrics`, in the Prometheus text format. Labels are bounded: a value too many is counted as `other`.

{metrics_markdown()}"""


def settings() -> str:
    """Every setting: of the server, of every account, and of each kind of gateway."""
    kinds = "\n".join(
        f'### `gateway = "{kind.name}"`\n\n{_settings_table(ACCOUNT, describe_kind(kind))}'
        for kind in BUILT_IN.values()
    )
    sections: dict[str, list[SettingDoc]] = {}
    for setting in describe_settings():
        sections.setdefault(setting.path.rpartition(".")[0], []).append(setting)
    body = "\n".join(
        f"## `[{section}]`\n\n{_settings_table(f'{section}.', rows)}"
        for section, rows in sections.items()
    )
    return f"""# Settings

TOML files, then the environment, then flags; the later wins. `[store] url` is `SESSIOND_STORE__URL` in the environment,
`[gateways.shop] tokens` is `SESSIOND_GATEWAYS__SHOP__TOKENS`. A secret may be given as `<name>_file`. An unknown name
is an error that suggests the nearest known one.

{body}
## `[gateways.<account>]`

One table per account; the name has 1 to 32 small letters, digits, `_` and `-`. [Point providers at
sessiond](../howto/gateways.md) says how each provider is set up. These are what every account has:

{_settings_table(ACCOUNT, describe_accounts())}
In the same table, what its kind has beside them:

{kinds}"""


def _settings_table(prefix: str, settings: Iterable[SettingDoc]) -> str:
    rows = []
    for setting in settings:
        bounds = f" {setting.bounds}" if setting.bounds else ""
        notes = f"{', secret' if setting.secret else ''}{', required' if setting.required else ''}"
        rows.append(
            (
                f"`{setting.path.removeprefix(prefix)}`",
                f"{setting.type}{notes}{bounds}".replace("|", "\\|"),
                f"`{setting.default}`" if setting.default else "",
                setting.doc,
            )
        )
    return table(("Setting", "Type", "Default", "Meaning"), rows)


def _json_type(schema: dict[str, Any]) -> str:
    """Name what a value may be: ``string | null``, ``"user" | "mailbox"``; nothing is said of what may be anything."""
    if "anyOf" in schema:
        return " | ".join(_json_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(f"`{choice}`" for choice in schema["enum"])
    return str(schema.get("type", "anything"))


def admin() -> str:
    """The admin protocol's methods and errors."""
    parts = []
    for method in describe_methods(METHODS.values())["methods"]:
        changes = " *Changes something; audited.*" if method["x-changes"] else ""
        parts.append(f"### `{method['name']}`\n\n{method['summary']}{changes}\n")
        rows = [
            (
                f"`{one['name']}`" + (" (required)" if one["required"] else ""),
                _json_type(one["schema"]).replace("|", "\\|"),
                one["description"],
            )
            for one in method["params"]
        ]
        if rows:
            parts.append(table(("Parameter", "Type", "Meaning"), rows))
    faults = ((str(one.code), f"`{one.label}`", one.explanation) for one in FaultCode)
    return f"""# The admin protocol

JSON-RPC 2.0, one message per line, on a Unix socket (mode 0600) for the server's user and root. `rpc.discover`
describes it; `sessionctl` speaks it. Parameters are given by name.

```console
$ echo '{{"jsonrpc":"2.0","id":1,"method":"sessions.list"}}' | nc -NU sessiond-admin.sock
```

## Methods

{chr(10).join(parts)}
## Errors

{table(("Code", "Name", "Meaning"), faults)}"""


def cli() -> str:
    """Both programs: their commands as cyclopts describes them, and the exit codes."""

    def described(app: cyclopts.App) -> str:
        text = app.generate_docs()
        text = re.sub(r"## Table of Contents\n.*?(?=\n\*\*)", "", text, flags=re.DOTALL)
        text = re.sub(r"\[(`[^`]+`)\]\(#[^)]*\)", r"\1", text)
        return re.sub(r"^#", "##", text, flags=re.MULTILINE)

    docs = attribute_docs(ExitCode)
    exits = ((str(code.value), docs.get(code.name, "")) for code in ExitCode)
    return f"""# Commands

{described(sessiond.app)}
{described(sessionctl.app)}
## Exit codes

{table(("Code", "Meaning"), exits)}"""


def flow_check() -> str:
    """Everything that ``sessiond flow check`` can find."""
    rows = (
        (f"`{code}`", rule.severity.value, rule.wrong, rule.right) for code, rule in RULES.items()
    )
    return f"""# Findings of `sessiond flow check`

[Check flows](../howto/check-flows.md) says how to use it. Codes are stable; a comment `# flow: allow <code>` takes a
finding back.

{table(("Code", "Severity", "What is wrong", "What is right"), rows)}"""


PAGES: dict[str, Callable[[], str]] = {
    "codes.md": lambda: HEAD + codes(),
    "phases.md": lambda: HEAD + phases(),
    "phases.svg": phases_svg,
    "telemetry.md": lambda: HEAD + telemetry(),
    "settings.md": lambda: HEAD + settings(),
    "admin.md": lambda: HEAD + admin(),
    "conversation.md": lambda: HEAD + conversation_reference.conversation(),
    "flow-record.md": lambda: HEAD + conversation_reference.record(),
    "journal.md": lambda: HEAD + conversation_reference.journal(),
    "flow-check.md": lambda: HEAD + flow_check(),
    "cli.md": lambda: HEAD + cli(),
    "openapi.json": openapi_reference.openapi,
}


def main() -> int:
    """Write or check every page; returns how many differed."""
    FOLDER.mkdir(exist_ok=True)
    differing = 0
    for name, make in PAGES.items():
        page, text = FOLDER / name, make()
        if not page.exists() or page.read_text() != text:
            differing += 1
            print(f"{'differs' if '--check' in sys.argv else 'written'}: {page}")
            if "--check" not in sys.argv:
                page.write_text(text)
    return differing if "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
