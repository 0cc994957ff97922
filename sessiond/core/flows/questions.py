"""Questions: how each is shown, and what it makes of an answer.

``take`` is the whole way of an answer: choice or text → ``parse`` → ``check`` → ``transform`` → value. An author's
function turns an answer down by ``InvalidAnswer("why")``, by ``ValueError`` and its kin (then ``error``, or the
engine's own sentence, is shown), and ``check`` also by returning the sentence. Any other exception is a fault of the
flow. These functions run once, when the answer comes, never on replay.
"""

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final, TypeVar

from attrs import frozen
from typing_extensions import override

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import (
    Answer,
    Attachment,
    Contact,
    Location,
    clean_text,
    match_choice,
    matching_form,
)
from sessiond.core.flows.faults import FlowFailed, InvalidAnswer
from sessiond.core.flows.operations import Operation
from sessiond.core.flows.prompts import (
    AttachmentKind,
    Choice,
    Layout,
    Media,
    Prompt,
    PromptKind,
)
from sessiond.core.flows.texts import FlowTexts

__all__ = [
    "PLAIN",
    "Ask",
    "AttachmentQuestion",
    "Confirm",
    "ContactQuestion",
    "Handling",
    "LocationQuestion",
    "Question",
    "Rules",
    "Select",
    "choices_of",
]

T = TypeVar("T")

#: What a ``parse`` may raise for text of the wrong form: int(), Decimal(), a dict's lookup.
_UNPARSABLE: Final = (ValueError, ArithmeticError, LookupError)
#: In bits. Other readers of the record (jq, browsers) take less than Python does.
_LONGEST_INTEGER: Final = 64


@frozen
class Rules:
    """What holds for every question of a flow: its sentences and how long a text may be, in characters."""

    texts: FlowTexts
    max_text: int


@frozen
class Handling:
    """What the author wants done with an answer."""

    parse: Callable[[str], Any] | None = None
    check: Callable[[Any], Any] | None = None
    transform: Callable[[Any], Any] | None = None
    error: str = ""
    as_type: Any = None


PLAIN: Final = Handling()


class Question(Operation[T], ABC):
    """Something that a person answers."""

    __slots__ = ("choices", "handling", "layout", "media", "text")

    is_named = True
    prompt_kind: ClassVar[PromptKind]

    def __init__(
        self,
        key: str,
        text: str,
        *,
        handling: Handling = PLAIN,
        choices: tuple[Choice, ...] = (),
        media: Media | None = None,
        layout: Layout = Layout.AUTO,
    ) -> None:
        super().__init__(key)
        self.text = text
        self.handling = handling
        self.choices = choices
        self.media = media
        self.layout = layout

    @property
    @override
    def as_type(self) -> Any:
        """The type that the answer is decoded as."""
        return self.handling.as_type

    def prompt(self, screen: str, *, error: str = "", repeats: bool = True) -> Prompt:
        """Make what is shown on *screen*."""
        return Prompt(
            kind=self.prompt_kind,
            key=self.key,
            screen=screen,
            text=self.text,
            choices=self.choices,
            error=error,
            repeats=repeats,
            media=self.media,
            accepts=self._accepts(),
            layout=self.layout,
        )

    def take(self, answer: Answer, rules: Rules) -> Any:
        """Make a value of *answer*.

        Raises:
          InvalidAnswer: it is shown to the person, and the question stays.
          FlowFailed: the author's function broke a rule. Whatever else it raised comes out as it is.

        """
        if _length(answer) > rules.max_text:
            limit = str(rules.max_text)
            raise InvalidAnswer(rules.texts.too_long.replace("{limit}", limit))
        try:
            value = self._read(answer, rules)
            return self._transformed(self._checked(value, rules), rules)
        except InvalidAnswer as refusal:
            if refusal.text:
                raise
            raise InvalidAnswer(self._refusal(rules)) from None

    def _accepts(self) -> tuple[AttachmentKind, ...]:
        return ()

    @abstractmethod
    def _read(self, answer: Answer, rules: Rules) -> Any:
        """Make of *answer* what ``check`` and ``transform`` are given."""

    def _picked(self, answer: Answer, rules: Rules) -> Choice:
        choice = match_choice(answer, clean_text(answer.text), self.choices)
        if choice is None:
            raise InvalidAnswer(self.handling.error or rules.texts.invalid_choice)
        return choice

    def _refusal(self, rules: Rules) -> str:
        return self.handling.error or rules.texts.invalid_answer

    def _checked(self, value: Any, rules: Rules) -> Any:
        check = self.handling.check
        if check is None:
            return value
        try:
            verdict = check(value)
        except InvalidAnswer:
            raise
        except ValueError:
            raise InvalidAnswer(self._refusal(rules)) from None
        if verdict is None or verdict is True:
            return value
        if verdict is False:
            raise InvalidAnswer(self._refusal(rules))
        if isinstance(verdict, str):
            raise InvalidAnswer(verdict or self._refusal(rules))
        raise self._misused("check", verdict)

    def _transformed(self, value: Any, rules: Rules) -> Any:
        transform = self.handling.transform
        if transform is None:
            return value
        try:
            made = transform(value)
        except InvalidAnswer:
            raise
        except ValueError:
            raise InvalidAnswer(self._refusal(rules)) from None
        if inspect.isawaitable(made):
            raise self._misused("transform", made)
        return made

    def _misused(self, name: str, returned: object) -> FlowFailed:
        if inspect.iscoroutine(returned):
            returned.close()
        return FlowFailed(
            f"{name} of {self.key!r} returned a {type(returned).__name__}; parse, check and transform are plain "
            "functions, and check returns None or the sentence to show",
            where=self.where,
        )


class Ask(Question[T]):
    """Free text; with choices, what is picked stands for its key's text."""

    __slots__ = ("allow_empty",)
    kind = "ask"
    prompt_kind = PromptKind.TEXT

    def __init__(self, key: str, text: str, *, allow_empty: bool = False, **shown: Any) -> None:
        super().__init__(key, text, **shown)
        self.allow_empty = allow_empty

    @override
    def _read(self, answer: Answer, rules: Rules) -> Any:
        text = clean_text(answer.text)
        if self.choices or answer.choice is not None:
            choice = match_choice(answer, text, self.choices)
            if choice is None and answer.choice is not None:
                raise InvalidAnswer(rules.texts.stale_choice)
            text = text if choice is None else choice.key
        if not self.allow_empty and not matching_form(text):  # marks alone are no answer
            other = answer.attachment or answer.location or answer.contact
            raise InvalidAnswer(rules.texts.not_text if other else rules.texts.empty)
        return self._parsed(text, rules)

    def _parsed(self, text: str, rules: Rules) -> Any:
        parse = self.handling.parse
        if parse is None:
            return text
        try:
            value = parse(text)
        except InvalidAnswer:
            raise
        except _UNPARSABLE:
            raise InvalidAnswer(self._refusal(rules)) from None
        if _is_no_amount(value):
            raise InvalidAnswer(self._refusal(rules))
        if inspect.isawaitable(value):
            raise self._misused("parse", value)
        return value


class Select(Question[T]):
    """One of several choices; the value is the author's own key or item."""

    __slots__ = ("values",)
    kind = "select"
    prompt_kind = PromptKind.CHOICE

    def __init__(self, key: str, text: str, *, values: Sequence[Any], **shown: Any) -> None:
        super().__init__(key, text, **shown)
        self.values = values

    @override
    def _read(self, answer: Answer, rules: Rules) -> Any:
        return self.values[self._picked(answer, rules).number - 1]


class Confirm(Question[bool]):
    """Yes or no."""

    __slots__ = ()
    kind = "confirm"
    prompt_kind = PromptKind.CONFIRM

    @override
    def _read(self, answer: Answer, rules: Rules) -> bool:
        return self._picked(answer, rules).number == 1


class AttachmentQuestion(Question[Attachment]):
    """Media of certain kinds."""

    __slots__ = ("kinds",)
    kind = "attachment"
    prompt_kind = PromptKind.ATTACHMENT

    def __init__(
        self, key: str, text: str, *, kinds: tuple[AttachmentKind, ...], **shown: Any
    ) -> None:
        super().__init__(key, text, **shown)
        self.kinds = kinds

    @property
    @override
    def as_type(self) -> Any:
        """Attachments, unless the author made something else of them."""
        return self.handling.as_type or (Attachment if self.handling.transform is None else None)

    @override
    def _accepts(self) -> tuple[AttachmentKind, ...]:
        return self.kinds

    @override
    def _read(self, answer: Answer, rules: Rules) -> Attachment:
        sent = answer.attachment
        if sent is None or sent.kind not in self.kinds:
            kinds = ", ".join(self.kinds)
            sentence = rules.texts.wrong_attachment.replace("{kinds}", kinds)
            raise InvalidAnswer(self.handling.error or sentence)
        return sent


class LocationQuestion(Question[Location]):
    """A place."""

    __slots__ = ()
    kind = "location"
    prompt_kind = PromptKind.LOCATION

    @property
    @override
    def as_type(self) -> Any:
        """Locations, unless the author made something else of them."""
        return self.handling.as_type or (Location if self.handling.transform is None else None)

    @override
    def _read(self, answer: Answer, rules: Rules) -> Location:
        place = answer.location
        # False for NaN, too.
        if place is None or not (abs(place.latitude) <= 90 and abs(place.longitude) <= 180):
            raise InvalidAnswer(self.handling.error or rules.texts.no_location)
        return place


class ContactQuestion(Question[Contact]):
    """A visiting card."""

    __slots__ = ()
    kind = "contact"
    prompt_kind = PromptKind.CONTACT

    @property
    @override
    def as_type(self) -> Any:
        """Contacts, unless the author made something else of them."""
        return self.handling.as_type or (Contact if self.handling.transform is None else None)

    @override
    def _read(self, answer: Answer, rules: Rules) -> Contact:
        if answer.contact is None:
            raise InvalidAnswer(self.handling.error or rules.texts.no_contact)
        return answer.contact


def choices_of(key: str, labelled: Sequence[tuple[Any, Any, str]]) -> tuple[Choice, ...]:
    """Number the choices of the question *key*; each is (key, label, description).

    Raises:
      InvalidInput: none, two of the same key, or a label that is no text.

    """
    if not labelled:
        raise InvalidInput(f"{key!r} has nothing to choose from")
    made: dict[str, Choice] = {}
    for number, (option, label, description) in enumerate(labelled, 1):
        if not isinstance(option, str | int) or isinstance(option, bool):
            raise InvalidInput(
                f"{key!r}: the key of choice {number} is a {type(option).__name__}, not str or int"
            )
        if not isinstance(label, str) or not label.strip():
            raise InvalidInput(f"{key!r}: choice {number} needs a label, a text")
        name = str(option)
        if name in made:
            raise InvalidInput(f"{key!r} has two choices with the key {name!r}")
        made[name] = Choice(name, label, number, description)
    return tuple(made.values())


def _length(answer: Answer) -> int:
    """Count the characters that would be recorded."""
    length = len(answer.text)
    if answer.attachment is not None:
        sent = answer.attachment
        length += len(sent.id) + len(sent.url) + len(sent.filename) + len(sent.caption)
        length += len(sent.mime_type)
    if answer.location is not None:
        length += len(answer.location.name) + len(answer.location.address)
    if answer.contact is not None:
        length += len(answer.contact.name) + sum(len(phone) for phone in answer.contact.phones)
    return length


def _is_no_amount(value: object) -> bool:
    """Tell numbers that people can type and nobody means: ``nan``, ``inf``, and integers no JSON reader takes."""
    if isinstance(value, float | Decimal):
        return not math.isfinite(value)
    return isinstance(value, int) and value.bit_length() > _LONGEST_INTEGER
