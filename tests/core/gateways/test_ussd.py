"""What USSD gateways have in common (sessiond/core/gateways/ussd.py)."""

import pytest

from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.fields import Fields
from sessiond.core.gateways.ussd import UssdSettings
from sessiond.core.rendering.gsm import PageLimits
from sessiond.gateways.nalo import Nalo, NaloSettings
from tests.gateways.recorded import request_of

TOKEN = "0123456789abcdef"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a:b"},
        {"region": "XX"},
        {"service_code": "920"},
        {"service_code": "*920*٤٤#"},
        {"characters": 0},
        {"characters": 183},
        {"ucs2_characters": 0},
        {"ucs2_characters": 81},
        {"characters": 120, "ucs2_characters": 70},
        {"answer_seconds": 0.0},
        {"answer_seconds": float("nan")},
        {"answer_seconds": 61.0},
        {"tokens": ()},
    ],
    ids=repr,
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    """Also where a gateway has other defaults."""
    given: dict[str, object] = {"tokens": (TOKEN,)}
    for settings in (UssdSettings, NaloSettings):
        with pytest.raises(InvalidInput):
            settings(**(given | wrong))  # type: ignore[arg-type]


def test_limits() -> None:
    """Pages of characters, and of as many octets in other alphabets unless something else is set."""
    usual = UssdSettings(tokens=(TOKEN,), characters=182, answer_seconds=5.0).limits
    wide = UssdSettings(tokens=(TOKEN,), characters=182, ucs2_characters=80).limits

    assert (182, PageLimits(182, 79), 5.0) == (
        usual.characters,
        usual.pages,
        usual.answer_seconds,
    )
    assert PageLimits(182, 80) == wide.pages


def test_facts_numbers_and_pages() -> None:
    """What every gateway says of an input: where it came in, in which session, by whom."""
    nalo = Nalo(NaloSettings(tokens=(TOKEN,), name="nalo_two"))
    facts = nalo.facts(request_of({}), session="s", msisdn="+233241112223")

    assert ("ussd", "nalo_two", "tenant.example.com", "/hooks/account", "s") == (
        facts.platform,
        facts.gateway,
        facts.host,
        facts.path,
        facts.request_id,
    )
    assert "+233241112223" == nalo.phone(Fields({"p": "0241112223"}), "p")
    assert "x" * 117 + "..." == nalo.one_page("x" * 200)
    assert (200, b"") == (nalo.acknowledge().status, nalo.acknowledge().body)
