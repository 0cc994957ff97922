"""What messages say (sessiond/gateways/telegram/answers.py)."""

import json
from typing import Any

import msgspec
import pytest

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Answer, Attachment
from sessiond.core.flows.prompts import AttachmentKind
from sessiond.gateways.telegram.answers import kind_of, read_answer


def parts(**said: Any) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(json.dumps(said).encode(), type=dict[str, msgspec.Raw])


def test_the_largest_photo_is_taken() -> None:
    """It comes in several sizes, in no order that is promised; an answer has one attachment."""
    sizes = [{"file_id": f"f{n}", "width": n, "height": 2} for n in (3, 9, 5)]
    answer = read_answer(parts(photo=sizes, caption="me"))

    image = Attachment(kind=AttachmentKind.IMAGE, id="f9", mime_type="image/jpeg", caption="me")
    said = Answer(text="me", attachment=image, numbered=False, numbered_from=31)
    assert said == answer


def test_typed_numbers_are_looked_up_as_titles_first() -> None:
    """Buttons show no numbers: who types ``5`` may mean a title."""
    answer = read_answer(parts(text="5"))

    assert answer is not None
    assert not answer.numbered


@pytest.mark.parametrize("place", [(91, 0), (-91, 0), (0, 181), (0, -181), (1e300, 0)], ids=str)
def test_a_place_is_on_earth(place: tuple[float, float]) -> None:
    """Other coordinates are no place."""
    with pytest.raises(InvalidInput):
        read_answer(parts(location={"latitude": place[0], "longitude": place[1]}))


def test_a_photo_without_sizes_is_none() -> None:
    """There is nothing to fetch."""
    with pytest.raises(InvalidInput):
        read_answer(parts(photo=[]))


@pytest.mark.parametrize("said", [{"dice": {}}, {"poll": {}}, {}, {"message_id": 1}])
def test_what_answers_nothing_is_no_answer(said: dict[str, Any]) -> None:
    """It is told of under its name."""
    assert read_answer(parts(**said)) is None


def test_a_message_that_says_nothing_has_a_name() -> None:
    """By its first field that does not stand around every message; ``message`` when there is no other."""
    assert "new_chat_title" == kind_of(parts(message_id=1, date=2, new_chat_title="x"))
    assert "message" == kind_of(parts(message_id=1, date=2))
    assert "unknown" == kind_of(parts(**{"message_id": 1, "a b": 2}))
