"""``sessionctl gateways``."""

from sessiond.cli.exit_codes import ExitCode
from tests.cli.conftest import Ctl


def test_accounts_are_listed_with_their_state(ctl: Ctl) -> None:
    """Everything that can be about an account is said in words; with or without ``ls``."""
    table = ctl("gateways")
    rows = {line.split()[0]: line for line in table.out.splitlines()}

    assert table.code == 0
    assert table.out == ctl("gateways", "ls").out
    assert rows["ACCOUNT"].split() == ["ACCOUNT", "GATEWAY", "WAITING", "CALLS", "STATE"]
    assert rows["?"].endswith("cannot be read: what waits stays")
    assert " held until 2023-11-1" in rows["bank"]
    assert rows["line"].split() == ["line", "nalo", "0", "0", "answers", "only"]
    assert rows["old"].split()[:4] == ["old", "-", "2", "0"]
    assert rows["old"].endswith("not configured: what waits stays")
    assert rows["open"].split() == ["open", "twilio", "1", "1", "sends"]
    assert rows["shop"].split()[:4] == ["shop", "whatsapp", "16+", "0"]
    assert rows["shop"].endswith("stopped: the token is not accepted")


def test_an_account_is_resumed(ctl: Ctl) -> None:
    """By its name; one that makes no calls is refused."""
    done = ctl("gateways", "resume", "shop")
    listed = ctl("--json", "gateways").json["rows"]
    refused = ctl("gateways", "resume", "line")

    assert (done.code, done.out) == (0, "resumed shop\n")
    assert [""] == [row["stopped"] for row in listed if row["account"] == "shop"]
    assert ctl("--json", "gateways", "resume", "bank").json == {}
    assert refused.code == ExitCode.REFUSED
    assert "no account 'line' that sends" in refused.err
    assert ctl("gateways", "resume").code == ExitCode.USAGE
