"""Routing: what an input does before any flow has seen it.

``RouteTable.decide`` asks these questions in this order; the first yes decides:

====  =============================================================  ==========================================
 no.  question                                                       decision
====  =============================================================  ==========================================
  1   a flow runs, and its question takes this very word             ``Continue``
  2   a flow runs, and a route that interrupts has this word; or it  ``Start`` that flow, ending the running one
      is in the app no more, and any route's word or pattern fits
  3   a flow runs, and it is a reset word                            ``Start`` as 6 to 8 say, else ``Say`` that it ended
  4   a flow runs (and it is no greeting, or greetings do not reset) ``Continue``
  5   the end of the last flow is closed                             ``Say`` the closing text
  6   a route has this word; a route's pattern matches               ``Start`` that flow
  7   a flow has ended, the word is no greeting or reset word        as ``after_end`` says
  8   a route takes everything                                       ``Start`` that flow
  9   there is a text for everything else                            ``Say`` it
 10   otherwise                                                      ``Ignore``
====  =============================================================  ==========================================

A greeting or reset word that is not the word of any route so starts the flow that takes everything. Among routes the
narrower scope wins: gateway before platform before everywhere. Two routes of the same scope with the same word are
refused when the table is made; of two patterns that match, the one that was registered first wins, because whether
two patterns can match the same text is not decided here.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import combinations
from types import MappingProxyType
from typing import Final

from attrs import field, frozen

from sessiond.core.conversations.patterns import MAX_TEXT, compile_pattern
from sessiond.core.conversations.words import GREETINGS, RESET_WORDS, normal_word
from sessiond.core.errors import InvalidInput
from sessiond.core.structuring import nearest
from sessiond.core.values import Value

__all__ = [
    "Continue",
    "Decision",
    "Ignore",
    "Route",
    "RouteTable",
    "RoutedInput",
    "RoutingSettings",
    "Say",
    "Start",
]

_AFTER_END: Final = ("route", "restart", "text", "closed")


def _texts(value: Iterable[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        raise InvalidInput("words, patterns, platforms and gateways are lists, not one text")
    return tuple(value)


@frozen(kw_only=True)
class Route:
    """What starts *flow*: these words, these patterns (of the whole text), or every input; on these ways only.

    Raises:
      InvalidInput: nothing starts the flow, a word is empty, a pattern cannot be used.

    """

    flow: str
    words: tuple[str, ...] = field(default=(), converter=_texts)
    patterns: tuple[str, ...] = field(default=(), converter=_texts)
    takes_everything: bool = False
    """The flow for whatever nothing else claims, when no flow runs."""
    platforms: tuple[str, ...] = field(default=(), converter=_texts)
    """Empty: all."""
    gateways: tuple[str, ...] = field(default=(), converter=_texts)
    """Empty: all."""
    interrupts: bool = False
    """Its words start the flow while another one runs, too."""

    def __attrs_post_init__(self) -> None:
        if not (self.words or self.patterns or self.takes_everything):
            raise InvalidInput(f'nothing starts the flow "{self.flow}"')
        for word in self.words:
            if not normal_word(word):
                raise InvalidInput(f'a start word of the flow "{self.flow}" is empty or too long')


@frozen(kw_only=True)
class RoutingSettings:
    """The words that are no answers, and what happens to inputs that nothing claims.

    Raises:
      InvalidInput: an unknown policy, or a policy without its text.

    """

    greetings: Mapping[str, tuple[str, ...]] = field(default=GREETINGS)
    """By language. They start the flow that takes everything, unless a route has them."""
    reset_words: Mapping[str, tuple[str, ...]] = field(default=RESET_WORDS)
    """By language. They end the running flow, and then do as greetings do."""
    greetings_reset: bool = field(default=False)
    """Whether a greeting ends the running flow as well; else it is an answer like any other."""
    reset_text: str = field(default="Cancelled.")
    """What is said when a reset word ended a flow and starts none."""
    after_end: str = field(default="route")
    """What an input does after the end of a flow.

    ``route``: as if none had been. ``restart``: that flow begins again. ``text``: the closing text, until a word or
    pattern starts something. ``closed``: the closing text, whatever is said.
    """
    ended_text: str = field(default="")
    """The closing text."""
    unclaimed_text: str = field(default="")
    """What is said to inputs that start nothing; empty: they are ignored."""
    unclaimed_texts: Mapping[str, str] = field(factory=dict)
    """The same for one gateway or platform, by its name."""
    opener_answers: tuple[str, ...] = field(default=("ussd",))
    """Platforms where the text that starts a flow answers its first question; elsewhere it only starts it."""

    @after_end.validator
    def _check_after_end(self, _: object, value: str) -> None:
        if value not in _AFTER_END:
            raise InvalidInput(
                f"unknown policy {value!r} (known: {', '.join(_AFTER_END)}){nearest(value, _AFTER_END)}"
            )

    def __attrs_post_init__(self) -> None:
        if self.after_end in {"text", "closed"} and not self.ended_text:
            raise InvalidInput(f'after_end = "{self.after_end}" needs an ended_text')

    def unclaimed(self, gateway: str, platform: str) -> str:
        """Tell what is said to an input that starts nothing."""
        texts = self.unclaimed_texts
        return texts.get(gateway, texts.get(platform, self.unclaimed_text))


class RoutedInput(Value, frozen=True, kw_only=True, gc=True):
    """An input as routing sees it. *running* and *ended* name flows; *accepted* are words the question shown takes."""

    PRIVATE = frozenset({"text"})

    text: str
    platform: str
    gateway: str
    has_attachment: bool = False
    """Or a location, or a contact."""
    running: str | None = None
    is_gone: bool = False
    """Whether the running flow is in the app no more."""
    ended: str | None = None
    """The flow whose end was the last thing that happened, while no flow runs."""
    accepted: Callable[[], Collection[str]] = tuple
    """Lists the words that the question shown takes; asked only when the word means something else as well."""


class Continue(Value, frozen=True):
    """The running flow gets the input."""


class Start(Value, frozen=True):
    """A flow begins. The running one, if any, ends before (*resets*)."""

    PRIVATE = frozenset({"groups"})

    flow: str
    resets: bool = False
    answers: bool = False
    """Whether the input also answers the first question: an attachment, or an opener where openers do."""
    groups: Mapping[str, str] = MappingProxyType({})
    """What the named groups of the pattern matched."""


class Say(Value, frozen=True):
    """No flow begins; the person is told *text*. The running flow, if any, ends (*resets*)."""

    text: str
    resets: bool = False


class Ignore(Value, frozen=True):
    """Nothing happens."""


Decision = Continue | Start | Say | Ignore


@frozen
class _Claim:
    route: Route
    pattern: re.Pattern[str] | None = None

    @property
    def narrowness(self) -> tuple[bool, bool]:
        return bool(self.route.gateways), bool(self.route.platforms)

    def covers(self, seen: RoutedInput) -> bool:
        route = self.route
        return (not route.platforms or seen.platform in route.platforms) and (
            not route.gateways or seen.gateway in route.gateways
        )

    def overlaps(self, other: "_Claim") -> bool:
        pairs = (
            (self.route.platforms, other.route.platforms),
            (self.route.gateways, other.route.gateways),
        )
        return all(not one or not two or set(one) & set(two) for one, two in pairs)


class RouteTable:
    """All routes of an app.

    Raises:
      InvalidInput: two flows claim the same; every such pair is named.

    """

    __slots__ = ("_everything", "_greetings", "_patterns", "_resets", "_settings", "_words")

    def __init__(
        self, routes: Iterable[Route], settings: RoutingSettings = RoutingSettings()
    ) -> None:
        self._settings = settings
        self._greetings = _all_words(settings.greetings)
        self._resets = _all_words(settings.reset_words)
        words: dict[str, list[_Claim]] = {}
        patterns: dict[str, list[_Claim]] = {}
        everything: list[_Claim] = []
        for route in routes:
            for word in dict.fromkeys(map(normal_word, route.words)):
                words.setdefault(word, []).append(_Claim(route))
            for source in dict.fromkeys(route.patterns):
                claim = _Claim(route, compile_pattern(source))
                patterns.setdefault(source, []).append(claim)
            if route.takes_everything:
                everything.append(_Claim(route))
        _refuse_ambiguity(words, patterns, everything)
        self._words = {word: _narrowest_first(claims) for word, claims in words.items()}
        self._patterns = _narrowest_first(c for claims in patterns.values() for c in claims)
        self._everything = _narrowest_first(everything)

    def decide(self, seen: RoutedInput) -> Decision:
        """Decide what *seen* does; the table in the module's docstring says how."""
        word = normal_word(seen.text)
        if seen.running is None:
            return self._begin(seen, word, resets=False)
        if seen.is_gone and (named := self._named(seen, word, resets=True)) is not None:
            return named
        route = self._by_word(seen, word)
        interrupts = route is not None and route.interrupts
        resets = word in self._resets or (
            self._settings.greetings_reset and word in self._greetings
        )
        if not (interrupts or resets) or word in map(normal_word, seen.accepted()):
            return Continue()
        if route is not None and interrupts:
            return self._start(route, seen, resets=True, answers=False)
        begun = self._begin(seen, word, resets=True)
        return begun if isinstance(begun, Start) else Say(self._settings.reset_text, resets=True)

    def greets(self, text: str) -> bool:
        """Tell whether *text* is a greeting."""
        return normal_word(text) in self._greetings

    def _begin(self, seen: RoutedInput, word: str, *, resets: bool) -> Decision:
        if seen.ended is not None and self._settings.after_end == "closed":
            return Say(self._settings.ended_text)
        named = self._named(seen, word, resets=resets)
        if named is not None:
            return named
        commands = word in self._greetings or word in self._resets
        if seen.ended is not None and not commands and self._settings.after_end != "route":
            if self._settings.after_end == "text":
                return Say(self._settings.ended_text)
            return Start(seen.ended, resets, self._answers(seen) or seen.has_attachment)
        for claim in self._everything:
            if claim.covers(seen):
                answers = not commands and self._answers(seen)
                return self._start(claim.route, seen, resets=resets, answers=answers)
        text = self._settings.unclaimed(seen.gateway, seen.platform)
        return Say(text) if text else Ignore()

    def _named(self, seen: RoutedInput, word: str, *, resets: bool) -> Start | None:
        route = self._by_word(seen, word)
        if route is not None:
            return self._start(route, seen, resets=resets, answers=False)
        for claim in self._patterns:
            found = _match(claim, seen)
            if found is not None:
                groups = {
                    name: text for name, text in found.groupdict().items() if text is not None
                }
                return self._start(claim.route, seen, resets=resets, answers=False, groups=groups)
        return None

    def _by_word(self, seen: RoutedInput, word: str) -> Route | None:
        claims = self._words.get(word, ())
        return next((claim.route for claim in claims if claim.covers(seen)), None)

    def _answers(self, seen: RoutedInput) -> bool:
        return seen.platform in self._settings.opener_answers and bool(seen.text.strip())

    @staticmethod
    def _start(
        route: Route,
        seen: RoutedInput,
        *,
        resets: bool,
        answers: bool,
        groups: Mapping[str, str] = MappingProxyType({}),
    ) -> Start:
        return Start(route.flow, resets, answers or seen.has_attachment, groups)


def _match(claim: _Claim, seen: RoutedInput) -> re.Match[str] | None:
    if claim.pattern is None or len(seen.text) > MAX_TEXT or not claim.covers(seen):
        return None
    return claim.pattern.fullmatch(" ".join(seen.text.split()))


def _all_words(by_language: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    return frozenset(normal_word(word) for words in by_language.values() for word in words) - {""}


def _narrowest_first(claims: Iterable[_Claim]) -> tuple[_Claim, ...]:
    return tuple(sorted(claims, key=lambda claim: claim.narrowness, reverse=True))


def _refuse_ambiguity(
    words: Mapping[str, list[_Claim]],
    patterns: Mapping[str, list[_Claim]],
    everything: list[_Claim],
) -> None:
    named = [
        *((f'the word "{word}"', claims) for word, claims in words.items()),
        *((f"the pattern {source!r}", claims) for source, claims in patterns.items()),
        ("every input", everything),
    ]
    problems = [problem for what, claims in named for problem in _ambiguous(what, claims)]
    if problems:
        raise InvalidInput("; ".join(problems))


def _ambiguous(what: str, claims: Iterable[_Claim]) -> Iterator[str]:
    for one, two in combinations(claims, 2):
        if (
            one.route.flow != two.route.flow
            and one.narrowness == two.narrowness
            and one.overlaps(two)
        ):
            yield f'{what} starts both "{one.route.flow}" and "{two.route.flow}"'
