"""``Conversation``: what a flow talks to, and all it may await.

Each method that waits for a person or a function takes a *key*, unique in one run of the flow: answers are recorded
under it. Texts, choices and checks may change while people are in the flow; keys and their order are what the
record is compared with (core/flows/record.py).

A conversation whose flow has ended, or was put away, is dead: every call raises ``FlowEvicted``.
"""

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, NoReturn, TypeVar, TypeVarTuple, Unpack, overload

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Attachment, Contact, Location
from sessiond.core.flows.facts import Driver, Facts
from sessiond.core.flows.faults import (
    FlowEvicted,
    FlowFailed,
    FlowLoops,
    RepeatedKey,
)
from sessiond.core.flows.operations import EndFlow, GoBack, Operation, Restart, Run, Say
from sessiond.core.flows.prompts import AttachmentKind, Layout, Media, Option, Retries
from sessiond.core.flows.questions import (
    PLAIN,
    Ask,
    AttachmentQuestion,
    Confirm,
    ContactQuestion,
    Handling,
    LocationQuestion,
    Select,
    choices_of,
)
from sessiond.core.flows.texts import FlowTexts

__all__ = ["Conversation"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
U = TypeVar("U")
K = TypeVar("K", bound="str | int")
_Op = TypeVar("_Op", bound=Operation[Any])

Labels = Mapping[K, str | Option] | Sequence[K]
Check = Callable[[Any], str | bool | None]

MAX_KEY: Final = 128

#: Calls of one conversation that raise an error of its own; a flow that makes more of them swallows them in a loop.
MAX_REFUSED: Final = 100
_RETRIES: Final = Retries()
_IMAGE: Final = (AttachmentKind.IMAGE,)


class Conversation(Facts):
    """One person, one flow."""

    __slots__ = ("_keys", "_open", "_refused")

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        # A tuple: of five keys it takes 80 bytes, a dict 232, a set 728; a thousand are searched in 6 µs.
        self._keys: tuple[str, ...] = ()
        self._open: Operation[Any] | None = None
        self._refused = 0

    # Questions

    @overload
    def ask(self, key: str, text: str, *, check: Check | None = ..., error: str = ...,
            choices: "Labels[Any] | None" = ..., media: Media | None = ...,
            allow_empty: bool = ...) -> Operation[str]: ...  # fmt: skip
    @overload
    def ask(self, key: str, text: str, *, parse: Callable[[str], T], check: Check | None = ...,
            error: str = ..., choices: "Labels[Any] | None" = ..., media: Media | None = ...,
            allow_empty: bool = ..., as_type: Any = ...) -> Operation[T]: ...  # fmt: skip
    @overload
    def ask(self, key: str, text: str, *, transform: Callable[[Any], U],
            parse: Callable[[str], Any] | None = ..., check: Check | None = ..., error: str = ...,
            choices: "Labels[Any] | None" = ..., media: Media | None = ...,
            allow_empty: bool = ..., as_type: Any = ...) -> Operation[U]: ...  # fmt: skip
    def ask(
        self,
        key: str,
        text: str,
        *,
        parse: Callable[[str], Any] | None = None,
        check: Check | None = None,
        transform: Callable[[Any], Any] | None = None,
        error: str = "",
        choices: "Labels[Any] | None" = None,
        media: Media | None = None,
        allow_empty: bool = False,
        as_type: Any = None,
    ) -> Operation[Any]:
        """Ask for text. *parse* makes a value of it, *check* returns what is wrong with that, *transform* changes it.

        *error* is shown when one of them turns the answer down without saying why. With *choices* a tap, title or
        number stands for its key; any other text is taken too. The value is recorded as JSON: *as_type* (or *parse*,
        when that is a class, such as ``Decimal``) is the type to bring it back as.
        """
        if as_type is None and transform is None and isinstance(parse, type):
            as_type = parse if parse not in {str, int, float, bool} else None
        handling = _handling(parse, check, transform, error, as_type)
        shown = () if choices is None else choices_of(key, _labelled(choices))
        question: Ask[Any] = Ask(
            key, text, allow_empty=allow_empty, handling=handling, choices=shown, media=media
        )
        return self._opened(question, text)

    @overload
    def select(self, key: str, text: str, options: Mapping[K, str | Option] | Sequence[K], *,
               error: str = ..., check: Check | None = ..., media: Media | None = ...,
               layout: Layout = ...) -> Operation[K]: ...  # fmt: skip
    @overload
    def select(self, key: str, text: str, options: Mapping[K, str | Option] | Sequence[K], *,
               transform: Callable[[K], U], error: str = ..., check: Check | None = ...,
               media: Media | None = ..., layout: Layout = ...,
               as_type: Any = ...) -> Operation[U]: ...  # fmt: skip
    def select(
        self,
        key: str,
        text: str,
        options: "Labels[Any]",
        *,
        check: Check | None = None,
        transform: Callable[[Any], Any] | None = None,
        error: str = "",
        media: Media | None = None,
        layout: Layout = Layout.AUTO,
        as_type: Any = None,
    ) -> Operation[Any]:
        """Ask for one of *options*: a map of keys to labels, or a list of items that are their own labels.

        Number, title, key and tap are taken alike. The value is the key, or the item; str, int or an enum of those.
        """
        labelled = _labelled(options)
        shown = choices_of(key, labelled)
        if as_type is None and transform is None and isinstance(labelled[0][0], Enum):
            as_type = type(labelled[0][0])
        handling = _handling(None, check, transform, error, as_type)
        values = [value for value, _, _ in labelled]
        question: Select[Any] = Select(
            key, text, values=values, handling=handling, choices=shown, media=media, layout=layout
        )
        return self._opened(question, text)

    def confirm(
        self,
        key: str,
        text: str,
        *,
        yes: str = "",
        no: str = "",
        error: str = "",
        media: Media | None = None,
    ) -> Operation[bool]:
        """Ask for yes or no; *yes* and *no* are other labels than the flow's."""
        texts = FlowTexts() if self._driver is None else self._driver.texts
        shown = choices_of(key, (("yes", yes or texts.yes, ""), ("no", no or texts.no, "")))
        handling = Handling(error=error) if error else PLAIN
        return self._opened(Confirm(key, text, handling=handling, choices=shown, media=media), text)

    def attachment(
        self,
        key: str,
        text: str,
        kinds: Sequence[AttachmentKind | str] = _IMAGE,
        *,
        check: Check | None = None,
        error: str = "",
        media: Media | None = None,
    ) -> Operation[Attachment]:
        """Ask for media of one of *kinds*: image, document, audio, video, sticker."""
        wanted = tuple(AttachmentKind(kind) for kind in kinds)
        handling = Handling(check=check, error=error)
        question = AttachmentQuestion(key, text, kinds=wanted, handling=handling, media=media)
        return self._opened(question, text)

    def location(
        self, key: str, text: str, *, check: Check | None = None, error: str = ""
    ) -> Operation[Location]:
        """Ask for a place."""
        handling = Handling(check=check, error=error)
        return self._opened(LocationQuestion(key, text, handling=handling), text)

    def contact(
        self, key: str, text: str, *, check: Check | None = None, error: str = ""
    ) -> Operation[Contact]:
        """Ask for a visiting card."""
        handling = Handling(check=check, error=error)
        return self._opened(ContactQuestion(key, text, handling=handling), text)

    # Everything else

    def say(self, text: str, *, media: Media | None = None) -> Operation[None]:
        """Show *text* and go on."""
        return self._opened(Say(text, media), text)

    @overload
    def run(self, key: str, function: Callable[[Unpack[Ts]], Awaitable[T]], *args: *Ts,
            retries: Retries = ..., as_type: Any = ...) -> Operation[T]: ...  # fmt: skip
    @overload
    def run(self, key: str, function: Callable[[Unpack[Ts]], T], *args: *Ts,
            retries: Retries = ..., as_type: Any = ...) -> Operation[T]: ...  # fmt: skip
    def run(
        self,
        key: str,
        function: Callable[[Unpack[Ts]], Any],
        *args: *Ts,
        retries: Retries = _RETRIES,
        as_type: Any = None,
    ) -> Operation[Any]:
        """Call ``function(*args)`` outside the flow and wait for its result, which survives restarts.

        The turn is made durable first. At least once: pass ``c.run_id`` along as idempotency key. The result is
        recorded as JSON, *as_type* brings it back.

        Raises, when awaited:
          RunFailed: it failed after all its attempts.

        """
        if not callable(function):
            raise InvalidInput(f"what {key!r} runs is a {type(function).__name__}, not a function")
        return self._opened(Run(key, function, args, retries, as_type), "")

    def go_back(self, to: str | None = None) -> Operation[bool]:
        """Forget the answers from the question *to* on, and ask it again; by default the one before the last answered.

        What was ``run`` since then is forgotten too and will run again, under a new ``run_id``. ``False``: there is
        no such question, and the flow goes on.
        """
        return self._opened(GoBack(to), "")

    def restart(self) -> Operation[NoReturn]:
        """Forget every answer and begin again."""
        return self._opened(Restart(), "")

    def end(self) -> Operation[NoReturn]:
        """End the conversation here; what was said before is what remains on the screen."""
        return self._opened(EndFlow(), "")

    # The engine's side

    def _opened(self, operation: _Op, text: str) -> _Op:
        """Note that *operation* was made, and on which line; refuse what can be seen to be wrong by now."""
        caller = sys._getframe(2)  # noqa: SLF001 -- the line that forgot to await has no other witness
        operation.made_at(caller.f_code, caller.f_lasti)
        try:
            self._check(operation, text)
        except (FlowFailed, FlowEvicted, InvalidInput):
            self._refused += 1
            if self._refused <= MAX_REFUSED:
                raise
            # It swallows what it is told and tries again, which would never end: it ends at its next await.
            if self._driver is not None:
                self._driver.troubled(
                    FlowLoops(f"the flow went on after {MAX_REFUSED} errors", where=operation.where)
                )
            return operation
        self._open = operation
        return operation

    def _check(self, operation: Operation[Any], text: object) -> None:
        self._alive()
        if self._open is not None:
            raise self._open.forgotten()
        if not isinstance(text, str):
            raise InvalidInput(f"a text is needed, not a {type(text).__name__}")
        if operation.is_named:
            self._claim(operation)

    def _claim(self, operation: Operation[Any]) -> None:
        key: Any = operation.key
        if not isinstance(key, str) or not 0 < len(key) <= MAX_KEY:
            raise InvalidInput(f"a key is a text of 1 to {MAX_KEY} characters")
        if key in self._keys:
            raise RepeatedKey(f"the key {key!r} is used twice in one run", where=operation.where)
        self._keys += (key,)

    def handed_over(self, operation: object) -> Operation[Any] | None:
        """Tell the engine which operation a yield was, and forget it; ``None``: it was none of ours.

        Raises:
          ForgottenAwait: another one was made and not awaited.

        """
        opened, self._open = self._open, None
        if opened is operation:
            return opened
        if opened is not None:
            raise opened.forgotten()
        return None


def _handling(
    parse: Callable[[str], Any] | None,
    check: Check | None,
    transform: Callable[[Any], Any] | None,
    error: str,
    as_type: Any,
) -> Handling:
    """Make a question's handling; most ask for nothing, and share one (104 bytes of every waiting flow)."""
    if parse is None and check is None and transform is None and not error and as_type is None:
        return PLAIN
    return Handling(parse, check, transform, error, as_type)


def _labelled(options: "Labels[Any]") -> list[tuple[Any, Any, str]]:
    if isinstance(options, Mapping):
        return [
            (value, label.label, label.description)
            if isinstance(label, Option)
            else (value, label, "")
            for value, label in options.items()
        ]
    if isinstance(options, str):
        raise InvalidInput("choices are a map or a list, not a text")
    return [(item, str(item), "") for item in options]
