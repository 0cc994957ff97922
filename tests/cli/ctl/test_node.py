"""``sessionctl stats, drain, version``."""

from tests.cli.conftest import Ctl


def test_stats(ctl: Ctl) -> None:
    """Counts, for people and for programs."""
    assert ctl("stats").out.splitlines()[0].split(maxsplit=1) == ["sessions", "1 attached, 1 awake"]
    assert ctl("--json", "stats").json["turns"] == 100


def test_version(ctl: Ctl) -> None:
    """Which server answers."""
    assert "app       shop:app" in ctl("version").out
    assert ctl("--json", "version").json["protocol"] == 1


def test_drain(ctl: Ctl) -> None:
    """Begun once."""
    assert ctl("drain").out == "draining\n"
    assert ctl("drain").out == "it was draining already\n"
