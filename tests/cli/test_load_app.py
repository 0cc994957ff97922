"""``MODULE:APP``."""

import sys
from pathlib import Path

import pytest

from sessiond.app import App
from sessiond.cli.load_app import load_app
from sessiond.core.errors import InvalidInput


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with modules, which is the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    (tmp_path / "goodshop.py").write_text(
        "from sessiond import App\napp = App()\nother = App()\nnumber = 5\n"
    )
    (tmp_path / "badshop.py").write_text("import goodshop\nraise RuntimeError('out of stock')\n")
    (tmp_path / "needyshop.py").write_text("import a_module_that_is_missing\n")
    return tmp_path


def test_the_current_directory_is_searched() -> None:
    """With and without the app's name."""
    assert isinstance(load_app("goodshop:other"), App)
    assert isinstance(load_app("goodshop"), App)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (":app", "is not MODULE:APP"),
        ("goodshop:", "is not MODULE:APP"),
        ("goodshop:a b", "is not MODULE:APP"),
        ("no_such_shop:app", "no module 'no_such_shop'"),
        ("no_such_shop.web:app", "no module 'no_such_shop'"),
        ("goodshop:shop", "has no App called 'shop'; it has app, other"),
        ("goodshop:number", "has something else as App called 'number'"),
        ("badshop:app", "out of stock"),
        ("needyshop:app", "a_module_that_is_missing"),
    ],
)
def test_what_is_wrong_is_said(target: str, words: str) -> None:
    """A mistyped name, a missing module, and an error of the app's own are told apart."""
    with pytest.raises(InvalidInput) as caught:
        load_app(target)

    assert words in str(caught.value)
