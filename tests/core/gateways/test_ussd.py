"""What USSD gateways have in common (sessiond/core/gateways/ussd.py)."""

import attrs
import pytest

from sessiond.core.documented import attribute_docs
from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.fields import Fields
from sessiond.core.gateways.ussd import UssdSettings
from sessiond.core.rendering.gsm import PageLimits
from sessiond.core.rendering.paging import Navigation
from sessiond.core.structuring import structure
from sessiond.gateways.africastalking import AfricasTalkingSettings, FieldNames
from sessiond.gateways.nalo import Nalo, NaloSettings
from sessiond.gateways.nsano import NsanoSettings
from tests.gateways.recorded import request_of

TOKEN = "0123456789abcdef"
SETTINGS = [UssdSettings, NaloSettings, NsanoSettings, AfricasTalkingSettings]


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
        {"characters": 30},
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


@pytest.mark.parametrize("cls", SETTINGS)
def test_settings_are_written_in_files(cls: type[UssdSettings]) -> None:
    """Strictly, with the nearest name for one that is not known; each is documented where it is declared."""
    made = structure({"tokens": [TOKEN], "navigation": {"next_key": "99"}}, cls)

    assert "99" == made.limits.navigation.next_key
    with pytest.raises(InvalidInput, match='did you mean "service_code"'):
        structure({"tokens": [TOKEN], "servicecode": "*1#"}, cls)
    documented: list[type] = [cls, FieldNames, Navigation]
    for one in documented:
        assert {field.name for field in attrs.fields(one)} == attribute_docs(one).keys()


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
