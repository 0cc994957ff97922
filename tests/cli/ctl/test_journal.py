"""``sessionctl journal``, as a process."""

from sessiond.cli.exit_codes import ExitCode
from tests.cli.conftest import Ctl
from tests.edges.admin.standin import PHONE, SECRET


def test_a_page_is_a_table(ctl: Ctl) -> None:
    """One line an entry, newest first; then what cannot be read, and where to go on."""
    done = ctl("journal", "ann", "--flow", "order", "--limit", "3")
    head, *lines = done.out.splitlines()

    assert 0 == done.code
    assert ["TIME", "EVENT", "STATUS", "FLOW", "STEP", "CHANNEL", "DETAIL"] == head.split()
    assert ["transition", "validation_error", "message.received"] == [
        line.split()[2] for line in lines[:3]
    ]
    assert "amount → sure" in lines[0]
    assert lines[1].endswith("ussd nalo  ValueError in shop.py:12  attempt=1")
    assert lines[2].endswith("text(7)")
    assert "1 of the entries looked at cannot be read" == lines[3]
    assert lines[4].startswith("more: --cursor ")
    rest = ctl("journal", "ann", "--flow", "order", *lines[4].removeprefix("more: ").split()).out
    assert ["message.sent", "flow.execution.start"] == [
        line.split()[2] for line in rest.splitlines()[1:3]
    ]
    assert "more:" not in rest
    assert PHONE not in rest


def test_what_was_said_is_shown_when_asked_for(ctl: Ctl) -> None:
    """Not before."""
    assert SECRET not in ctl("journal", "ann").out
    assert SECRET not in ctl("--json", "journal", "ann").out
    assert SECRET in ctl("journal", "ann", "--reveal").out


def test_programs_get_json(ctl: Ctl) -> None:
    """One document for each page."""
    page = ctl("--json", "journal", "ann", "--event", "flow_init").json

    assert ["help", "order"] == [row["flow"] for row in page["rows"]]


def test_no_entries_and_no_user(ctl: Ctl) -> None:
    """An empty journal is not an unknown user; wrong words are usage."""
    assert "no entries\n" == ctl("journal", "bob").out
    assert ExitCode.REFUSED == ctl("journal", "nobody").code
    assert ExitCode.USAGE == ctl("journal", "ann", "--status", "failed").code
    assert ExitCode.USAGE == ctl("journal", "ann", "--limit", "0").code
    assert ExitCode.USAGE == ctl("journal", "ann", "--cursor", "x").code
