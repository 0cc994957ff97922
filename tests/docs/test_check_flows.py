"""What the page about checking flows shows is what the command says."""

import re
from pathlib import Path

from sessiond.core.flow_check.findings import RULES
from tests.cli.conftest import run
from tests.docs.pages import DOCS, captioned

PAGE = "howto/check-flows.md"


def test_the_findings_of_the_example_are_those_shown(tmp_path: Path) -> None:
    """Word for word; the page's own example is wrong on purpose."""
    (tmp_path / "shop.py").write_text(captioned(PAGE, "shop.py").lstrip("\n"))
    done = run("sessiond.cli.sessiond", ["flow", "check", "shop"], tmp_path)

    assert (1, captioned(PAGE, "what it says").strip()) == (done.code, done.out.strip())


def test_codes_that_pages_name_are_codes() -> None:
    """Behind ``# flow: allow`` stands something that can be found."""
    named = [
        code
        for page in DOCS.rglob("*.md")
        for codes in re.findall(r"# flow: allow ([a-z][\w-]*)", page.read_text())
        for code in codes.split()
    ]

    assert named
    assert set(named) <= RULES.keys()


def test_every_kind_of_finding_is_in_the_reference() -> None:
    """With what is wrong and what is right."""
    page = (DOCS / "reference" / "flow-check.md").read_text()

    assert [] == [code for code in RULES if f"| `{code}` |" not in page]
