"""``sessionctl dead-letters ls, retry, drop``."""

from typing import Annotated, Any

from cyclopts import Parameter

from sessiond.cli.ctl.options import call
from sessiond.cli.ctl.output import (
    print_fields,
    print_json,
    print_line,
    print_table,
    wants_json,
    when,
)

__all__ = ["drop", "ls", "retry"]


async def ls(
    *,
    user: str | None = None,
    after: str = "",
    limit: int = 100,
    reveal: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """List dead letters, oldest first.

    Parameters
    ----------
    user
        Only this user's.
    after
        Only those with an id above this one.
    limit
        How many, 1 to 1000.
    reveal
        Show bodies and tracebacks; the server keeps a record of it.

    """
    page = await call("dead_letters.list", user=user, after=after, limit=limit, reveal=reveal)
    if wants_json():
        return print_json(page)
    if not page["rows"]:
        return print_line("no dead letters")
    if reveal:
        _print_whole(page["rows"])
    else:
        _print_short(page["rows"])
    if page["cursor"]:
        print_line(f"more: --after {page['cursor']}")
    return None


async def retry(dead_letter: str) -> None:
    """Accept a dead letter's input again."""
    row = await call("dead_letters.retry", id=dead_letter)
    _done(row, f"accepted again: {row['kind']} of {row['user']}")


async def drop(dead_letter: str) -> None:
    """Remove a dead letter for good."""
    row = await call("dead_letters.drop", id=dead_letter)
    _done(row, f"dropped: {row['kind']} of {row['user']}")


def _print_short(rows: list[dict[str, Any]]) -> None:
    """One line each."""
    print_table(
        ("ID", "USER", "KIND", "GIVEN UP", "ATTEMPTS#", "ERROR", "BODY"),
        [
            (
                row["id"],
                row["user"],
                row["kind"],
                when(row["at"]),
                row["attempts"],
                row["error"],
                row["body"],
            )
            for row in rows
        ],
    )


def _print_whole(rows: list[dict[str, Any]]) -> None:
    """A paragraph each: a traceback has no place in a table."""
    for row in rows:
        print_fields(
            (
                ("id", row["id"]),
                ("user", row["user"]),
                ("kind", row["kind"]),
                ("given up", when(row["at"])),
                ("attempts", row["attempts"]),
                ("body", row["body"]),
            )
        )
        for line in str(row["error"]).splitlines():
            print_line(f"  {line}")
        print_line("")


def _done(row: dict[str, object], text: str) -> None:
    if wants_json():
        print_json(row)
    else:
        print_line(text)
