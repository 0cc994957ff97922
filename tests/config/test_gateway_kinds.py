"""The kinds of gateways, ours and those of other packages (sessiond/config/gateway_kinds.py)."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessiond.config.gateway_kinds import BUILT_IN, find_kind, shared_names
from sessiond.core.errors import InvalidInput

PACKAGE = """
import attrs
from sessiond.core.gateways.port import GatewayKind

@attrs.frozen
class Settings:
    key: str = ""

@attrs.frozen
class Greedy:
    path: str = ""
    networks: str = ""

class Plain:
    pass

KIND = GatewayKind("pigeon", Settings, object)
NALO = GatewayKind("nalo", Settings, object)
GREEDY = GatewayKind("greedy", Greedy, object)
PLAIN = GatewayKind("plain", Plain, object)
SOMETHING = "else"
"""


class Site:
    """A folder of installed packages, as pip leaves them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, name: str, code: str = PACKAGE, **points: str) -> None:
        """Install a package with one module and the entry *points* of our group."""
        (self.folder / f"{name}.py").write_text(code)
        info = self.folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = "".join(f"{point} = {name}:{value}\n" for point, value in points.items())
        (info / "entry_points.txt").write_text(f"[sessiond.gateways]\n{lines}")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Packages on the path, until the end of the test."""
    before = set(sys.modules)
    sys.path.insert(0, str(tmp_path))
    try:
        yield Site(tmp_path)
    finally:
        sys.path.remove(str(tmp_path))
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
                del sys.modules[name]


@pytest.mark.parametrize("name", BUILT_IN)
def test_ours_are_found_by_their_names(name: str) -> None:
    """Without anything installed."""
    assert find_kind(name) is BUILT_IN[name]
    assert find_kind(name).name == name


@pytest.mark.parametrize("name", BUILT_IN)
def test_ours_have_settings_that_no_account_has(name: str) -> None:
    """They are in one table: a name that is there twice could not be told apart."""
    assert set() == shared_names(BUILT_IN[name])


def test_an_unknown_name_is_answered_with_those_there_are(site: Site) -> None:
    """And with the nearest one, also when it is plugged in."""
    site.install("pigeons", pigeon="KIND")
    with pytest.raises(InvalidInput, match=r'known: .*pigeon.*did you mean "pigeon"') as caught:
        find_kind("pigeons")

    assert all(name in str(caught.value) for name in BUILT_IN)


def test_a_package_plugs_a_kind_in(site: Site) -> None:
    """It is imported when it is named, and not before; others than the one that is named are not."""
    site.install("pigeons", pigeon="KIND")
    site.install("broken", "1 / 0", broken="KIND")
    assert find_kind("nalo") is BUILT_IN["nalo"]
    assert "pigeons" not in sys.modules

    assert "pigeon" == find_kind("pigeon").name
    assert "broken" not in sys.modules


@pytest.mark.parametrize(
    ("code", "points", "name", "message"),
    [
        ("1 / 0", {"pigeon": "KIND"}, "pigeon", r"cannot be imported \(ZeroDivisionError"),
        ("import nothing_there", {"pigeon": "KIND"}, "pigeon", "cannot be imported"),
        (PACKAGE, {"pigeon": "NONE"}, "pigeon", r"cannot be imported \(AttributeError"),
        (PACKAGE, {"pigeon": "SOMETHING"}, "pigeon", "is a str, and no GatewayKind"),
        (PACKAGE, {"dove": "KIND"}, "dove", "calls itself 'pigeon'"),
        (PACKAGE, {"plain": "PLAIN"}, "plain", "no attrs class"),
        (PACKAGE, {"greedy": "GREEDY"}, "greedy", "networks, path"),
        (PACKAGE, {"nalo": "NALO"}, "nalo", "the name of one of ours"),
    ],
)
def test_what_cannot_be_plugged_in_is_named(
    site: Site, code: str, points: dict[str, str], name: str, message: str
) -> None:
    """With the package that does it, so that whoever installed it can mend or remove it."""
    site.install("pigeons", code, **points)
    with pytest.raises(InvalidInput, match=message) as caught:
        find_kind(name)

    assert "pigeons" in str(caught.value)


def test_two_packages_with_one_name_are_refused(site: Site) -> None:
    """Neither is guessed at; both are named."""
    site.install("pigeons", pigeon="KIND")
    site.install("doves", pigeon="KIND")
    with pytest.raises(InvalidInput, match="doves and pigeons plug in"):
        find_kind("pigeon")
