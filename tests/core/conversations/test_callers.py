"""Users who are known by a phone number (sessiond/core/conversations/callers.py)."""

import attrs
import pytest

from sessiond.core.conversations.callers import Callers
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.core.errors import InvalidInput
from sessiond.core.ids import parse_user_id

KEYS = SessionKeySettings(secret="nobody else has it", phone_region="GH")
NUMBER = "+233244123456"
TEN_SPELLINGS = (
    "+233244123456",
    "233244123456",
    "00233244123456",
    "0244123456",
    "+233 24 412 3456",
    "+233-24-412-3456",
    "+233.24.412.3456",
    "(024) 412 3456",
    " 024/4123456",
    "+２３３２４４１２３４５６",
)


def test_ten_spellings_of_a_number_are_one_user() -> None:
    """And one number, in E.164."""
    found = {(caller.user, caller.number) for caller in map(Callers(KEYS).find, TEN_SPELLINGS)}

    ((user, number),) = found
    assert NUMBER == number
    assert user == parse_user_id(user)


def test_nothing_of_the_number_is_in_the_user() -> None:
    """Another secret gives another user; neither shows the number, nor does the repr."""
    caller = Callers(KEYS).find(NUMBER)
    other = Callers(attrs.evolve(KEYS, secret="another secret than the other")).find(NUMBER)

    assert caller.user != other.user
    assert caller.number == other.number
    assert caller.user.startswith("tel:")
    assert "244123456" not in caller.user
    assert "244123456" not in repr(caller)


def test_users_do_not_depend_on_how_conversations_are_told_apart() -> None:
    """Other boundaries, identifiers or FlowChat's ids: the person is the same."""
    ways = (
        KEYS.durable(),
        KEYS.cross_platform(),
        attrs.evolve(KEYS, identifier="own"),
        attrs.evolve(KEYS, mode="flowchat_8"),
    )

    assert {Callers(KEYS).find(NUMBER).user} == {Callers(way).find(NUMBER).user for way in ways}


@pytest.mark.parametrize(
    "keys",
    [
        SessionKeySettings(),
        SessionKeySettings(secret="short"),
        SessionKeySettings(mode="flowchat_32"),
    ],
)
def test_a_secret_is_needed(keys: SessionKeySettings) -> None:
    """Also where FlowChat's keys are made without one."""
    with pytest.raises(InvalidInput, match="secret"):
        Callers(keys)


def test_what_is_no_number_is_refused() -> None:
    """Without being repeated."""
    with pytest.raises(InvalidInput) as caught:
        Callers(KEYS).find("not-me")

    assert "not-me" not in str(caught.value)
