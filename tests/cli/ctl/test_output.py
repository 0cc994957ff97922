"""What is printed."""

import time

import pytest

from sessiond.cli.ctl.output import ago, print_fields, print_line, print_table, when


def test_names_of_clients_cannot_steer_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences and markup in names are shown, not obeyed."""
    print_table(("USER", "N#"), [("\x1b[2Jann", 1), ("[red]bob[/red]", None)])
    print_line("\x1b]0;x\x07")
    out = capsys.readouterr().out

    assert "\x1b" not in out
    assert "[red]bob[/red]" in out


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "5s"), (-5, "0s"), (120, "2m"), (7200, "2h"), (200000, "2d")]
)
def test_ago(seconds: float, text: str) -> None:
    """Roughly, in one unit."""
    assert ago(time.time() - seconds) == text


def test_no_time_is_a_dash() -> None:
    """What did not happen has no time."""
    assert ago(None) == when(None) == "-"


def test_seconds_are_shown_as_people_read_them(capsys: pytest.CaptureFixture[str]) -> None:
    """A number with a fraction is shown with one digit of it; whole numbers are left as they are."""
    print_fields([("uptime seconds", 6.241629098993144), ("turns", 2)])

    assert "uptime seconds  6.2\nturns           2\n" == capsys.readouterr().out


def test_lines_of_a_table_end_where_their_text_ends(capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe nothing is folded, coloured or padded at the end."""
    print_table(("USER", "STATE"), [("a" * 300, "x"), ("b", "longer")])

    assert [len("a" * 300) + 7, 300 + 3, 300 + 8] == [
        len(line) for line in capsys.readouterr().out.splitlines()
    ]
