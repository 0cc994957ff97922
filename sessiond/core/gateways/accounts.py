"""Accounts: configured gateways, each under a name of its own. Several accounts may be of one kind (tenants).

What is here holds for every kind; a kind adds settings of its own (``GatewayKind.settings``) to the same table.
"""

import re
from collections.abc import Mapping
from typing import Final

from attrs import Attribute, field, frozen
from attrs.validators import ge, gt, le, optional

from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.inbox_bodies import GATEWAY_KIND
from sessiond.core.gateways.port import (
    AnsweringGateway,
    AttachingGateway,
    CallingGateway,
    DownloadingGateway,
    Gateway,
    ReceiptGateway,
    UploadingGateway,
)

__all__ = [
    "ACCOUNT_NAME",
    "Account",
    "AccountSettings",
    "FallbackTemplate",
    "account_path",
    "calling_accounts",
]

#: What an account may be called: part of addresses, of logs, and of the scope of message ids.
ACCOUNT_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")

_MB: Final = 1024 * 1024

#: No ``.`` and ``..``: who calls there calls another path.
_PATH: Final = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)+")
_PUBLIC_URL: Final = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")


def _check_path(_: object, __: "Attribute[str]", value: str) -> None:
    if value and _PATH.fullmatch(value) is None:
        raise InvalidInput("is not a path of letters, digits and . _ ~ - like /gateways/shop")


def _check_public_url(_: object, __: "Attribute[str]", value: str) -> None:
    if value and _PUBLIC_URL.fullmatch(value) is None:
        raise InvalidInput("is not scheme and host, like https://chat.example.com")


@frozen(kw_only=True)
class FallbackTemplate:
    """The approved template that is sent when a provider's window is closed; the message itself follows his answer."""

    name: str
    """What the provider calls it."""
    language: str
    """Which of its translations: ``en``, ``pt_BR``."""
    parameters: Mapping[str, str] = {}
    """What its places are filled with, by their names or numbers."""


@frozen(kw_only=True)
class AccountSettings:
    """What can be set of every account.

    Raises:
      InvalidInput: something cannot be.

    """

    gateway: str
    """The kind: ``whatsapp``, ``nalo``, ``nsano``, ``africastalking``, ``telegram``, ``twilio``, ``http``, or one that
    is plugged in."""
    path: str = field(default="", repr=False, validator=_check_path)
    """Where the provider calls; empty: ``/gateways/<account>``. One that nobody can guess keeps strangers away."""
    public_url: str = field(default="", validator=_check_public_url)
    """Scheme and host that the provider calls, where a proxy changes them: some signatures cover the address."""
    networks: tuple[str, ...] = ()
    """Addresses and networks that may call (``203.0.113.0/24``); empty: all."""
    wait_text: str = "This takes a little longer. Please dial again in a moment to see the result."
    """Answering gateways: what is shown, and ends the dial, when no answer is ready in time; the next dial shows it."""
    failed_text: str = "Sorry, this service is not available at the moment. Please try again later."
    """Answering gateways: what is shown when an input could not be taken."""
    resume_seconds: float = field(default=0.0, validator=[ge(0), le(30 * 86400)])
    """Answering gateways: a dial that was interrupted can be continued for so long: who dials again may choose. 0: a
    new dial begins anew."""
    fallback_template: FallbackTemplate | None = None
    """Calling gateways: sent when only templates are accepted; the message waits until the person writes. Without it
    the message is given up."""
    calls_per_second: float = field(default=20.0, validator=[gt(0), le(10_000)])
    """Calling gateways: calls to the provider, in the long run."""
    recipient_calls_per_second: float = field(default=1.0, validator=[gt(0), le(1000)])
    """Calling gateways: calls for one person, in the long run."""
    recipient_burst: float = field(default=20.0, validator=[ge(1), le(1000)])
    """Calling gateways: calls for one person at once."""
    concurrent_calls: int = field(default=16, validator=[gt(0), le(1000)])
    """Calling gateways: calls under way at once."""
    call_seconds: float = field(default=15.0, validator=[gt(0), le(120)])
    """Calling gateways: how long a call may take."""
    upload_bytes: int = field(default=16 * _MB, validator=[gt(0), le(100 * _MB)])
    """Calling gateways: the largest file that is uploaded, where the provider takes as much. It is held in memory
    meanwhile; an account uploads one at a time."""
    upload_seconds: float = field(default=60.0, validator=[gt(0), le(600)])
    """Calling gateways: how long an upload may take."""
    download_bytes: int | None = field(default=None, validator=optional([gt(0), le(2000 * _MB)]))
    """The largest file of a person that is fetched; absent: the largest that the provider hands out."""
    download_seconds: float = field(default=600.0, validator=[gt(0), le(86_400)])
    """How long the provider may take for a person's file in all, once it has begun to send it."""
    give_up_seconds: float = field(default=86_400.0, validator=[gt(0), le(30 * 86400)])
    """Calling gateways: how long a message is tried; then it is a dead letter."""


@frozen
class Account:
    """One configured gateway."""

    name: str
    settings: AccountSettings = field(repr=False)
    gateway: Gateway = field(repr=False)
    # Found out once: a check against a Protocol looks at every one of its members.
    calls: CallingGateway | None = field(init=False, repr=False)
    """The gateway, if it is told by calls."""
    answers: AnsweringGateway | None = field(init=False, repr=False)
    """The gateway, if its answer is the response."""
    receipts: ReceiptGateway | None = field(init=False, repr=False)
    """The gateway, if it is told that inputs were taken."""
    uploads: UploadingGateway | AttachingGateway | None = field(init=False, repr=False)
    """The gateway, if it takes files."""
    downloads: DownloadingGateway | None = field(init=False, repr=False)
    """The gateway, if it keeps what people send."""

    @calls.default
    def _find_calls(self) -> CallingGateway | None:
        return self.gateway if isinstance(self.gateway, CallingGateway) else None

    @answers.default
    def _find_answers(self) -> AnsweringGateway | None:
        return self.gateway if isinstance(self.gateway, AnsweringGateway) else None

    @receipts.default
    def _find_receipts(self) -> ReceiptGateway | None:
        return self.gateway if isinstance(self.gateway, ReceiptGateway) else None

    @uploads.default
    def _find_uploads(self) -> UploadingGateway | AttachingGateway | None:
        gateway = self.gateway
        return gateway if isinstance(gateway, UploadingGateway | AttachingGateway) else None

    @downloads.default
    def _find_downloads(self) -> DownloadingGateway | None:
        return self.gateway if isinstance(self.gateway, DownloadingGateway) else None

    @property
    def path(self) -> str:
        """Where the provider calls."""
        return account_path(self.name, self.settings)

    @property
    def kind(self) -> str:
        """The inbox entries of what comes in by it."""
        return f"{GATEWAY_KIND}{self.name}"


def account_path(name: str, settings: AccountSettings) -> str:
    """Say where the provider of the account *name* calls."""
    return settings.path or f"/gateways/{name}"


def calling_accounts(accounts: Mapping[str, Account]) -> frozenset[str]:
    """Name the accounts that we can speak first on."""
    return frozenset(name for name, account in accounts.items() if account.calls is not None)
