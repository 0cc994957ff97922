"""``sessionctl gateways``, ``gateways resume``."""

from typing import Any

from sessiond.cli.ctl.options import call
from sessiond.cli.ctl.output import print_json, print_line, print_table, wants_json, when

__all__ = ["ls", "resume"]

#: Stands for messages that the server cannot read (``GatewayRow.account``).
_UNREADABLE = "?"


async def ls() -> None:
    """List the accounts, and what waits on them for their providers."""
    page = await call("gateways.list")
    if wants_json():
        return print_json(page)
    if not page["rows"]:
        return print_line("no accounts")
    print_table(
        ("ACCOUNT", "GATEWAY", "WAITING#", "CALLS#", "STATE"),
        [
            (row["account"], row["kind"] or "-", _waiting(row), row["calls"], _state(row))
            for row in page["rows"]
        ],
    )
    return None


async def resume(account: str) -> None:
    """Let an account send at once what waits: it was stopped, is held back, or tries again later.

    Parameters
    ----------
    account
        Its name in the settings.

    """
    result = await call("gateways.resume", account=account)
    if wants_json():
        print_json(result)
    else:
        print_line(f"resumed {account}")


def _waiting(row: dict[str, Any]) -> str:
    """Count what is in memory; ``+``: there is more in the store."""
    return f"{row['waiting']}{'+' if row['has_more'] else ''}"


def _state(row: dict[str, Any]) -> str:
    if row["account"] == _UNREADABLE:
        return "cannot be read: what waits stays"
    if not row["kind"]:
        return "not configured: what waits stays"
    if not row["sends"]:
        return "answers only"
    if row["stopped"]:
        return f"stopped: {row['stopped']}"
    if row["held_until"] is not None:
        return f"held until {when(row['held_until'])}"
    return "sends"
