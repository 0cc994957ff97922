"""The few sentences that the engine itself says to a person; an app replaces them with its own."""

from collections.abc import Callable
from typing import Self

from attrs import evolve, fields, frozen

__all__ = ["FlowTexts"]


@frozen(kw_only=True)
class FlowTexts:
    """Sentences by occasion. ``{limit}`` and ``{kinds}`` are filled in; everything else is shown as it is."""

    unexpected_end: str = "Unexpected end of flow."
    """A flow ended without a word (FlowChat's sentence)."""
    restarted: str = "This conversation has changed in the meantime. Let us start again."
    continued: str = "This conversation has changed in the meantime."
    invalid_answer: str = "Invalid input"
    """The author's ``parse`` or ``check`` turned an answer down without saying why (the Flow Framework's)."""
    invalid_choice: str = "Invalid selection:"
    """FlowChat's sentence; the question follows it."""
    stale_choice: str = "That choice belongs to an earlier question."
    empty: str = "Please write an answer."
    not_text: str = "Please answer in words."
    too_long: str = "Please write at most {limit} characters."
    wrong_attachment: str = "Please send: {kinds}."
    no_location: str = "Please share a location."
    no_contact: str = "Please share a contact."
    failed: str = "Sorry, something went wrong. Please try again."
    """The flow's code failed, or what it ran; the question stays."""
    unavailable: str = "We cannot go on with this at the moment. Please come back later."
    """The flow is in the app no more, or its code does not fit what was said and its policy is to fail."""
    busy: str = "One moment, please."
    """Something was said while the flow waits for ``c.run``."""
    resume: str = "You were not finished the last time."
    """Somebody dials again whose dial was interrupted: the choices are the next two."""
    resume_continue: str = "Continue"
    resume_restart: str = "Start again"
    yes: str = "Yes"
    no: str = "No"

    def translated(self, translate: Callable[[str], str]) -> Self:
        """Give the same sentences through *translate*."""
        names = [one.name for one in fields(type(self))]
        return evolve(self, **{name: translate(getattr(self, name)) for name in names})
