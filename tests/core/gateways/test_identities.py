"""Who somebody is (sessiond/core/gateways/identities.py)."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.conversations.callers import Callers
from sessiond.core.conversations.session_keys import ChannelFacts, SessionKeySettings
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Answer
from sessiond.core.gateways.arrivals import Heard
from sessiond.core.gateways.identities import Identities

KEYS = SessionKeySettings(secret="a secret of this test", phone_region="GH")
NUMBER = "+233244123456"
PEOPLE = Identities(KEYS)


def heard(platform: str = "telegram", *, msisdn: str = "", user_id: str = "") -> Heard:
    facts = ChannelFacts(platform=platform, gateway="g", msisdn=msisdn, user_id=user_id)
    return Heard(facts=facts, answer=Answer(text="hello"), id="1")


@pytest.mark.parametrize(
    "written",
    [
        "+233244123456",
        "233244123456",
        "00233244123456",
        "0244123456",
        "+233 24 412 3456",
        "+233-24-412-3456",
        "+233 (24) 412 3456",
        "(024) 412-3456",
        "024.412.3456",
        "+\uff12\uff13\uff13244123456",
    ],
)
def test_a_number_in_ten_spellings_is_one_user(written: str) -> None:
    """The user of ``/chat`` too; what is said then holds the number in E.164 and the user."""
    user, told = PEOPLE.introduce(heard("ussd", msisdn=written), "nalo")

    assert Callers(KEYS).find(NUMBER).user == user
    assert (NUMBER, user, "") == (told.facts.msisdn, told.facts.user_id, told.sender)
    assert ("hello", "1") == (told.answer.text, told.id)


@pytest.mark.parametrize("number", ["+", "+12", "12", "call me", "+233244123456789012", "0", "1e9"])
def test_an_impossible_number_is_refused(number: str) -> None:
    """And not repeated."""
    with pytest.raises(InvalidInput, match="phone number") as refused:
        PEOPLE.introduce(heard(msisdn=number), "shop")

    assert number not in str(refused.value).split()


def test_who_has_a_number_is_known_by_it_on_every_platform() -> None:
    """Also where the provider has an id of its own."""
    on_whatsapp, told = PEOPLE.introduce(heard("whatsapp", msisdn=NUMBER, user_id="US.1"), "a")
    on_ussd, _ = PEOPLE.introduce(heard("ussd", msisdn=NUMBER), "b")

    assert on_whatsapp == on_ussd == told.facts.user_id
    assert told.sender == ""


def test_who_has_no_number_is_known_by_the_providers_id() -> None:
    """Answers go to that id, which cannot be read from the user."""
    user, told = PEOPLE.introduce(heard("telegram", user_id="7700700"), "bot")

    assert user.startswith("telegram:")
    assert "7700700" not in user
    assert (user, "7700700") == (told.facts.user_id, told.sender)


def test_a_sender_that_the_gateway_has_set_stays() -> None:
    """A chat may have another id than the person."""
    said = msgspec.structs.replace(heard(user_id="7"), sender="chat 8")

    assert "chat 8" == PEOPLE.introduce(said, "bot")[1].sender


def test_ids_of_platforms_and_tenants_never_meet() -> None:
    """Telegram's ids are everybody's; those of a program are its own."""

    def user(platform: str, account: str, user_id: str = "u1") -> str:
        return PEOPLE.introduce(heard(platform, user_id=user_id), account)[0]

    assert user("telegram", "one") == user("telegram", "two")
    users = [
        user("telegram", "one"),
        user("http", "one"),
        user("http", "two"),
        user("whatsapp", "one"),
        user("http", "one", "u2"),
    ]
    assert len(set(users)) == len(users)


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_different_ids_are_different_users(one: str, other: str) -> None:
    """Whatever they look like; a refused one is nobody."""

    def user(user_id: str) -> str:
        try:
            return PEOPLE.introduce(heard("http", user_id=user_id), "a")[0]
        except InvalidInput:
            return f"refused {user_id!r}"

    assert (one == other) == (user(one) == user(other))


@pytest.mark.parametrize("user_id", ["", " ", "x" * 257, "\ud800"])
def test_nobody_is_refused(user_id: str) -> None:
    """An empty id would be everybody."""
    with pytest.raises(InvalidInput):
        PEOPLE.introduce(heard(user_id=user_id), "bot")


@pytest.mark.parametrize(("msisdn", "user_id"), [(NUMBER, ""), ("", "7700700")])
def test_statuses_and_notices_find_the_same_user(msisdn: str, user_id: str) -> None:
    """They name him as the provider does: a number with a plus, or an id, which is never taken for a number."""
    said = heard(msisdn=msisdn, user_id=user_id)

    assert PEOPLE.introduce(said, "b")[0] == PEOPLE.find(msisdn or user_id, "telegram", "b")


def test_nobody_is_about_nothing() -> None:
    """A notice that names nobody has no user."""
    with pytest.raises(InvalidInput):
        PEOPLE.find("", "telegram", "bot")


def test_another_secret_makes_other_users() -> None:
    """Without it nothing can be tried out; a short one, or none, is refused."""
    others = Identities(SessionKeySettings(secret="the secret of another"))

    assert others.find("7", "telegram", "a") != PEOPLE.find("7", "telegram", "a")
    for secret in ("", "short"):
        with pytest.raises(InvalidInput, match="secret"):
            Identities(SessionKeySettings(secret=secret))


def test_an_own_identifier_does_not_matter() -> None:
    """Who somebody is does not depend on how conversations are told apart."""
    own = Identities(SessionKeySettings(secret=KEYS.secret, identifier="own"))

    assert own.find(NUMBER, "ussd", "a") == PEOPLE.find(NUMBER, "ussd", "a")
