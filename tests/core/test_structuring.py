"""Plain data to attrs classes: strict, and all problems at once."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

import pytest
from attrs import field, frozen
from attrs.validators import ge, le

from sessiond.core.ids import UserId
from sessiond.core.structuring import InvalidShape, Problem, nearest, structure


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@frozen
class Part:
    url: str = ""
    keys: tuple[str, ...] = ()


@frozen
class Whole:
    user: UserId
    count: int = field(default=1, validator=[ge(0), le(10)])
    share: float | None = None
    on: bool = False
    mode: Literal["fast", "safe"] = "safe"
    colour: Colour = Colour.RED
    part: Part = Part()
    parts: tuple[Part, ...] = ()
    labels: Mapping[str, int] = {}
    anything: object = None


def problems(value: object) -> set[str]:
    with pytest.raises(InvalidShape) as caught:
        structure(value, Whole)
    return {problem.describe() for problem in caught.value.problems}


def test_everything_fits() -> None:
    """Nested classes, enums, literals, optional values, tuples and mappings are made from plain data."""
    whole = structure(
        {
            "user": "u1",
            "count": 3,
            "share": 1,
            "on": True,
            "mode": "fast",
            "colour": "blue",
            "part": {"url": "x", "keys": ["a", "b"]},
            "parts": [{}, {"url": "y"}],
            "labels": {"a": 1},
            "anything": [1, {"b": None}],
        },
        Whole,
    )

    assert whole == Whole(
        UserId("u1"),
        3,
        1.0,
        True,
        "fast",
        Colour.BLUE,
        Part("x", ("a", "b")),
        (Part(), Part("y")),
        {"a": 1},
        [1, {"b": None}],
    )
    assert whole.colour is Colour.BLUE


def test_all_problems_at_once_with_their_paths() -> None:
    """One attempt names everything that is wrong, each with its path."""
    assert problems(
        {
            "count": 11,
            "share": "much",
            "on": 1,
            "mode": "slow",
            "colour": "green",
            "part": {"urk": 1, "url": 3, "keys": ["a", 2]},
            "parts": [{}, {"url": []}],
            "labels": {"a": "one"},
            "mod": 1,
        }
    ) == {
        "user: is required",
        "count: must be <= 10: 11",
        "share: must be a number, not a text",
        "on: must be true or false, not a number",
        "mode: must be one of fast, safe",
        "colour: must be one of red, blue",
        'part.urk: unknown name; did you mean "url"?',
        "part.url: must be a text, not a number",
        "part.keys[1]: must be a text, not a number",
        "parts[1].url: must be a text, not a list",
        "labels.a: must be a whole number, not a text",
        'mod: unknown name; did you mean "mode"?',
    }


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("count", True, "must be a whole number, not true or false"),
        ("count", 1.5, "must be a whole number"),
        ("count", "5", "must be a whole number, not a text"),
        ("share", float("nan"), "must be a finite number"),
        ("share", True, "must be a number, not true or false"),
        ("user", "", "the user id is empty"),
        ("user", "a\nb", "the user id holds a character that cannot be printed"),
        ("part", None, "must be a table, not nothing"),
        ("parts", "ab", "must be a list, not a text"),
        ("labels", [1], "must be a table, not a list"),
        ("colour", [], "must be one of red, blue"),
    ],
)
def test_nothing_is_converted_silently(name: str, value: object, message: str) -> None:
    """A value of a neighbouring type is refused, not bent."""
    assert problems({"user": "u1"} | {name: value}) == {f"{name}: {message}"}


def test_a_value_that_is_no_table_has_one_problem_without_a_path() -> None:
    """The value as a whole is named by the empty path."""
    with pytest.raises(InvalidShape) as caught:
        structure([], Whole)

    assert caught.value.problems == (Problem("", "must be a table, not a list"),)


def test_values_are_never_repeated() -> None:
    """A text that does not fit may be a secret: messages do not hold it."""
    assert "hunter2" not in str(problems({"user": "u1", "mode": "hunter2", "count": "hunter2"}))


def test_far_names_suggest_nothing() -> None:
    """Only a name that is near is suggested."""
    assert nearest("zzz", ["url", "keys"]) == ""
    assert nearest("kyes", ["url", "keys"]) == '; did you mean "keys"?'
