"""Flows as their authors define them, and what the engine needs from outside."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from functools import partial
from typing import Any

from attrs import Factory, field, frozen

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.faults import FlowGone
from sessiond.core.flows.questions import Rules
from sessiond.core.flows.texts import FlowTexts
from sessiond.core.flows.translations import NO_TRANSLATIONS, Translations
from sessiond.core.ports import Clock, Entropy

__all__ = ["Busy", "Flow", "FlowLimits", "Host", "OnMismatch", "find_flow"]


class Busy(StrEnum):
    """What happens to what a person says while the flow waits for ``c.run``."""

    SAY = "say"
    """It is not taken: the person reads ``FlowTexts.busy``."""
    IGNORE = "ignore"
    """It is not taken, and nothing is said."""
    QUEUE = "queue"
    """It waits, and answers the next question."""


class OnMismatch(StrEnum):
    """What happens to a conversation whose record no longer fits the flow's code."""

    RESTART = "restart"
    """Begin anew, and say so."""
    CONTINUE = "continue"
    """Keep every answer whose question still exists, wherever it stands now, and ask only what is new."""
    FAIL = "fail"
    """Fail the turn and keep the record: somebody brings the old code back."""


@frozen(kw_only=True)
class FlowLimits:
    """Bounds of one conversation."""

    steps_per_turn: int = 100
    """Questions, runs, sayings, times and detours that are new in one turn."""
    turns_without_person: int = 500
    """Turns made of results of ``run`` alone."""
    text_characters: int = 4096
    """Longer answers are turned down (WhatsApp's own limit)."""


@frozen(kw_only=True)
class Flow:
    """One flow: *function* takes the conversation and awaits nothing else."""

    name: str
    function: Callable[[Conversation], Coroutine[Any, Any, object]]
    formerly: tuple[str, ...] = ()
    """Names under which older records know it."""
    on_mismatch: OnMismatch = OnMismatch.RESTART
    on_expire: str | Callable[[Mapping[str, object]], str | None] | None = None
    """What is said when the conversation expires; a function is given the answers by key."""
    busy: Busy = Busy.SAY
    """What an input during ``c.run`` does; see ``Busy``."""
    question_after_error: bool = True
    """Whether a question is shown again below the error, or the error alone."""
    texts: FlowTexts = Factory(FlowTexts)
    limits: FlowLimits = Factory(FlowLimits)
    translations: Translations = NO_TRANSLATIONS
    """The sentences of the code and of *texts* in other languages."""
    steps: tuple[Any, ...] = field(default=(), repr=False, eq=False)
    """The step list that *function* plays, where it is one (steps.py); *complete* comes after it."""
    complete: Callable[..., Any] | None = field(default=None, repr=False, eq=False)
    made_at: str = field(default="", repr=False, eq=False)
    """File and line of the step list."""
    _rules: dict[str, Rules] = field(init=False, repr=False, eq=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot be a flow.

        Raises:
          InvalidInput: no name, no function, or a policy that is none.

        """
        if not self.name:
            raise InvalidInput("a flow needs a name")
        if not callable(self.function):
            raise InvalidInput(f"the function of flow {self.name!r} cannot be called")
        for policy, known in ((self.on_mismatch, OnMismatch), (self.busy, Busy)):
            if policy not in list(known):
                raise InvalidInput(f"flow {self.name!r}: {policy!r} is none of {', '.join(known)}")

    def rules_in(self, language: str) -> Rules:
        """Give what holds for every question, with the sentences in *language* (a tag; empty: the default)."""
        nearest = self.translations.nearest(language)
        rules = self._rules.get(nearest)
        if rules is None:
            texts = self.texts.translated(partial(self.translations.text, nearest))
            rules = self._rules[nearest] = Rules(texts, self.limits.text_characters)
        return rules

    def texts_in(self, language: str) -> FlowTexts:
        """Give the sentences in *language* (a tag, such as ``Record.speaks``; empty: the default)."""
        return self.rules_in(language).texts

    @property
    def module(self) -> str:
        """The module whose lines are named when the flow fails."""
        return str(getattr(self.function, "__module__", ""))


@frozen
class Host:
    """The world outside a flow: time, randomness, and the guard that is held while a flow is driven."""

    clock: Clock
    entropy: Entropy
    driving: Callable[[], AbstractContextManager[object]] = nullcontext


def find_flow(flows: Iterable[Flow], name: str) -> Flow:
    """Find the flow that a record names, also by a name it had.

    Raises:
      FlowGone: there is none.

    """
    known = tuple(flows)
    for flow in known:
        if flow.name == name:
            return flow
    for flow in known:
        if name in flow.formerly:
            return flow
    raise FlowGone(f"there is no flow {name!r}; a renamed flow says formerly=({name!r},)")
