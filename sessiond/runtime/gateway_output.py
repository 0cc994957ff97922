"""What a turn shows on an account: a page for whoever waits at the door, or messages that leave when it is durable."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from sessiond.core.errors import AppFailed, InvalidInput
from sessiond.core.flows.prompts import Output
from sessiond.core.gateways.accounts import Account
from sessiond.core.gateways.arrivals import Heard
from sessiond.core.gateways.dials import LastRequest
from sessiond.core.gateways.lines import (
    NEW_LINE,
    Answered,
    Line,
    decode_answered,
    decode_line,
    encode_answered,
    encode_line,
    line_name,
)
from sessiond.core.gateways.outgoing import (
    Outgoing,
    decode_outgoing,
    delivery_id,
    encode_outgoing,
)
from sessiond.core.gateways.port import Template
from sessiond.core.ids import Digest
from sessiond.core.records import MAX_STORED_REPLY, Delivery
from sessiond.core.rendering.paging import Page, first_page
from sessiond.core.rendering.screens import screen_of
from sessiond.core.session.effects import Reply
from sessiond.runtime.computed import Computed

__all__ = [
    "MAX_HELD",
    "close_window",
    "closing_time",
    "deliver",
    "deliver_held",
    "deliver_receipt",
    "deliver_template",
    "hold",
    "keep_answer",
    "line_of",
    "named",
    "of_alias",
    "page_of",
    "put_line",
    "send_again",
    "show_page",
    "wait_page",
]

#: Messages that wait for a person to write; of more the oldest are given up.
MAX_HELD: Final = 16

#: Bytes of the one answer that is kept with the person, since it is too long to be kept beside the id of its request.
_MAX_KEPT: Final = 65_536

_Held = tuple[msgspec.Raw, ...]


def line_of(turn: Computed, account: str) -> Line:
    """Read the person's line of *account*, on the phone that is answered."""
    lines = turn.state.snapshot.lines
    raw = lines.get(line_name(account, turn.phone))
    if raw is None:
        return _line_before(lines.get(account), turn.phone)
    known = turn.line
    if known is not None and known[0] is raw:
        return known[1]
    line = decode_line(raw)
    turn.line = raw, line
    return line


def _line_before(raw: bytes | None, phone: str) -> Line:
    """Read the line that all phones had in an earlier version, if it is that of *phone*."""
    line = NEW_LINE if raw is None else decode_line(raw)
    return line if line.alias == phone else NEW_LINE


def put_line(turn: Computed, account: str, line: Line) -> None:
    """Make *line* part of the turn."""
    snapshot, name = turn.state.snapshot, line_name(account, turn.phone)
    raw = encode_line(line)
    if snapshot.lines.get(name) != raw:
        lines: Mapping[str, bytes] = {**snapshot.lines, name: raw}
        turn.state = replace(turn.state, snapshot=replace(snapshot, lines=lines))
        turn.line = raw, line


# Answering gateways


def page_of(account: Account, output: Output) -> Page:
    """Write the (first) page that shows *output*. Where nothing is asked the provider's session ends."""
    limits, ends = account.gateway.limits, output.prompt is None
    screen = screen_of(output)
    if limits.pages is None:
        return Page(text=screen.text, ends=ends)
    return first_page(screen, limits.pages, limits.navigation, is_terminal=ends)


def wait_page(account: Account) -> bytes:
    """Write what is answered when what comes of a function takes longer than the door can wait."""
    return encode_answered(Answered(text=account.settings.wait_text, ends=True))


def show_page(
    turn: Computed, account: Account, page: Page, screen: str, shown: bytes = b"{}"
) -> Answered:
    """Keep what can be turned of *page*, and what a repeat is answered; returns what the door is answered.

    *screen*: that of the question which the page asks.
    """
    if account.gateway.limits.pages is None:
        return Answered(text=page.text, ends=page.ends, shown=msgspec.Raw(shown))
    answered = Answered(text=page.text, ends=page.ends, screen=screen)
    line = line_of(turn, account.name)
    kept = answered if page.text else line.answered
    put_line(turn, account.name, replace(line, paging=page.paging, answered=kept))
    return answered


def keep_answer(turn: Computed, account: Account, digest: Digest) -> None:
    """Keep with the person what a program is answered to its request *digest*, if it is too long to be kept with that.

    The last one of them is kept.
    """
    if account.gateway.limits.pages is not None:
        return
    reply = next((one.payload for one in reversed(turn.effects) if isinstance(one, Reply)), b"")
    if MAX_STORED_REPLY < len(reply) <= _MAX_KEPT:
        answered, line = decode_answered(reply), line_of(turn, account.name)
        put_line(turn, account.name, replace(line, last=named(digest), answered=answered))


def named(digest: Digest | None) -> LastRequest | None:
    """Give what a line has of the request *digest* of a program; ``None``: it has no name."""
    return None if digest is None else LastRequest(session=digest.hex())


# Calling gateways


def deliver(
    turn: Computed,
    account: Account,
    output: Output,
    *,
    now: float,
    conversation: str = "",
    flow: str = "",
    reference: str = "",
) -> None:
    """Write the calls that show *output* to the person, as deliveries of this turn.

    *reference* is the app's own name of the message; else it has a number.

    Raises:
      AppFailed: the gateway cannot show it, or there is nowhere to send it to.

    """
    gateway = account.calls
    assert gateway is not None
    line = line_of(turn, account.name)
    reference = reference or _reference(turn.state.snapshot.sent)
    try:
        calls = gateway.calls(output, line.to, reference=reference)
    except InvalidInput as error:
        raise AppFailed(f"cannot be shown on {account.name}: {error}") from None
    closes_at = closing_time(turn, account)
    for call in calls:
        message = Outgoing(
            account=account.name,
            call=call,
            at=now,
            alias=line.alias,
            closes_at=closes_at,
            reference=reference,
            conversation=conversation,
            flow=flow,
        )
        _add(turn, encode_outgoing(message), now)


def deliver_template(
    turn: Computed,
    account: Account,
    template: Template,
    *,
    now: float,
    to: str = "",
    reference: str = "",
) -> None:
    """Write the call that sends *template*, as a delivery of this turn; *reference* as in ``deliver``.

    Raises:
      AppFailed: the gateway has none, or there is nowhere to send it to.

    """
    gateway = account.calls
    assert gateway is not None
    to = to or line_of(turn, account.name).to
    if not to:
        raise AppFailed(f"nobody knows where to reach this user on {account.name}: pass to=…")
    reference = reference or _reference(turn.state.snapshot.sent)
    try:
        call = gateway.template(template, to, reference=reference)
    except InvalidInput as error:
        raise AppFailed(f"cannot be sent on {account.name}: {error}") from None
    message = Outgoing(
        account=account.name, call=call, at=now, is_template=True, reference=reference
    )
    _add(turn, encode_outgoing(message), now)


def deliver_receipt(turn: Computed, account: Account, heard: Heard, now: float) -> None:
    """Tell the provider that *heard* was taken, where somebody waits for that."""
    call = None if account.receipts is None else account.receipts.receipt(heard)
    if call is not None:
        receipt = Outgoing(account=account.name, call=call, at=now, is_receipt=True)
        _add(turn, encode_outgoing(receipt), now)


def closing_time(turn: Computed, account: Account) -> float | None:
    """Say until when more than templates may be sent to the person; ``None``: always."""
    window = account.gateway.limits.window_seconds
    return None if window is None else line_of(turn, account.name).heard_at + window


def close_window(turn: Computed, account: Account, at: float) -> None:
    """Believe the provider that its window was closed at this time, unless the person has written since.

    What is sent from now on is treated as outside of it, instead of being refused one after the other.
    """
    window, line = account.gateway.limits.window_seconds, line_of(turn, account.name)
    if window is not None and at - window < line.heard_at < at:
        put_line(turn, account.name, replace(line, heard_at=at - window))


def send_again(turn: Computed, account: Account, message: Outgoing, *, at: float) -> None:
    """Make a message a delivery of this turn once more, as one of *at*, in the window that is open now."""
    closes_at = None if message.is_template else closing_time(turn, account)
    _add(turn, encode_outgoing(replace(message, at=at, closes_at=closes_at)), at)


def hold(turn: Computed, account: str, body: bytes) -> tuple[bytes, ...]:
    """Keep a message until the person writes; returns those that had to give way."""
    line = line_of(turn, account)
    held = (*line.held, msgspec.Raw(body))
    put_line(turn, account, replace(line, held=held[-MAX_HELD:]))
    return tuple(bytes(raw) for raw in held[:-MAX_HELD])


def deliver_held(turn: Computed, account: Account, now: float) -> None:
    """Send what waited for the person to write, in the window that is open from then on: that of this phone alone."""
    line = line_of(turn, account.name)
    if not line.held:
        return
    ready, rest = of_alias(line, line.alias)
    if ready:
        put_line(turn, account.name, replace(line, held=rest))
    for raw in ready:
        send_again(turn, account, decode_outgoing(bytes(raw)), at=now)


def of_alias(line: Line, alias: str) -> tuple[_Held, _Held]:
    """Part what is held on *line*: for the phone or chat of *alias* (empty: the user's own), and for others."""
    pairs = [(raw, decode_outgoing(bytes(raw)).alias == alias) for raw in line.held]
    return (
        tuple(raw for raw, is_his in pairs if is_his),
        tuple(raw for raw, is_his in pairs if not is_his),
    )


def _add(turn: Computed, body: bytes, now: float) -> None:
    snapshot = turn.state.snapshot
    name = delivery_id(turn.state.user, snapshot.sent)
    turn.deliveries = (*turn.deliveries, Delivery(name, now, body))
    turn.state = replace(turn.state, snapshot=replace(snapshot, sent=snapshot.sent + 1))


def _reference(number: int) -> str:
    """Name a message to the provider: nothing of the user is in it."""
    return f"{number:x}"
