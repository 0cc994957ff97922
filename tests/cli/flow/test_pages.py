"""Whose pages flows are measured by (sessiond/cli/flow/pages.py)."""

from pathlib import Path

import pytest

from sessiond.cli.flow.pages import page_of_accounts, page_of_kinds, pages_of_kinds
from sessiond.cli.run import CommandFailed
from sessiond.config.gateway_kinds import BUILT_IN

PLATFORMS = {"nalo": 120, "nsano": 140, "africastalking": 160}


def test_every_kind_with_pages_is_known() -> None:
    """A new kind of USSD gateway is measured by without being named here."""
    assert PLATFORMS == {page.gateway: page.limits.septets for page in pages_of_kinds()}
    assert PLATFORMS.keys() < BUILT_IN.keys()


def test_the_shortest_counts() -> None:
    """Of those that are named, or of all; a name that is none is refused."""
    assert [120, 140, 160] == [
        page_of_kinds(names).limits.septets
        for names in ((), ("africastalking", "nsano"), ("africastalking",))
    ]
    with pytest.raises(CommandFailed, match="'telegram'"):
        page_of_kinds(("nalo", "telegram"))


def test_accounts_say_how_long_theirs_are(tmp_path: Path) -> None:
    """Of each alphabet the shortest; and who it is of."""
    config = tmp_path / "s.toml"
    config.write_text("")
    assert ("nalo", 120) == named(config)

    table = '[gateways.{}]\ngateway = "nsano"\ntokens = ["0123456789abcdef"]\n{}\n'
    config.write_text(table.format("one", "characters = 150"))
    assert ("one", 150) == named(config)

    config.write_text(table.format("one", "") + table.format("two", "ucs2_characters = 30"))
    assert ("one and two", 140) == named(config)


def named(config: Path) -> tuple[str, int]:
    page = page_of_accounts((config,))
    return page.gateway, page.limits.septets
