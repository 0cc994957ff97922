"""Twilio's error codes, of answers and of statuses ("Error and warning dictionary", www.twilio.com/docs/api/errors).

Reasons are ours: Twilio's messages may name the recipient.
"""

from collections.abc import Mapping
from typing import Final

from sessiond.core.gateways.port import (
    AccountStopped,
    GivenUp,
    Judgement,
    TryAgain,
    WindowClosed,
)

__all__ = ["CODES", "judge_code"]

_STOPPED: Final[Mapping[int, str]] = {
    10001: "the account is not active",
    20003: "the credentials are not accepted",
    20005: "the account is not active",
    20006: "access denied",
    20008: "these are credentials for tests",
    20404: "there is no such account",
    21212: "the sender is no number",
    21603: "a sender is missing",
    21606: "the sender is not ours, or cannot send",
    21609: "the status address is not accepted",
    21659: "the sender is no number of Twilio's",
    21660: "the sender is another account's",
    21661: "the sender cannot send SMS",
    21703: "the messaging service has no sender",
    21705: "there is no such messaging service",
    30002: "the account is suspended",
    30032: "the toll-free number is not verified",
    30034: "the number is not registered for A2P",
    63001: "the channel does not accept our credentials",
    63002: "the channel does not know the sender",
    63007: "the channel does not know the sender",
    63020: "a problem with the WhatsApp business account",
    63051: "the WhatsApp business account is locked",
    63112: "the WhatsApp business account is disabled",
}

_LATER: Final[Mapping[int, str]] = {
    20500: "something went wrong",
    20503: "the service is not available",
    20504: "it took too long",
    30017: "the network is congested",
    30410: "the network did not answer",
    63010: "the channel had an error",
    63012: "the channel had an error",
    63023: "the channel had an error",
}

#: The account sends too much.
_SLOWER: Final[Mapping[int, str]] = {
    14107: "too many messages",
    20429: "too many requests",
    21611: "the sender's queue is full",
    30001: "the sender's queue is full",
    30022: "the A2P rate is exceeded",
    30023: "the A2P day's limit is reached",
    63017: "too many messages",
    63018: "the channel's rate is exceeded",
    63038: "the account's limit of the day is reached",
}

_NEVER: Final[Mapping[int, str]] = {
    21211: "this is no number to send to",
    21265: "a short code cannot be written to",
    21266: "the recipient is the sender",
    21408: "messages to this region are not switched on",
    21602: "the text is missing",
    21604: "the recipient is missing",
    21608: "a trial account writes to verified numbers only",
    21610: "the person has opted out",
    21612: "this number cannot be reached from the sender",
    21614: "the number is no mobile phone's",
    21617: "the text is too long",
    21619: "text and media are missing",
    21620: "the address of media is not accepted",
    21623: "there are too many media",
    21635: "the number is a landline",
    21654: "the template is missing",
    21655: "there is no such template",
    21656: "the template's variables are not accepted",
    30003: "the phone cannot be reached",
    30004: "the message was blocked",
    30005: "the number is not known",
    30006: "a landline, or a network that cannot be reached",
    30007: "taken for spam",
    30008: "failed, for a reason that is not known",
    30010: "it costs more than allowed",
    30019: "the media are too large",
    30036: "it was not sent in its time",
    63003: "the channel does not know the recipient",
    63005: "the channel did not accept what it says",
    63013: "against the channel's policies",
    63014: "the person has blocked the sender",
    63015: "the person has not joined the sandbox",
    63019: "the media could not be fetched",
    63021: "the channel found it invalid",
    63024: "this is no recipient",
    63027: "there is no such template in this language",
    63028: "the template has another number of variables",
    63029: "the person could not load the template",
    63030: "a parameter is not supported",
    63031: "the recipient is the sender",
    63032: "the person is part of an experiment of WhatsApp's",
    63033: "the recipient is blocked",
    63036: "the recipient is not on the channel",
    63040: "the template was rejected",
    63041: "the template is paused",
    63042: "the template is switched off",
    63049: "held back to keep people engaged",
}

_CLOSED: Final[Mapping[int, str]] = {63016: "more than 24 hours since the person's last message"}


def _reason(code: int, words: str) -> str:
    return f"{code}: {words}"


#: By code.
CODES: Final[Mapping[int, Judgement]] = {
    **{code: AccountStopped(_reason(code, words)) for code, words in _STOPPED.items()},
    **{code: TryAgain(_reason(code, words)) for code, words in _LATER.items()},
    **{code: TryAgain(_reason(code, words), account=True) for code, words in _SLOWER.items()},
    **{code: GivenUp(_reason(code, words)) for code, words in _NEVER.items()},
    **{code: WindowClosed(_reason(code, words)) for code, words in _CLOSED.items()},
}


def judge_code(code: int) -> Judgement | None:
    """Say what an error code means, of an answer or of a status; ``None``: it is not known."""
    return CODES.get(code)
