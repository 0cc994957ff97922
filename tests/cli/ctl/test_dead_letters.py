"""``sessionctl dead-letters``."""

from sessiond.cli.exit_codes import ExitCode
from tests.cli.conftest import Ctl
from tests.edges.admin.standin import SECRET


def test_list_retry_and_drop(ctl: Ctl) -> None:
    """Listed without their content; each can be taken once."""
    table = ctl("dead-letters", "ls")
    page = ctl("--json", "dead-letters", "ls", "--user", "ann", "--limit", "1").json

    assert [line.split()[0] for line in table.out.splitlines()] == ["ID", "d1", "d2", "d3"]
    assert SECRET not in table.out
    whole = ctl("dead-letters", "ls", "--reveal").out
    assert SECRET in whole
    assert "\ufffd" not in whole  # lines of a traceback are lines
    assert (page["rows"][0]["id"], page["cursor"]) == ("d1", "d1")
    assert ctl("dead-letters", "retry", "d1").out == "accepted again: hook:crm of ann\n"
    assert ctl("--json", "dead-letters", "drop", "d2").json["id"] == "d2"
    assert ctl("dead-letters", "drop", "d2").code == ExitCode.REFUSED


def test_none_is_said(ctl: Ctl) -> None:
    """A person reads that there are none; a program reads an empty list."""
    assert ctl("dead-letters", "ls", "--user", "nobody").out == "no dead letters\n"
    assert ctl("--json", "dead-letters", "ls", "--user", "nobody").json["rows"] == []
