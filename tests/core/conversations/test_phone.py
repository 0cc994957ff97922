"""Phone numbers (sessiond/core/conversations/phone.py)."""

import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.conversations.phone import check_region, e164, masked_phone
from sessiond.core.errors import InvalidInput

#: One valid mobile number of every region that has an example.
EXAMPLES = [
    phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    if (number := phonenumbers.example_number(region)) is not None
]


@pytest.mark.parametrize(
    "written",
    [
        "+233244123456",
        "233244123456",
        "00233244123456",
        "+233 24 412 3456",
        "+233 (24) 412-3456",
        " 233.24.412.3456 ",
        "(+233) 24 412 3456",
        "+(233) 24 412 3456",
        "+٢٣٣٢٤٤١٢٣٤٥٦",
    ],
)
def test_a_number_has_one_form(written: str) -> None:
    """However a gateway or a person groups and prefixes it."""
    assert "+233244123456" == e164(written)


@pytest.mark.parametrize("written", ["0244123456", "024 412 3456", "244123456", "233244123456"])
def test_a_region_explains_local_numbers(written: str) -> None:
    """Local forms, with and without the leading 0, are numbers of the region; international ones stay."""
    assert "+233244123456" == e164(written, "GH")


def test_a_foreign_number_stays_foreign() -> None:
    """A region only explains what is no international number."""
    assert "+256700123456" == e164("256700123456", "GH")


@given(st.sampled_from(EXAMPLES))
def test_the_form_is_a_fixed_point(number: str) -> None:
    """A number in E.164 is taken as it is, with and without its plus."""
    assert number == e164(number) == e164(number[1:])


@pytest.mark.parametrize("number", ["+233999999999", "+999123456789"])
def test_test_numbers_are_taken(number: str) -> None:
    """Numbers that no plan knows are numbers too, when they look international."""
    assert number == e164(number[1:])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "hello",
        "1-800-FLOWERS",
        "+233244123456 ext. 5",
        "1234",
        "1" * 16,
        "9" * 4000,
        "*170#",
    ],
    ids=lambda text: text[:12],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    """Vanity letters, extensions, short codes and floods are no phone numbers."""
    with pytest.raises(InvalidInput) as caught:
        e164(text)

    assert not text or text not in str(caught.value).split()


@pytest.mark.parametrize("text", ["0244123456", "+0244123456"])
def test_a_local_number_needs_a_region(text: str) -> None:
    """Read as an international number it would be another person's, so it is refused."""
    with pytest.raises(InvalidInput, match="local form needs a region"):
        e164(text)


@given(
    st.text(max_size=50) | st.text(st.sampled_from("+0123456789 ()-./٣"), max_size=50),
    st.none() | st.sampled_from(["GH", "IT", "US"]),
)
def test_every_text_is_a_number_or_refused(text: str, region: str | None) -> None:
    """What comes out is a plus and at most fifteen digits, and stays what it is."""
    try:
        number = e164(text, region)
    except InvalidInput:
        return

    assert re.fullmatch(r"\+[0-9]{2,17}", number)


def test_regions_are_known() -> None:
    """A region in small letters is answered with the one that was meant."""
    assert "GH" == check_region("GH")
    with pytest.raises(InvalidInput, match="unknown region 'gh'; did you mean \"GH\""):
        check_region("gh")


@pytest.mark.parametrize(
    ("number", "shown"),
    [("+233244123456", "[number …56]"), ("1234", "[number]"), ("", "[number]")],
)
def test_masks_keep_two_digits(number: str, shown: str) -> None:
    """Enough for support; of a short text nothing is shown, for two digits would be half of it."""
    assert shown == masked_phone(number)
