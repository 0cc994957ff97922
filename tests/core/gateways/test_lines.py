"""Lines: what is kept with a person of one account."""

import msgspec
import pytest

from sessiond.core.errors import SnapshotCorrupt
from sessiond.core.gateways.dials import LastRequest
from sessiond.core.gateways.lines import (
    NEW_LINE,
    Answered,
    Line,
    account_of,
    decode_answered,
    decode_line,
    encode_answered,
    encode_line,
    line_name,
)
from sessiond.core.rendering.paging import Paging

FULL = Line(
    to="+233244123456",
    host="chat.example.com",
    heard_at=7.5,
    last=LastRequest(session="dial-1", so_far="1*2"),
    answered=Answered(text="Yes?", ends=True),
    paging=Paging(text="a b", pages=((0, 1), (2, 3)), at=1),
    held=(msgspec.Raw(b'{"a":1}'),),
)


@pytest.mark.parametrize("line", [NEW_LINE, FULL])
def test_a_line_is_read_as_it_was_written(line: Line) -> None:
    """Also the messages that wait, byte by byte."""
    read = decode_line(encode_line(line))

    assert encode_line(line) == encode_line(read)
    assert [bytes(one) for one in line.held] == [bytes(one) for one in read.held]


def test_a_new_line_is_nothing() -> None:
    """Most users have one that says little."""
    assert b"{}" == encode_line(NEW_LINE)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b'{"to":1}', b'{"other":1}', b'{"paging":{"text":"a","pages":[]}}']
)
def test_what_is_no_line_is_refused(raw: bytes) -> None:
    """Without repeating any of it."""
    with pytest.raises(SnapshotCorrupt, match="not a line"):
        decode_line(raw)


def test_each_phone_has_a_line_of_its_own() -> None:
    """The user's own is named like the account, which no alias's can be."""
    assert "shop" == line_name("shop")
    assert "shop/tel:0f" == line_name("shop", "tel:0f")


def test_a_line_shows_nobody() -> None:
    """Neither the number nor what is on the screen."""
    shown = repr(FULL)

    assert "233244123456" not in shown
    assert "Yes?" not in shown


def test_an_answer_is_read_as_it_was_written() -> None:
    """With the document that its text was made of."""
    answered = Answered(text="Hi", ends=True, shown=msgspec.Raw(b'{"messages":[]}'))
    read = decode_answered(encode_answered(answered))

    assert ("Hi", True, b'{"messages":[]}') == (read.text, read.ends, bytes(read.shown))


@pytest.mark.parametrize("alias", ["", "bob", "a/b"])
def test_a_line_tells_whose_account_it_is(alias: str) -> None:
    """Each phone has its own; the ids of users may have a slash, names of accounts have none."""
    assert "line" == account_of(line_name("line", alias))
