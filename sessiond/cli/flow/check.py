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
from sessiond.cli.serve import ConfigFiles

if TYPE_CHECKING:
    from sessiond.core.flow_check.findings import Finding
    from sessiond.core.flow_check.platforms import Page

__all__ = ["check"]


def check(
    target: Annotated[str, Parameter(name="MODULE:FLOW")],
    /,
    *,
    strict: Annotated[bool, Parameter(negative="")] = False,
    platform: Annotated[tuple[Literal["ussd", "whatsapp"], ...], Parameter(negative="")] = (),
    gateway: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    config: ConfigFiles = (),
    output: Annotated[Literal["text", "json"], Parameter(name="--format")] = "text",
) -> int:
    """Find the problems of flows without running them.

    Exit code 1 when there are errors. Says by how long a page of USSD was measured, and whose that is.

    Parameters
    ----------
    target
        The flows, like shop (all of the module's app), or one of them, like shop:order.
    strict
        Exit code 1 for warnings too.
    platform
        What the flows are for: their labels and pages are measured by its limits; may be repeated. Default: the
        platforms of the flow's routes, or all.
    gateway
        Measure pages of USSD by this kind of gateway, like nalo; may be repeated, the shortest counts. Default: the
        accounts of the settings, or the shortest of all kinds.
    config
        TOML file with settings, whose accounts on USSD pages are measured by; may be repeated. Default:
        $SESSIOND_CONFIG.
    output
        One line for each finding, or one JSON document.

    """
    from sessiond.cli.flow.load_flows import load_flows
    from sessiond.cli.flow.pages import page_of_accounts, page_of_kinds
    from sessiond.core.flow_check.app import Checked, check_flows
    from sessiond.core.flow_check.platforms import PLATFORMS

    loaded = load_flows(target)
    platforms = platform or PLATFORMS
    page = page_of_kinds(gateway) if gateway else page_of_accounts(config)
    checked = Checked(loaded.flows, loaded.routes, loaded.routing, platforms, page=page)
    found = [_nearby(one) for one in check_flows(checked, _read, only=loaded.only)]
    counted = Counter(str(one.severity) for one in found)
    measured = page if "ussd" in platforms else None
    if output == "json":
        print(json.dumps(_document(found, measured), ensure_ascii=False))
    else:
        _print(found, counted, measured)
    failed = counted["error"] or (strict and found)
    return ExitCode.REFUSED if failed else ExitCode.OK


def _document(found: "Sequence[Finding]", page: "Page | None") -> dict[str, object]:
    told: dict[str, object] = {"findings": [asdict(one) for one in found]}
    if page is not None:
        limits = page.limits
        told["ussd_page"] = {
            "gateway": page.gateway,
            "characters": limits.septets,
            "ucs2_characters": limits.units,
        }
    return told


def _print(found: "Sequence[Finding]", counted: Counter[str], page: "Page | None") -> None:
    for one in found:
        print(one.describe())
    sums = [
        f"{count} {name}{'s' * (count > 1)}"
        for name, count in ((name, counted[name]) for name in ("error", "warning"))
        if count
    ]
    said = [", ".join(sums) or "no problems", *([page.describe()] if page else [])]
    print("; ".join(said))


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
