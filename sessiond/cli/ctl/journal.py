"""``sessionctl journal``."""

import json
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from sessiond.cli.ctl.options import call
from sessiond.cli.ctl.output import print_json, print_line, print_table, wants_json, when

__all__ = ["journal"]


async def journal(
    user: str,
    *,
    flow: str | None = None,
    conversation: str | None = None,
    event: str | None = None,
    status: Literal["in_progress", "success", "failure", "interrupted"] | None = None,
    limit: int = 50,
    cursor: str | None = None,
    reveal: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Tell what happened in a user's conversations, newest first.

    Parameters
    ----------
    user
        The user's id.
    flow
        Only this flow.
    conversation
        Only this conversation: a session key.
    event
        Only this event, like flow.execution.start, message.received or validation_error.
    status
        Only what ended so.
    limit
        How many, 1 to 500.
    cursor
        Where to go on, from the page before.
    reveal
        Show the texts that were kept; the server keeps a record of it.

    """
    page = await call(
        "sessions.journal",
        user=user,
        flow=flow,
        conversation=conversation,
        event=event,
        status=status,
        limit=limit,
        cursor=cursor,
        reveal=reveal,
    )
    if wants_json():
        print_json(page)
    else:
        _print_page(page)


def _print_page(page: dict[str, Any]) -> None:
    if not page["rows"]:
        print_line("no entries")
    else:
        print_table(
            ("TIME", "EVENT", "STATUS", "FLOW", "STEP", "CHANNEL", "DETAIL"),
            [
                (
                    when(row["at"]),
                    row["event"],
                    row["status"],
                    row["flow"] or "-",
                    " → ".join(filter(None, (row["step"], row["to_step"]))) or "-",
                    _channel(row),
                    _detail(row),
                )
                for row in page["rows"]
            ],
        )
    if page["unreadable"]:
        print_line(f"{page['unreadable']} of the entries looked at cannot be read")
    if page["cursor"]:
        print_line(f"more: --cursor {page['cursor']}")


def _channel(row: dict[str, Any]) -> str:
    """Name the way once where platform and gateway are called alike."""
    parts = dict.fromkeys((row["platform"], row["gateway"], row["member"]))
    return " ".join(filter(None, parts)) or "-"


def _detail(row: dict[str, Any]) -> str:
    """What went wrong first: it is what people look for."""
    told = [row["error"]]
    if row["text"] is not None:
        told.append(row["text"])
    elif row["size"] is not None:
        told.append(f"text({row['size']})")
    told += [f"{name}={_short(value)}" for name, value in row["facts"].items()]
    told.append("…" if row["cut"] else "")
    return "  ".join(filter(None, told)) or "-"


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
