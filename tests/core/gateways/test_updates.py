"""What apps are told of their messages."""

import pytest

from sessiond import DeliveryUpdate
from sessiond.core.gateways.updates import DeliveryState


@pytest.mark.parametrize("word", ["sent", "delivered", "read", "held", "failed"])
def test_a_state_is_its_word(word: str) -> None:
    """Apps compare with the word, or with the name, and store either."""
    state = DeliveryState(word)

    assert word == state == state.value == f"{state}"
    assert state is DeliveryState[word.upper()]


def test_another_word_is_no_state() -> None:
    """Providers' own words are read by their gateways."""
    with pytest.raises(ValueError, match="queued"):
        DeliveryState("queued")


def test_an_update_of_a_message_without_an_id() -> None:
    """It failed before the provider had it."""
    update = DeliveryUpdate(account="shop", state=DeliveryState.FAILED, reason="no such number")

    assert ("", "") == (update.message_id, update.reference)
    assert "no such number" not in repr(update)
