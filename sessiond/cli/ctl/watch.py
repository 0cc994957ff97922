"""``sessionctl watch``."""

from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from sessiond.cli.ctl.options import connect
from sessiond.cli.ctl.output import print_json, print_line, wants_json, when

__all__ = ["watch"]


async def watch(
    *,
    user: str = "",
    event: str = "",
    count: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
) -> None:
    """Show events as they happen, until Ctrl-C or the server's end.

    Parameters
    ----------
    user
        Only events about users whose id begins so.
    event
        Only events whose name begins so, like session. or turn.stop; without it all but the most frequent.
    count
        End after so many.

    """
    seen = 0
    async with connect() as admin:
        await admin.call("watch", user=user, event=event)
        while (message := await admin.next_notification()) is not None:
            if wants_json():
                print_json(message["params"] | {"type": message["method"]})
            else:
                print_line(_describe(message))
            _flush()
            seen += message["method"] == "watch.event"
            if count is not None and seen >= count:
                return


def _describe(message: dict[str, Any]) -> str:
    params = message["params"]
    if message["method"] == "watch.dropped":
        return f"… {params['count']} events were dropped: this terminal is too slow"
    fields = params["metadata"] | params["measurements"]
    user = fields.pop("user", None) or "-"
    rest = " ".join(f"{name}={_short(value)}" for name, value in fields.items())
    return f"{when(params['at'])}  {params['event']:<24}  {user:<24}  {rest}".rstrip()


def _short(value: object) -> str:
    """Seconds to the microsecond, without an exponent."""
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return str(value)


def _flush() -> None:
    """Somebody may be reading a pipe line by line."""
    import sys

    sys.stdout.flush()
