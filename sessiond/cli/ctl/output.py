"""Tables for people, JSON for programs.

Names and data come from clients: on a terminal they are shown without markup and without control characters.
"""

import json
import time
from collections.abc import Iterable, Sequence
from typing import Any

from sessiond.cli.ctl import options

__all__ = ["ago", "print_fields", "print_json", "print_line", "print_table", "wants_json", "when"]


def wants_json() -> bool:
    """Whether ``--json`` was given."""
    return options.given.json


def print_json(document: object) -> None:
    """Print one document on one line."""
    print(json.dumps(document, ensure_ascii=False))


def print_line(text: str) -> None:
    """Print what was done."""
    print(_clean(text))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; a column whose name ends in ``#`` holds numbers."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        is_number = column.endswith("#")
        title = column.removesuffix("#")
        table.add_column(
            title,
            justify="right" if is_number else "left",
            overflow="fold",
            min_width=len(title),  # what is narrow stays whole; long ids are folded
        )
    for row in rows:
        table.add_row(*(Text(_clean(cell)) for cell in row))
    console = Console(highlight=False)
    if console.is_terminal:
        return console.print(table)
    wide = Console(highlight=False, width=10_000)  # pipes have no width: nothing is folded
    with wide.capture() as capture:
        wide.print(table)
    for line in capture.get().splitlines():
        print(line.rstrip())
    return None


def print_fields(fields: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one per line."""
    listed = [(name, _clean(value)) for name, value in fields]
    width = max((len(name) for name, _ in listed), default=0)
    for name, value in listed:
        print(f"{name:<{width}}  {value}".rstrip())


def ago(at: float | None) -> str:
    """Tell how long ago *at* was, roughly."""
    if at is None:
        return "-"
    seconds = max(0.0, time.time() - at)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"


def when(at: float | None) -> str:
    """Tell the time *at* in this machine's time zone."""
    return "-" if at is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def _clean(value: object) -> str:
    text = value if isinstance(value, str) else _plain(value)
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def _plain(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return (
                f"{value:.1f}"  # what is counted in parts is seconds, and nobody reads more of them
            )
        case dict() | list():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)
