"""The page on bad input: every kind has its row, and every row names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS

ROOT = Path(__file__).parents[2]
PAGE = (DOCS / "reference" / "bad-input.md").read_text()


def rows_of(page: str) -> dict[str, str]:
    """The tests of each row."""
    lines = (line.split("|") for line in page.splitlines())
    return {cells[1].strip(): cells[3] for cells in lines if len(cells) == 5 and "::" in cells[3]}


ROWS = rows_of(PAGE)
OF_GATEWAYS = rows_of(PAGE.partition("## Gateways\n")[2].partition("\n## ")[0])

KINDS = """
no token; bad signature; wrong algorithm; expired token; somebody else's topic; malformed client; binary client;
oversized client; deeply nested client; fragmented client; half-open client; slow-loris client; flooding client;
client that stops reading;
garbage webhook; truncated webhook; duplicated webhook; concurrent-duplicate webhook; unsigned webhook;
replayed webhook; unknown user; handler that raises; handler that hangs; handler that returns nonsense;
handler that floods; corrupt snapshot; snapshot from a newer version; oversized snapshot; store gone at the start;
store gone in mid-flight; commit whose answer is lost; second process on the same SQLite file;
node stopped for longer than its lease; full disk (SQLite); stale admin socket file; port in use; settings with typos;
chat without a token; chat that is no message; chat from what is no phone number; chat of a megabyte;
chat with odd characters; chat sent twice; two chats of one person at once; chat of one number without end;
chat with a flow that raises; chat with a function that is slow; chat while the store is away;
wrong choice; empty answer; 1 MB of text; control characters, emoji and right-to-left; choice number from the screen
before; two inputs at once; input after the end; input during `run`; conversation too large; flow that raises; flow
that loops; flow that awaits something foreign; flow that forgets an `await`; flow with a `finally` around a question;
flow that returns something that cannot be encoded; flow that never asks; flow that ends silently; flow that is
renamed; flow that is reordered; flow that is removed;
wrong or missing signature; wrong verify token; empty token configured; body changed by one byte; 3 MB batch; 10 MB
body; wrong content type; form where JSON is due, and the reverse; missing fields; wrong types; null; unknown message
kinds; future and ancient timestamps; unknown account; another number's webhook; phone numbers in ten spellings;
impossible phone numbers; request that comes again; answer behind the end;
request of a dial that another one replaced;
answer in a session that nobody knows; answer to a screen that is out of date;
two phones of one user at once; `0` and `#` as answers; 11 choices; two equal titles;
5 000-character messages; provider down; provider slow; provider answers 429;
provider answers 500; provider answers half a response
"""


def test_every_kind_of_bad_input_has_its_row() -> None:
    """None is forgotten, and none is there that nobody asked for."""
    assert {" ".join(kind.split()) for kind in KINDS.split(";")} == ROWS.keys()


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`(tests/\S+?::\w+)`", PAGE))))
def test_every_named_test_exists(named: str) -> None:
    """A test that is renamed or removed takes its row along."""
    file, _, name = named.partition("::")
    tree = ast.parse((ROOT / file).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)

    assert name in {node.name for node in tree.body if isinstance(node, functions)}


@pytest.mark.parametrize("row", OF_GATEWAYS)
def test_rows_of_gateways_are_held_at_the_door(row: str) -> None:
    """Not by a codec alone: by the door of accounts, or by the whole server."""
    assert re.search(r"`tests/(edges/http|scenarios)/test_gateway\w+\.py::", OF_GATEWAYS[row])
