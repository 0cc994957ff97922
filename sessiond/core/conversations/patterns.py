"""Regular expressions that cannot hang the server, whatever is sent to them.

Python's ``re`` backtracks: ``(a+)+b`` tries 2^n ways to split n letters. So a pattern is accepted only when the
number of ways it can match any text of at most 256 characters is small (100 000: 5 ms at worst, measured), and longer
texts are not looked at. The number is counted from the parsed pattern, as if every choice were free of every other:
an upper bound. That allows two unbounded parts of one kind each (``send (.+) to (.+)``), bounded ones and
alternatives in moderation, and refuses repeated alternatives, nested repetitions, references back and looking around.

Here and not RE2 or another engine of linear time: a dependency with a compiler for some start words.
``re._parser`` is where Python keeps its parser (3.11 to 3.14); tests name what must be accepted and refused.
"""

import re
from importlib import import_module
from typing import Any, Final

from sessiond.core.errors import InvalidInput

__all__ = ["MAX_PATTERN", "MAX_TEXT", "compile_pattern"]

#: Characters of a pattern.
MAX_PATTERN: Final = 200

#: Characters of a text that a pattern is tried on.
MAX_TEXT: Final = 256

_MAX_WAYS: Final = 100_000

_parser: Final[Any] = import_module("re._parser")

_REPEATS: Final = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})
_ONE_WAY: Final = frozenset(
    {"LITERAL", "NOT_LITERAL", "ANY", "IN", "AT", "CATEGORY", "RANGE", "FAILURE"}
)


def compile_pattern(source: str) -> re.Pattern[str]:
    """Compile a pattern that is safe to try on texts of at most ``MAX_TEXT`` characters; letter case is ignored.

    Raises:
      InvalidInput: it is no regular expression, longer than ``MAX_PATTERN``, or could take too long.

    """
    if not 0 < len(source) <= MAX_PATTERN:
        raise InvalidInput(f"a pattern has 1 to {MAX_PATTERN} characters")
    try:
        ways = _ways(_parser.parse(source, re.IGNORECASE))
        compiled = re.compile(source, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidInput(f"{source!r} is no regular expression: {error}") from None
    except _Unbounded as error:
        raise InvalidInput(f"the pattern {source!r} {error}") from None
    if ways > _MAX_WAYS:
        raise InvalidInput(
            f"the pattern {source!r} can match in too many ways, and so take too long: "
            "at most two unbounded repetitions, none inside another, none of alternatives"
        )
    return compiled


class _Unbounded(Exception):
    """A construct whose ways are not counted here."""


def _ways(sequence: Any) -> int:
    ways = 1
    for op, argument in sequence:
        ways = min(ways * _ways_of(str(op), argument), _MAX_WAYS + 1)
    return ways


def _ways_of(op: str, argument: Any) -> int:
    if op in _ONE_WAY:
        return 1
    if op == "BRANCH":
        return sum(_ways(branch) for branch in argument[1])
    if op == "SUBPATTERN":
        return _ways(argument[3])
    if op == "ATOMIC_GROUP":
        return _ways(argument)
    if op in _REPEATS:
        return _ways_repeated(*argument)
    raise _Unbounded("looks around or back, which is not supported")


def _ways_repeated(least: int, most: int, part: Any) -> int:
    """Add up the ways of each number of repetitions that a text has room for."""
    once = _ways(part)
    most = min(int(most), MAX_TEXT)
    least = min(int(least), most)
    if once == 1:
        return most - least + 1
    ways = 0
    for times in range(least, most + 1):
        ways += once**times
        if ways > _MAX_WAYS:
            break
    return ways
