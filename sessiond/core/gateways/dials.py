"""Dials: which inputs a request of a USSD provider holds.

Three ways of telling it are in use, and only the caller's state can make them one:

- a flag on the first request (Nalo): the gateway reads it;
- nothing (Nsano): a session id that was not seen before is a new session;
- everything typed so far in each request, joined by ``*`` (Africa's Talking and many like it): new is what follows
  the text that was seen.

So the caller keeps, with the person, the last request it answered (``last_request``), and asks ``inputs_of`` what the
next one holds before it runs anything.

A provider that saw no answer in time sends the request again. What can be known as a repeat is one: the first request
of a session (it says so; or what was dialled, or nothing, is there a second time), everything in a session that we
have ended or the phone has left, a text that has not grown. What a person typed between those, where each request holds
that alone, is not: two answers may be the same, and nobody numbers them.
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

#: An id that comes again later than this is that of another session: no network keeps one open for so long.
_SESSION_SECONDS: Final = 3600.0

#: Nobody repeats a request later than this. Where ids are those of phones, a new dial has the old one's id.
_REPEAT_SECONDS: Final = 120.0


class LastRequest(Value, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of the last request of a person's phone: the provider's session, and what was typed in it."""

    PRIVATE = frozenset({"session", "so_far", "opened", "left"})

    session: str
    so_far: str = ""
    opened: str = ""
    """The text of the session's first request."""
    is_first: bool = False
    """It is the first one."""
    left: str = ""
    """The session before it, which the phone has left for it."""
    at: float = 0.0
    """When it was answered, in seconds since the Unix epoch; 0: by a version that did not write it down."""

    def is_recent(self, now: float) -> bool:
        """Tell whether it may be repeated at *now*."""
        return bool(self.at) and now - self.at <= _REPEAT_SECONDS

    def is_of(self, session: str, now: float) -> bool:
        """Tell whether a request of *session* that comes at *now* belongs to the same session."""
        return session == self.session and (not self.at or now - self.at <= _SESSION_SECONDS)

    def was_left(self, session: str, now: float) -> bool:
        """Tell whether a request of *session* at *now* is of the one before; a gateway without ids has none."""
        return bool(self.left) and session == self.left and self.is_recent(now)


def last_request(
    heard: Heard,
    before: LastRequest | None = None,
    *,
    begins: bool = True,
    now: float = 0.0,
) -> LastRequest:
    """Make what to keep when *heard* was answered at *now*; *before* is what was kept until then.

    *begins*: it was found to be a dial.
    """
    session, left = heard.facts.request_id, ""
    opened = _text_of(heard) if begins or before is None else before.opened
    if before is not None:
        left = before.left if before.session == session else before.session
    return LastRequest(
        session=session,
        so_far=heard.so_far or "",
        opened=opened,
        is_first=begins,
        left=left,
        at=now,
    )


def inputs_of(
    read: Sequence[Heard], last: LastRequest | None, now: float = 0.0, *, ended: bool = False
) -> tuple[Heard, ...]:
    """Say which inputs a USSD request holds: what the gateway *read* at *now*, given the *last* one of the same phone.

    *ended*: we have ended the provider's session with the answer to that.

    Run them all in order; what the last one shows is the answer. None: the request is a repeat; it gets the answer
    that was given, and *last* stays what it is. A new session of USSD begins with an input that ``begins`` and has no
    text; answers that were dialled with it follow, one input each.

    Within a session there is one answer per request, so a ``*`` in it was typed and is kept. Among answers dialled
    at once (``*384*123*1*2#``) it cannot be told from the one between two of them.
    """
    first, *others = read
    inputs = _inputs(first, last, now, ended=ended)
    return (*inputs, *others) if inputs else ()


def _inputs(
    heard: Heard, last: LastRequest | None, now: float, *, ended: bool
) -> tuple[Heard, ...]:
    if heard.hangs_up or heard.facts.platform != _USSD:
        return (heard,)
    if last is not None and last.was_left(heard.facts.request_id, now):
        return ()  # overtaken by another dial: the phone is at the screen of that one
    same = last if last is not None and last.is_of(heard.facts.request_id, now) else None
    if same is not None:
        if _is_repeat(heard, same, now, ended=ended):
            return ()
        if ended:  # ids that come again soon are those of phones
            same = None
    if heard.so_far is None:
        return (heard,) if heard.begins or same is not None else _first(heard)
    if same is None:
        return dial_and_answers(heard, answers_of(heard.so_far))
    return (_saying(heard, _behind(same.so_far, heard.so_far)),)


def _is_repeat(heard: Heard, same: LastRequest, now: float, *, ended: bool) -> bool:
    """Tell whether the request is answered already, *same* being the last one of its session."""
    text, is_soon = _text_of(heard), same.is_recent(now)
    # Behind an end it is the first one again only where nothing else came.
    is_first = text == same.opened and (same.is_first or not ended)
    if heard.begins:
        # Without an id of the session it has that of the phone: whoever dials again at once has the same.
        has_id = heard.facts.request_id != heard.facts.msisdn
        return has_id and is_soon and is_first
    if heard.so_far is not None:
        return is_soon if ended else same.so_far.startswith(heard.so_far)
    if ended and not is_soon:
        return False
    is_dial = not text or _is_code(text)
    if is_dial and is_first and (text or same.is_first):
        return True
    return ended and not is_dial


def _text_of(heard: Heard) -> str:
    return heard.dialled if heard.begins else heard.answer.text.strip()


def _is_code(text: str) -> bool:
    """Tell whether *text* is what is dialled, and no answer."""
    return len(text) > 1 and (text.startswith(_JOINED) or text.endswith("#"))


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
    """Make a dial of the first request; its text is what was dialled, or else an answer dialled with it.

    An answer in a session that nobody knows any more is none to what the dial shows.
    """
    if heard.goes_on:
        return dial_and_answers(heard, ())
    text = heard.answer.text.strip()
    if not text or text.startswith(_JOINED) or text.endswith("#"):
        return dial_and_answers(msgspec.structs.replace(heard, dialled=text or heard.dialled), ())
    return dial_and_answers(heard, (text,))


def _saying(heard: Heard, text: str) -> Heard:
    return msgspec.structs.replace(heard, answer=Answer(text=text))
