"""Every command about sessions, as a process."""

import re

from sessiond.cli.exit_codes import ExitCode
from tests.cli.conftest import Ctl
from tests.edges.admin.standin import SECRET


def test_ls_is_a_table_or_json(ctl: Ctl) -> None:
    """One line per session for people; the whole page for programs."""
    table = ctl("ls")
    page = ctl("--json", "ls", "--order", "mailbox", "--descending", "--limit", "1").json

    assert table.out.splitlines()[0].split() == [
        "USER",
        "PHASE",
        "CONN",
        "MAILBOX",
        "CONNECTED",
        "ACTIVE",
    ]
    assert table.out.splitlines()[1].split()[:4] == ["ann", "attached", "2", "3"]
    assert "passive (quarantined)" in table.out
    assert table.out.splitlines()[-1] == "3 of 3"
    assert [row["user"] for row in page["rows"]] == ["bob"]
    rest = ctl("ls", "--order", "mailbox", "--descending", "--cursor", page["cursor"])
    assert "bob" not in rest.out
    assert "2 of 3" in rest.out


def test_ls_filters(ctl: Ctl) -> None:
    """By prefix, phase, quarantine and connections."""
    assert "1 of 1" in ctl("ls", "a").out
    assert "1 of 1" in ctl("ls", "--phase", "awake").out
    assert "eve" in ctl("ls", "--quarantined").out
    assert "1 of 1" in ctl("ls", "--min-connections", "2").out


def test_show_hides_values_unless_told(ctl: Ctl) -> None:
    """An operator looks without reading."""
    hidden = ctl("show", "ann")
    shown = ctl("show", "ann", "--reveal")

    assert hidden.code == shown.code == 0
    assert SECRET not in hidden.out
    assert "$window" not in hidden.out  # its time comes when the last connection has gone
    assert "data.token     text(7)" in hidden.out
    assert SECRET in shown.out
    assert SECRET not in ctl("--json", "show", "ann").out
    assert "KeyError in load" in ctl("show", "eve").out


def test_links_are_shown_and_parted(ctl: Ctl) -> None:
    """Whom somebody is linked to, or who is linked to him; who is not cannot be parted."""
    assert "alias          bob" in ctl("show", "ann").out
    assert "linked to      ann" in ctl("show", "bob").out
    assert "linked to" not in ctl("show", "eve").out
    assert ctl("unlink", "ann", "bob").out == "unlinked bob from ann\n"
    assert ctl("--json", "unlink", "ann", "bob").json == {}
    refused = ctl("unlink", "bob", "ann")
    assert (refused.code, refused.err) == (
        ExitCode.REFUSED,
        "sessionctl: these users are not linked\n",
    )


def test_accounts_are_shown_with_what_waits_on_them(ctl: Ctl) -> None:
    """When he last wrote on each, and how many messages wait for him to write again."""
    shown = ctl("show", "ann").out

    assert re.search(r"account +shop: last wrote at 2023-11-14.*, 2 messages wait for it", shown)
    assert re.search(r"account +bank: never wrote\n", shown)
    assert re.search(r"account +line: answers only\n", shown)


def test_export_is_json_in_any_case(ctl: Ctl) -> None:
    """A file to hand over: everything, in clear."""
    assert ctl("export", "ann").json["record"]["data"] == {"token": SECRET}
    assert ctl("export", "nobody").code == ExitCode.REFUSED


def test_stop(ctl: Ctl) -> None:
    """Once; the second time there is nobody. Erasing wants to be confirmed."""
    assert ctl("stop", "ann", "--erase").code == ExitCode.USAGE
    assert (
        ctl("stop", "ann", "--erase", "--yes", "--reason", "asked for it").out
        == "stopped ann and erased everything kept of them\n"
    )
    assert ctl("stop", "ann").code == ExitCode.REFUSED


def test_kick(ctl: Ctl) -> None:
    """All of a user's connections, or one."""
    assert ctl("kick", "ann").out == "closed 2\n"
    assert ctl("--json", "kick", "--connection", "11").json == {"closed": 1}
    assert ctl("kick").code == ExitCode.USAGE
    assert ctl("kick", "--connection", "99").code == ExitCode.REFUSED


def test_send(ctl: Ctl) -> None:
    """A payload that is not JSON is found here, before anything is sent."""
    assert ctl("send", "ann", "news", '{"a": 1}').out == "sent news to ann\n"
    assert ctl("send", "ann", "news", "[1]", "--ephemeral").code == 0
    assert "not JSON" in ctl("send", "ann", "news", "{").err


def test_conversations_are_shown_and_ended(ctl: Ctl) -> None:
    """Where each one is, without what was said; then all of them, or one."""
    shown = ctl("show", "ann").out

    assert "order:ussd:nalo::ab: order, waits for ask count, 2 answers, 1 messages unseen" in shown
    assert "pay:ussd:nalo::ab: cannot be read: not a conversation record" in shown
    assert "ended 2 of ann" in ctl("end-conversations", "ann").out
    key = "pay:ussd:nalo::ab"
    assert "ended 1 of ann" in ctl("end-conversations", "ann", "--conversation", key).out
    assert ctl("end-conversations", "ann", "--conversation", "x").code == ExitCode.REFUSED


def test_release_and_rollback(ctl: Ctl) -> None:
    """Out of quarantine once; rolling back wants to be confirmed."""
    assert ctl("release", "eve").out == "released eve\n"
    assert ctl("release", "eve").code == ExitCode.REFUSED
    assert ctl("rollback", "eve").code == ExitCode.USAGE
    assert "version is 8" in ctl("rollback", "eve", "--yes").out
