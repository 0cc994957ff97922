"""Linking: several users are one person, and from then on one session.

One of them, the *canonical* user, goes on; the others, his *aliases*, only name him, and what arrives for them is
handed on to him. Each of the steps below is an input in the inbox of the user who takes it, written before the commit
that consumes the step before it, under an id that is made of that step's: a crash in between repeats a step, and the
repeat of what was written is known by its id.

    offer → code    try → tries → claim → code → adopt → canonical → follow → alias → joined → canonical
    release → alias → left → canonical

Rules. Who has aliases follows nobody, and who follows somebody adopts nobody (he hands it on): so every link is one
hop, and there is no cycle. The canonical user notes an alias before that one follows, and forgets him after he left.
A user of a token is never an alias: his clients join his own topic.

Codes that somebody types are counted by a user of their own, his *tries*, named by a keyed hash as codes are: his own
record may go at any time (erased, unlinked, over), and the count may not go with it.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec
from attrs import field, frozen

from sessiond.core.errors import InvalidInput, SnapshotCorrupt
from sessiond.core.ids import Digest, UserId, input_digest
from sessiond.core.values import Value

__all__ = [
    "CODE_DIGITS",
    "CODE_SECONDS",
    "CODE_USER",
    "LINK_KIND",
    "LINK_TIMER",
    "MAX_ALIASES",
    "MAX_TRIES",
    "TRIES_SECONDS",
    "Errand",
    "LinkNote",
    "LinkRequest",
    "LinkState",
    "LinkStep",
    "LinkUpdate",
    "choose_canonical",
    "decode_errand",
    "decode_note",
    "encode_errand",
    "encode_note",
    "has_token",
    "link_digest",
    "parse_code",
    "partings",
    "recent_tries",
]

#: What a person reads from one screen and types on another.
CODE_DIGITS: Final = 8
CODE_SECONDS: Final = 600.0

#: Codes that one user may try within *TRIES_SECONDS*: of 10^8 nobody guesses one of the few that are open.
MAX_TRIES: Final = 5
TRIES_SECONDS: Final = 3600.0

#: A person has a few phones and chats.
MAX_ALIASES: Final = 16

#: The users that codes are, and those that count tries: this and the keyed hash of the code, or of the user.
CODE_USER: Final = "$link:"

#: What inbox entries of steps begin with.
LINK_KIND: Final = "link:"

#: The reserved timers that carry what a handler asked for to another user.
LINK_TIMER: Final = "$link:"

#: Users of gateways are a platform and a keyed hash (gateways/identities.py).
_OF_GATEWAY: Final = re.compile(r"[^:]+:[0-9a-f]{32}")


class LinkStep(StrEnum):
    """What one user tells another; the inbox kind is ``link:<step>``."""

    OFFER = "offer"
    """To the code: *user* shows it."""
    TRY = "try"
    """To the tries of *user*: he typed the code *about*."""
    CLAIM = "claim"
    """To the code: *user* typed it."""
    ADOPT = "adopt"
    """To the canonical user: *user* becomes an alias."""
    FOLLOW = "follow"
    """To the alias: *user* is who he is now."""
    JOINED = "joined"
    """To the canonical user: the alias *user* follows; what he had."""
    RELEASE = "release"
    """To the alias: he is himself again, if he follows *user*."""
    LEFT = "left"
    """To the canonical user: *user* is no alias any more, or (*reason*) never became one."""
    REFUSED = "refused"
    """To who offered or claimed: nothing comes of it."""


class LinkNote(Value, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The body of a step."""

    PRIVATE = frozenset({"data", "lines"})

    user: UserId = UserId("")
    about: UserId = UserId("")
    reason: str = ""
    expires_at: float = 0.0
    data: msgspec.Raw = msgspec.Raw(b"{}")
    """The session data of the alias."""
    lines: Mapping[str, msgspec.Raw] = {}
    """The alias's lines (gateways/lines.py) by account."""


class Errand(Value, frozen=True):
    """A step for another user, on its way; what handlers ask for is the payload of a timer that is due at once."""

    to: UserId
    step: LinkStep
    note: LinkNote


@frozen
class LinkRequest:
    """Begin a step of a link: ``OFFER`` and ``CLAIM`` a code, ``ADOPT`` and ``RELEASE`` a user."""

    step: LinkStep
    about: str = field(default="", repr=False)
    """The code, or the other user; ``RELEASE`` without one: all aliases."""


class LinkState(StrEnum):
    """What became of a link."""

    LINKED = "linked"
    UNLINKED = "unlinked"
    REFUSED = "refused"
    """Nothing came of it; *reason* says why."""


@frozen(kw_only=True)
class LinkUpdate:
    """What an app's ``on_link`` is told, in the session of the user who goes on."""

    state: LinkState
    alias: str = ""
    """The other user."""
    data: Mapping[str, object] = field(factory=dict, repr=False)
    """``linked``: the session data that the alias had; keep of it what you need."""
    reason: str = ""
    """``refused``: ``unknown_code`` (wrong, used, or older than ten minutes), ``too_many_tries`` (five within an hour),
    ``code_taken`` (offer another one), ``same_user``, ``web_user`` (both have tokens), ``linked`` (the other one has
    links already), ``too_many``."""


def has_token(user: str) -> bool:
    """Tell whether *user* comes by a token, not by a gateway: such a user is never an alias."""
    return _OF_GATEWAY.fullmatch(user) is None


def choose_canonical(offered: UserId, claimed: UserId) -> tuple[UserId, UserId] | str:
    """Choose who goes on and who becomes his alias; or say why neither may.

    The user of a token goes on; else the one who offered the code.
    """
    if offered == claimed:
        return "same_user"
    if not has_token(claimed):
        return offered, claimed
    return "web_user" if has_token(offered) else (claimed, offered)


def parse_code(text: str) -> str:
    """Read a code as people type it: blanks and hyphens between the digits do not count.

    Raises:
      InvalidInput: it has not eight digits. It is not repeated.

    """
    code = re.sub(r"[\s-]", "", text)
    if len(code) != CODE_DIGITS or not (code.isascii() and code.isdigit()):
        raise InvalidInput(f"a code has {CODE_DIGITS} digits")
    return code


def recent_tries(tries: tuple[float, ...], now: float) -> tuple[float, ...]:
    """List the tries that count."""
    return tuple(at for at in tries if at > now - TRIES_SECONDS)


def partings(user: UserId, aliases: Iterable[str], linked_to: str) -> tuple[Errand, ...]:
    """List who is to be told what when the record of *user* goes, so that nobody points at it any more."""
    note = LinkNote(user=user)
    told = [Errand(UserId(alias), LinkStep.RELEASE, note) for alias in aliases]
    if linked_to:
        told.append(Errand(UserId(linked_to), LinkStep.LEFT, note))
    return tuple(told)


def link_digest(step: str, cause: str) -> Digest:
    """Name the input that follows from *cause*, an id within the user who tells it."""
    return input_digest(f"link:{step}", cause)


_encode: Final = msgspec.json.Encoder().encode
_decode_note: Final = msgspec.json.Decoder(LinkNote).decode
_decode_errand: Final = msgspec.json.Decoder(Errand).decode


def encode_note(note: LinkNote) -> bytes:
    """Encode as JSON."""
    return bytes(memoryview(_encode(note)))


def encode_errand(errand: Errand) -> bytes:
    """Encode as JSON."""
    return bytes(memoryview(_encode(errand)))


def decode_note(raw: bytes) -> LinkNote:
    """Decode what ``encode_note`` made.

    Raises:
      SnapshotCorrupt: it is something else.

    """
    try:
        return _decode_note(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise SnapshotCorrupt(f"not a step of a link ({type(error).__name__})") from None


def decode_errand(raw: bytes) -> Errand:
    """Decode what ``encode_errand`` made.

    Raises:
      SnapshotCorrupt: it is something else.

    """
    try:
        return _decode_errand(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise SnapshotCorrupt(f"not an errand ({type(error).__name__})") from None
