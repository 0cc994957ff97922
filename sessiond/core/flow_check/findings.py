"""Findings: what ``sessiond flow check`` can say, and about which line.

``RULES`` is the whole list, with the reasons; docs/howto/check-flows.md shows it. Codes are stable: people write them
behind ``# flow: allow``.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from attrs import frozen

__all__ = ["RULES", "Finding", "Rule", "Severity"]


class Severity(StrEnum):
    """Whether the flow fails for certain, or people will be less happy than they could be."""

    ERROR = "error"
    WARNING = "warning"


@frozen
class Rule:
    """One kind of finding: what is wrong with it, and what would be right."""

    severity: Severity
    wrong: str
    right: str


_E, _W = Severity.ERROR, Severity.WARNING

RULES: Final[Mapping[str, Rule]] = {
    "repeated-key": Rule(
        _E,
        "A key is used twice in one run of a flow: the second question fails. A warning where only some ways lead "
        "through both.",
        'Give each question its own key; in a loop, put what changes into it: `f"name-{number}"`. To ask the same '
        'question again, go back to it: `await c.go_back("name")`.',
    ),
    "unreachable": Rule(
        _W,
        "A question that nobody will ever see: it stands after a `return`, a `raise`, `c.end`, `c.restart` or a "
        "`while True` without `break`.",
        "Take it out, or move it before.",
    ),
    "forgotten-await": Rule(
        _E,
        "What a conversation's method returns is not awaited: the question is never asked, and the flow fails.",
        "Write `await` before the call, where the call is made.",
    ),
    "foreign-await": Rule(
        _E,
        "A flow awaits something else than its conversation. It is not a task: sleeping, locks, requests and "
        "nurseries fail in it.",
        'Put it into a function and call that with `await c.run("key", function)`. What is given the conversation '
        "may be awaited.",
    ),
    "finally-around-question": Rule(
        _W,
        "A `finally` around a question runs whenever the flow is put away, which may be long before anybody answers, "
        "and again after the flow was rebuilt.",
        "Do it after the question, in `c.run`.",
    ),
    "swallows-eviction": Rule(
        _W,
        "A bare `except` or an `except BaseException` around a question catches that the flow is put away, and "
        "changed code too.",
        "Catch what can really happen: `except RunFailed`, at most `except Exception`.",
    ),
    "cut-label": Rule(
        _W,
        "A label is longer than a platform shows: on WhatsApp 20 characters on a button, 24 in a list, 72 in a "
        "description.",
        "Shorten it, and put the rest into the description or the question.",
    ),
    "too-many-choices": Rule(
        _W,
        "More choices than a platform shows as such: on WhatsApp 3 buttons, 10 rows in a list.",
        "Ask in two questions, or let people type.",
    ),
    "ussd-page": Rule(
        _W,
        "A text with its numbered choices is longer than one USSD page: people must turn pages. A page has as many "
        "characters as the gateway says, less than half of them with letters outside of the GSM alphabet.",
        "Shorten it, or ask in two questions.",
    ),
    "no-choices": Rule(
        _E,
        "A question to choose from has nothing to choose from: it fails when it is asked.",
        "Name its choices, or ask for text.",
    ),
    "unanswerable-step": Rule(
        _E,
        "A BUTTON step called `confirm` takes the button `confirm_action` and nothing else, and does not show it.",
        "Give it a button with the id `confirm_action`, or call the step something else.",
    ),
    "missing-translation": Rule(
        _W,
        "A sentence is missing in a language that the flow's translations have: people read two languages at once.",
        "Translate it in each catalogue.",
    ),
    "wrong-placeholder": Rule(
        _W,
        "A translation fills in a value that its sentence does not have: the sentence is shown untranslated.",
        "Use the names of the sentence: `{name}` stays `{name}` in every language.",
    ),
    "start-clash": Rule(
        _E,
        "Two flows are started by the same word or pattern, or a pattern cannot be used: the server does not start.",
        "Give one of them another word, or another platform or gateway.",
    ),
    "never-started": Rule(
        _W,
        "No word, pattern or route starts the flow. It begins by its name only: `flow:start`, `session.start_flow`.",
        "Say `starts_on=[…]`, or `takes_everything=True`, or take the flow out.",
    ),
    "no-source": Rule(
        _W,
        "The flow's source cannot be read, so nothing is known of it.",
        "Define it in a file, as a function.",
    ),
    "unknown-allow": Rule(
        _W,
        "`# flow: allow` names a code that does not exist, so it allows nothing.",
        "Use one of the codes of this table.",
    ),
}


@frozen
class Finding:
    """One problem of *flow* (empty: of the app), on one line."""

    file: str
    line: int
    code: str
    message: str
    """What is wrong, and what would be right."""
    severity: Severity
    flow: str = ""

    @property
    def identity(self) -> tuple[str, int, str, str]:
        """What makes two findings the same one: flows share functions, and the sentences of their app."""
        everywhere = self.code == "missing-translation" and "FlowTexts" in self.message
        place = ("", 0) if everywhere else (self.file, self.line)
        return (*place, self.code, self.message)

    def describe(self) -> str:
        """Say it on one line."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.severity}: {self.message} [{self.code}]"
