"""The port that gateways implement: one object per account of a provider, pure, without Trio.

Two kinds. **Answering** gateways (USSD, generic HTTP) answer a request with what the conversation shows, within the
provider's time. **Calling** gateways (WhatsApp, Telegram, Twilio) are acknowledged at once; what the conversation shows
leaves as calls to the provider, kept until they are done.

A gateway reads, writes and judges bytes. Who may call us is checked by ``check`` on the raw request before anything
is parsed; it fails closed. Everything else (durability, duplicates, order, rate limits, retries) is not its business.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

from attrs import field, frozen

from sessiond.core.conversations.shown import Readable
from sessiond.core.flows.answers import Attachment
from sessiond.core.flows.prompts import Output
from sessiond.core.gateways.arrivals import Arrived, Heard, StatusUpdate
from sessiond.core.gateways.described import Operations
from sessiond.core.gateways.messages import (
    LocalFile,
    ProviderAnswer,
    ProviderCall,
    ProviderRequest,
    ProviderResponse,
)
from sessiond.core.rendering.gsm import PageLimits
from sessiond.core.rendering.paging import NAVIGATION, Navigation

__all__ = [
    "NOTHING_SHOWN",
    "OUTCOMES",
    "AccountStopped",
    "AnsweringGateway",
    "AttachingGateway",
    "CallingGateway",
    "DownloadingGateway",
    "Gateway",
    "GatewayKind",
    "GivenUp",
    "Judgement",
    "ReceiptGateway",
    "ScreenLimits",
    "Sent",
    "Template",
    "TryAgain",
    "UploadingGateway",
    "WindowClosed",
]

#: Of a text that no flow showed.
NOTHING_SHOWN: Final = Readable()


@frozen(kw_only=True)
class ScreenLimits:
    """What fits on one screen of the gateway."""

    characters: int
    """Of one page or message, everything counted."""
    pages: PageLimits | None = None
    """Of texts that are shown in pages (USSD); else longer ones are cut or split as the gateway says."""
    navigation: Navigation = NAVIGATION
    """How these pages are turned."""
    answer_seconds: float = 8.0
    """Answering gateways: how long we may take."""
    window_seconds: float | None = None
    """Calling gateways: how long after a person's last message more than templates may be sent; ``None``: always."""


class Gateway(Protocol):
    """What every gateway has."""

    @property
    def name(self) -> str:
        """The provider, such as ``nalo``: the gateway part of session keys."""
        ...

    @property
    def platform(self) -> str:
        """``ussd``, ``whatsapp``, ``telegram``, ``http`` …: the platform part of session keys."""
        ...

    @property
    def limits(self) -> ScreenLimits:
        """What fits on its screen."""
        ...

    def check(self, request: ProviderRequest) -> ProviderAnswer | None:
        """Check who sent *request*, on its raw bytes. An answer: it is done with (a verification), or refused.

        Also answers what is no delivery at all: a verification request, a wrong method, a wrong content type.
        """
        ...

    def read(self, request: ProviderRequest) -> Sequence[Arrived]:
        """Read what a checked request holds, in the order in which it happened.

        Raises:
          InvalidInput: the body is not what the provider sends; the message says what is wrong and repeats no value.
          Refused: ``forbidden``: all of it is for another account.

        """
        ...

    def acknowledge(self) -> ProviderAnswer:
        """Write the response to a request that nobody waits at: what it holds is safe with us."""
        ...


@runtime_checkable
class AnsweringGateway(Gateway, Protocol):
    """A gateway whose answer is the response to the request."""

    def answer(
        self, heard: Heard, text: str, *, is_last: bool, shown: Readable = NOTHING_SHOWN
    ) -> ProviderAnswer:
        """Write the response that shows *text* and keeps the provider's session open, or ends it (*is_last*).

        *shown* is what the text was made of, for gateways that hand on more than text.
        """
        ...

    def refuse(self, request: ProviderRequest, text: str, *, reason: str = "") -> ProviderAnswer:
        """Write the response to a request that could not be read or taken, so that the person reads *text*.

        *reason* says what is wrong with the request, for gateways whose caller is a program and can mend it.
        """
        ...


@frozen(kw_only=True)
class Template:
    """A message that was approved beforehand; the only kind outside a provider's window."""

    name: str
    language: str
    parameters: Mapping[str, str] = {}


@runtime_checkable
class CallingGateway(Gateway, Protocol):
    """A gateway that is told by calls to the provider."""

    @property
    def credentials(self) -> Mapping[str, str]:
        """What the ``{names}`` in calls stand for."""
        ...

    def calls(self, output: Output, to: str, *, reference: str = "") -> Sequence[ProviderCall]:
        """Write the calls that show *output* to the recipient *to*, in order.

        *reference* comes back in their statuses, where the provider can do that.

        Raises:
          InvalidInput: it cannot be shown there, or not to this recipient.

        """
        ...

    def template(self, template: Template, to: str, *, reference: str = "") -> ProviderCall:
        """Write the call that sends a template.

        Raises:
          InvalidInput: the provider has none.

        """
        ...

    def judge(self, response: ProviderResponse) -> "Judgement":
        """Say what the provider's answer to a call means."""
        ...

    def judge_status(self, update: StatusUpdate) -> "Judgement | None":
        """Say what became of a message that the provider had accepted; ``None``: it is on its way, or arrived."""
        ...


@runtime_checkable
class ReceiptGateway(CallingGateway, Protocol):
    """A calling gateway whose provider waits to be told that an input was taken: an app shows a tap as waiting."""

    def receipt(self, heard: Heard) -> ProviderCall | None:
        """Write the call that says that *heard* was taken; ``None``: nobody waits for that.

        It is made once *heard* is durable, at most once, and what becomes of it does not matter.
        """
        ...


@runtime_checkable
class UploadingGateway(CallingGateway, Protocol):
    """A calling gateway whose provider takes files, and sends them by id; calls name theirs: ``ProviderCall.file``."""

    @property
    def upload_keeps_seconds(self) -> float:
        """How long the provider keeps what was uploaded."""
        ...

    def upload(self, file: LocalFile, content: bytes) -> ProviderCall:
        """Write the call that uploads *file*; its answer is judged ``Sent`` with the id that it can be sent by.

        Raises:
          InvalidInput: the provider does not take it: too large, empty, of another type.

        """
        ...


@runtime_checkable
class AttachingGateway(CallingGateway, Protocol):
    """A calling gateway whose provider takes a file with the message that shows it, and gives it an id then.

    ``judge`` says which (``Sent.file``); calls name theirs: ``ProviderCall.file``.
    """

    @property
    def upload_keeps_seconds(self) -> float:
        """How long the provider keeps it."""
        ...

    def attach(self, call: ProviderCall, content: bytes) -> ProviderCall:
        """Write *call* with its file in it, instead of the id.

        Raises:
          InvalidInput: the provider does not take it: too large, empty.

        """
        ...


@runtime_checkable
class DownloadingGateway(Gateway, Protocol):
    """A gateway whose provider keeps what people send until it is fetched: two calls, the first says where it is."""

    @property
    def credentials(self) -> Mapping[str, str]:
        """What the ``{names}`` in calls stand for."""
        ...

    @property
    def download_bytes(self) -> int:
        """The largest file that the provider hands out."""
        ...

    def media_address(self, attachment: Attachment) -> ProviderCall:
        """Write the call that asks where *attachment* is.

        Raises:
          DownloadFailed: it does not say what to fetch, or something else than media.

        """
        ...

    def download(self, response: ProviderResponse) -> ProviderCall:
        """Write the call that fetches what the answer to that call names.

        Raises:
          DownloadFailed: it is not there, or elsewhere than the provider keeps media.

        """
        ...


@frozen
class Sent:
    """The provider has it, under this id."""

    id: str
    file: str = field(default="", repr=False)
    """The id of the file that came with it, where that can be sent by it again."""


@frozen
class TryAgain:
    """Not now: after *seconds* (the provider's ``Retry-After``), or when the back-off says so. *account*: all of it."""

    reason: str
    seconds: float | None = None
    account: bool = False
    perhaps_account: bool = False
    """The provider does not say whether it is all of the account: it is when two people are told so at a time."""
    is_taken: bool = False
    """The answer is a success that cannot be read, so the person may have the message: a few times are enough."""


@frozen
class GivenUp:
    """It will never be delivered."""

    reason: str
    is_personal: bool = False
    """Nothing is wrong with the message: this person cannot be reached, or wants none. Others can have the same."""


@frozen
class WindowClosed:
    """Only a template is accepted now (WhatsApp's 24 hours)."""

    reason: str


@frozen
class AccountStopped:
    """Our credentials are not accepted: nothing more is sent until somebody looks."""

    reason: str


@frozen
class GatewayKind:
    """A kind of gateway, as it is plugged in: its *settings* class (attrs, frozen) and what makes a gateway of them.

    The settings class raises ``InvalidInput`` for what cannot be; its secrets have ``repr=False``. Its ``name``, if it
    has one, is the gateway of session keys: the account's name, unless the account says another.
    """

    name: str
    """What ``gateway = "…"`` of an account says."""
    settings: type
    open: Callable[[Any], Gateway]
    """Takes settings of that class."""
    body_bytes: int = 64 * 1024
    """The largest request that the provider makes: where that is more than ``http.body_bytes``, so much is read."""
    describe: Callable[[Any], Operations] | None = None
    """Says by method what requests of an account with these settings look like (OpenAPI); no other method is taken.
    ``None``: nothing is said, and POST and GET reach ``check``."""


Judgement = Sent | TryAgain | GivenUp | WindowClosed | AccountStopped

#: What telemetry calls judgements.
OUTCOMES: Final[Mapping[type, str]] = {
    Sent: "sent",
    TryAgain: "again",
    GivenUp: "given_up",
    WindowClosed: "window_closed",
    AccountStopped: "stopped",
}
