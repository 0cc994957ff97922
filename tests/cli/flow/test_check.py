"""``sessiond flow check``, as a process."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import run

GOOD = """
from sessiond import App, Conversation

app = App()


@app.flow("order", starts_on=["hi"])
async def order(c: Conversation) -> None:
    count = await c.ask("count", "How many?", parse=int)
    await c.say(f"{count}, thank you.")
"""

#: Nobody said which gateway it is for: the shortest page of ours.
NALO = "USSD pages of 120 characters (nalo)"

#: One warning in "order", one error in "pay".
BAD = (
    GOOD.replace('"How many?"', f'"How many? {"x" * 140}"')
    + """

@app.flow("pay-now", starts_on=["pay"])
async def pay(c: Conversation) -> None:
    c.ask("amount", "How much?")
"""
)


def check(folder: Path, *arguments: str, source: str) -> tuple[int, list[str]]:
    (folder / "shop.py").write_text(source)
    done = run("sessiond.cli.sessiond", ["flow", "check", *arguments], folder)
    assert "Traceback" not in done.err
    return done.code, [*done.out.splitlines(), *done.err.splitlines()]


def test_good_flows(tmp_path: Path) -> None:
    """Nothing to say, exit code 0."""
    assert (0, [f"no problems; {NALO}"]) == check(tmp_path, "shop", source=GOOD)


def test_bad_flows(tmp_path: Path) -> None:
    """File, line, what is wrong, and the code; exit code 1."""
    code, lines = check(tmp_path, "shop:app", source=BAD)

    assert 1 == code
    assert [
        "shop.py:9: warning: at least 150 characters with its choices; a USSD page has 120 (nalo) [ussd-page]",
        "shop.py:15: error: await is missing before this c.ask: it never happens [forgotten-await]",
        f"1 error, 1 warning; {NALO}",
    ] == lines


@pytest.mark.parametrize("target", ["shop:order", "shop:pay-now", "shop:pay"])
def test_one_flow(tmp_path: Path, target: str) -> None:
    """By its name, or by its function."""
    lines = check(tmp_path, target, source=BAD)[1]

    assert lines[-1] == ("1 warning; " if target == "shop:order" else "1 error; ") + NALO


def test_warnings_count_when_they_shall(tmp_path: Path) -> None:
    """Otherwise the exit code stays 0; and what another platform shows does not matter."""
    assert 0 == check(tmp_path, "shop:order", source=BAD)[0]
    assert 1 == check(tmp_path, "shop:order", "--strict", source=BAD)[0]
    assert 0 == check(tmp_path, "shop:order", "--strict", "--platform", "whatsapp", source=BAD)[0]


def test_the_page_of_a_gateway(tmp_path: Path) -> None:
    """The shortest of those that are named; what is not shown on USSD is not measured by it."""
    long = GOOD.replace("How many?", "x" * 150)
    code, lines = check(tmp_path, "shop", "--gateway", "africastalking", source=long)
    assert (0, ["no problems; USSD pages of 160 characters (africastalking)"]) == (code, lines)

    both = ("--gateway", "africastalking", "--gateway", "nsano")
    code, lines = check(tmp_path, "shop", *both, source=long)
    assert "a USSD page has 140 (nsano) [ussd-page]" in lines[0]
    assert "1 warning; USSD pages of 140 characters (nsano)" == lines[-1]

    assert ["no problems"] == check(tmp_path, "shop", "--platform", "whatsapp", source=long)[1]


def test_no_gateway_of_this_name(tmp_path: Path) -> None:
    """It is said which there are; a chat has no pages."""
    for name in ("pigeon", "whatsapp"):
        code, lines = check(tmp_path, "shop", "--gateway", name, source=GOOD)
        assert 1 == code
        assert f"there is no USSD gateway {name!r} (known: africastalking, nalo, nsano)" in lines[0]


def test_the_pages_of_the_accounts(tmp_path: Path) -> None:
    """Of those in the settings, the shortest; without one on USSD, the shortest of ours."""
    account = '[gateways.{}]\ngateway = "{}"\ntokens = ["0123456789abcdef"]\n{}\n'
    config = tmp_path / "s.toml"
    config.write_text(
        account.format("far", "africastalking", "characters = 100\nucs2_characters = 50")
        + account.format("near", "nalo", "ucs2_characters = 30")
        + account.format("program", "http", "")
    )
    lines = check(tmp_path, "shop", "--config", "s.toml", source=GOOD)[1]
    assert ["no problems; USSD pages of 100 characters (far and near)"] == lines
    document = check(tmp_path, "shop", "--config", "s.toml", "--format", "json", source=GOOD)[1][0]
    page = {"gateway": "far and near", "characters": 100, "ucs2_characters": 30}
    assert page == json.loads(document)["ussd_page"]

    config.write_text(account.format("program", "http", ""))
    assert [f"no problems; {NALO}"] == check(tmp_path, "shop", "--config", "s.toml", source=GOOD)[1]


def test_findings_for_programs(tmp_path: Path) -> None:
    """One JSON document."""
    code, (line,) = check(tmp_path, "shop", "--format", "json", source=BAD)
    document: dict[str, Any] = json.loads(line)

    assert 1 == code
    assert {"gateway": "nalo", "characters": 120, "ucs2_characters": 52} == document["ussd_page"]
    assert [("shop.py", 9), ("shop.py", 15)] == [
        (one["file"], one["line"]) for one in document["findings"]
    ]
    assert {
        "file": "shop.py",
        "line": 15,
        "code": "forgotten-await",
        "severity": "error",
        "message": "await is missing before this c.ask: it never happens",
        "flow": "pay-now",
    } == document["findings"][1]


def test_two_flows_of_one_word(tmp_path: Path) -> None:
    """The server would not start: an error."""
    code, lines = check(tmp_path, "shop", source=GOOD + """

@app.flow("other", starts_on=["HI"])
async def other(c: Conversation) -> None:
    await c.say("Hello")
""")  # fmt: skip

    assert 1 == code
    assert lines[0].endswith('the word "hi" starts both "order" and "other" [start-clash]')


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("nowhere", "there is no module 'nowhere'"),
        (":order", "is not MODULE or MODULE:FLOW"),
        ("shop:", "is not MODULE or MODULE:FLOW"),
        ("shop:nothing", "has no flow called 'nothing'; its app has order"),
        ("json", "has no App and no Flow"),
        ("shop:bare", "the app has no flows"),
    ],
)
def test_flows_that_are_not_there(tmp_path: Path, target: str, says: str) -> None:
    """One line that says what was looked for."""
    code, lines = check(tmp_path, target, source=f"{GOOD}\nbare = App()\n")

    assert 1 == code
    assert says in lines[0]


def test_the_command_line_is_explained(tmp_path: Path) -> None:
    """Wrong options end with code 2; the help names the options."""
    assert 2 == check(tmp_path, "shop", "--platform", "pigeon", source=GOOD)[0]
    assert any("--strict" in line for line in check(tmp_path, "--help", source=GOOD)[1])
