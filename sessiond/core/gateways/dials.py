"""Dials: which inputs a request of a USSD provider holds.

Three ways of telling it are in use, and only the caller's state can make them one:

- a flag on the first request (Nalo): the gateway reads it;
- nothing (Nsano): a session id that was not seen before is a new session;
- everything typed so far in each request, joined by ``*`` (Africa's Talking and many like it): new is what follows
  the text that was seen.

So the caller keeps, with the person, the last request it answered (``last_request``), and asks ``inputs_of`` what the
next one holds before it runs anything.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from sessiond.core.flows.answers import Answer
from sessiond.core.gateways.arrivals import Heard
from sessiond.core.values import Value

__all__ = [
    "LastRequest",
    "answers_dialled",
    "answers_of",
    "dial_and_answers",
    "inputs_of",
    "last_request",
]

#: What is between two answers.
_JOINED: Final = "*"

#: The platform whose sessions begin with a dial. Programs that ask for somebody (``http``) say what he said at once.
_USSD: Final = "ussd"


class LastRequest(Value, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of the last request of a person's phone: the provider's session, and what was typed in it."""

    PRIVATE = frozenset({"session", "so_far"})

    session: str
    so_far: str = ""


def last_request(heard: Heard) -> LastRequest:
    """Make what to keep when *heard* was answered."""
    return LastRequest(session=heard.facts.request_id, so_far=heard.so_far or "")


def inputs_of(read: Sequence[Heard], last: LastRequest | None) -> tuple[Heard, ...]:
    """Say which inputs a USSD request holds: what the gateway *read*, given the *last* request of the same person.

    Run them all in order; what the last one shows is the answer. None: the request is a repeat; it gets the answer
    that was given, and *last* stays what it is. A new session of USSD begins with an input that ``begins`` and has no
    text; answers that were dialled with it follow, one input each.

    Within a session there is one answer per request, so a ``*`` in it was typed and is kept. Among answers dialled
    at once (``*384*123*1*2#``) it cannot be told from the one between two of them.
    """
    first, *others = read
    return (*_inputs(first, last), *others)


def _inputs(heard: Heard, last: LastRequest | None) -> tuple[Heard, ...]:
    if heard.hangs_up:
        return (heard,)
    seen = None if last is None or last.session != heard.facts.request_id else last.so_far
    if heard.so_far is None:
        is_new = seen is None and not heard.begins and heard.facts.platform == _USSD
        return _first(heard) if is_new else (heard,)
    if seen is None:
        return dial_and_answers(heard, answers_of(heard.so_far))
    if seen.startswith(heard.so_far):
        return ()
    return (_saying(heard, _behind(seen, heard.so_far)),)


def _behind(seen: str, so_far: str) -> str:
    """Give what follows *seen*; where that is not what it begins with, something was lost: the last answer."""
    if not seen:
        return so_far
    if so_far.startswith(seen + _JOINED):
        return so_far[len(seen) + 1 :]
    return so_far.rpartition(_JOINED)[2]


def dial_and_answers(heard: Heard, answers: tuple[str, ...]) -> tuple[Heard, ...]:
    """Make a dial of *heard*, and an input of each of the *answers* dialled with it; each with an id of its own."""
    dial = msgspec.structs.replace(
        heard, begins=True, answer=Answer(), id=f"{heard.id}.dial" if heard.id else ""
    )
    inputs, length = [dial], 0
    for answer in answers:
        length += len(answer) + len(_JOINED)
        one = msgspec.structs.replace(_saying(heard, answer), begins=False, dialled="")
        inputs.append(msgspec.structs.replace(one, id=f"{heard.id}.{length}") if heard.id else one)
    return tuple(inputs)


def answers_of(so_far: str) -> tuple[str, ...]:
    """Take apart what was dialled behind the code: ``1*2``."""
    return tuple(so_far.split(_JOINED)) if so_far else ()


def answers_dialled(dialled: str, service_code: str) -> tuple[str, ...]:
    """Say which answers were dialled with a service code: 1 and 2, for ``*920*44*1*2#`` and ``*920*44#``."""
    stem = service_code.removesuffix("#")
    if not stem or not dialled.startswith(stem + _JOINED):
        return ()
    return answers_of(dialled[len(stem) + 1 :].removesuffix("#"))


def _first(heard: Heard) -> tuple[Heard, ...]:
    """Make a dial of the first request; its text is what was dialled, or else an answer dialled with it."""
    text = heard.answer.text.strip()
    if not text or text.startswith(_JOINED) or text.endswith("#"):
        return dial_and_answers(msgspec.structs.replace(heard, dialled=text or heard.dialled), ())
    return dial_and_answers(heard, (text,))


def _saying(heard: Heard, text: str) -> Heard:
    return msgspec.structs.replace(heard, answer=Answer(text=text))
