"""Field docstrings are read from the source."""

from attrs import frozen

from sessiond.core.documented import attribute_docs


@frozen
class Sample:
    """Not a field's docstring."""

    a: int = 1
    """The first
    field."""
    b: int = 2
    c: int = 3
    """The third."""

    @property
    def d(self) -> int:
        """No field."""
        return 4


@frozen
class Special(Sample):
    """One with more to say."""

    b: int = 2
    """The second."""
    e: int = 5
    """Its own."""


def test_fields_of_a_base_keep_their_docstrings() -> None:
    """Unless they are declared anew."""
    told = {"a": "The first field.", "b": "The second.", "c": "The third.", "e": "Its own."}

    assert attribute_docs(Special) == told


def test_docstrings_belong_to_the_field_above() -> None:
    """Each is joined to one line; a field without one has none."""
    assert attribute_docs(Sample) == {"a": "The first field.", "c": "The third."}
