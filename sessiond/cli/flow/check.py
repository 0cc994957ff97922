"""``sessiond flow check``: the problems of flows, found before people find them."""

import json
import tokenize
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from attrs import asdict, evolve
from cyclopts import Parameter

from sessiond.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from sessiond.core.flow_check.findings import Finding

__all__ = ["check"]


def check(
    target: Annotated[str, Parameter(name="MODULE:FLOW")],
    /,
    *,
    strict: Annotated[bool, Parameter(negative="")] = False,
    platform: Annotated[tuple[Literal["ussd", "whatsapp"], ...], Parameter(negative="")] = (),
    output: Annotated[Literal["text", "json"], Parameter(name="--format")] = "text",
) -> int:
    """Find the problems of flows without running them.

    Exit code 1 when there are errors.

    Parameters
    ----------
    target
        The flows, like shop (all of the module's app), or one of them, like shop:order.
    strict
        Exit code 1 for warnings too.
    platform
        What the flows are for: their labels and pages are measured by its limits; may be repeated. Default: the
        platforms of the flow's routes, or all.
    output
        One line for each finding, or one JSON document.

    """
    from sessiond.cli.flow.load_flows import load_flows
    from sessiond.core.flow_check.app import Checked, check_flows
    from sessiond.core.flow_check.platforms import PLATFORMS

    loaded = load_flows(target)
    checked = Checked(loaded.flows, loaded.routes, loaded.routing, platform or PLATFORMS)
    found = [_nearby(one) for one in check_flows(checked, _read, only=loaded.only)]
    counted = Counter(str(one.severity) for one in found)
    if output == "json":
        print(json.dumps({"findings": [asdict(one) for one in found]}, ensure_ascii=False))
    else:
        _print(found, counted)
    failed = counted["error"] or (strict and found)
    return ExitCode.REFUSED if failed else ExitCode.OK


def _print(found: "Sequence[Finding]", counted: Counter[str]) -> None:
    for one in found:
        print(one.describe())
    sums = [
        f"{count} {name}{'s' * (count > 1)}"
        for name, count in ((name, counted[name]) for name in ("error", "warning"))
        if count
    ]
    print(", ".join(sums) or "no problems")


def _nearby(finding: "Finding") -> "Finding":
    """Name the file as people do from here."""
    path, here = Path(finding.file), Path.cwd()
    return (
        evolve(finding, file=str(path.relative_to(here))) if path.is_relative_to(here) else finding
    )


def _read(path: str) -> str | None:
    try:
        with tokenize.open(path) as file:  # in the encoding that it names
            return file.read()
    except (OSError, SyntaxError, UnicodeDecodeError):
        return None
