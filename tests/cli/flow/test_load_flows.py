"""``MODULE[:FLOW]``."""

import sys
from pathlib import Path

import pytest

from sessiond.cli.flow.load_flows import load_flows
from sessiond.core.errors import InvalidInput


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with modules, which is the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    (tmp_path / "flowshop.py").write_text(
        "from sessiond import App, Flow\n"
        "shop = App()\n"
        "@shop.flow('order-now', starts_on=['hi'])\n"
        "async def order(c): ...\n"
        "other = Flow(name='other', function=order)\n"
        "empty = App()\n"
    )
    (tmp_path / "flowlist.py").write_text(
        "from sessiond import Flow\n"
        "async def one(c): ...\n"
        "async def two(c): ...\n"
        "a = Flow(name='a', function=one)\n"
        "b = Flow(name='b', function=two)\n"
    )
    return tmp_path


@pytest.mark.parametrize("target", ["flowshop:order-now", "flowshop:order"])
def test_one_flow_of_an_app(target: str) -> None:
    """By its name or its function; the others are there, and so is what starts them."""
    loaded = load_flows(target)

    assert ("order-now", ["order-now"]) == (loaded.only, list(loaded.flows))
    assert [("hi",)] == [route.words for route in loaded.routes or ()]


@pytest.mark.parametrize("target", ["flowshop", "flowshop:shop"])
def test_all_flows_of_an_app(target: str) -> None:
    """Whatever the app is called."""
    assert ("", ["order-now"]) == (load_flows(target).only, list(load_flows(target).flows))


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("flowlist:", "is not MODULE or MODULE:FLOW"),
        ("flowlist:nothing", "has no flow called 'nothing'$"),
        ("flowshop:nothing", "its app has order-now"),
        ("json", "has no App and no Flow"),
        ("flowshop:empty", "the app has no flows"),
    ],
)
def test_what_is_not_there_is_said(target: str, says: str) -> None:
    """And what there is."""
    with pytest.raises(InvalidInput, match=says):
        load_flows(target)


def test_flows_without_an_app() -> None:
    """All, one by its name, or just a function; how they start is not known."""
    assert ["a", "b"] == list(load_flows("flowlist").flows)
    assert ["b"] == list(load_flows("flowlist:b").flows)
    assert ["one"] == list(load_flows("flowlist:one").flows)
    assert ["other"] == list(load_flows("flowshop:other").flows)
    assert load_flows("flowlist:one").routes is None
