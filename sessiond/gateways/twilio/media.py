"""What people sent, fetched from Twilio ("Media resource").

The address in a webhook is one of our account and wants our credentials; it leads to where the file is, which does not
want them and is not told them. Who deletes the message deletes the file with it.
"""

from collections.abc import Mapping
from typing import Final

from sessiond.core.gateways.media import (
    DownloadFailed,
    DownloadProblem,
    check_status,
    is_fetchable,
)
from sessiond.core.gateways.messages import ProviderCall, ProviderResponse
from sessiond.gateways.twilio.settings import TwilioSettings

__all__ = ["DOWNLOAD_BYTES", "address_call", "download_call"]

#: Bytes ("Accepted content types for media"): messages with more do not arrive.
DOWNLOAD_BYTES: Final = 16 * 1024 * 1024

_AUTHORIZED: Final[Mapping[str, str]] = {"authorization": "Basic {basic}"}
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


def address_call(url: str, account_url: str) -> ProviderCall:
    """Write the call that asks where the file behind *url* is.

    Raises:
      DownloadFailed: the address is not one of our account's: nobody else is sent our credentials.

    """
    is_plain = url.isascii() and url.isprintable() and not {"{", "}", "\\", " "} & set(url)
    if not (is_plain and url.startswith(account_url)) or "/.." in url:
        raise DownloadFailed(
            DownloadProblem.REFUSED, "twilio: media are fetched from our account alone"
        )
    return ProviderCall(method="GET", url=url, body=b"", media_type="", headers=_AUTHORIZED)


def download_call(response: ProviderResponse, settings: TwilioSettings) -> ProviderCall:
    """Write the call that fetches the file that the answer to ``address_call`` leads to, without our credentials.

    Raises:
      DownloadFailed: it is not there, or not where Twilio keeps media.

    """
    if response.status not in _REDIRECTS:
        check_status(response.status)
    url = response.headers.get("location", "")
    if not url:
        raise DownloadFailed(DownloadProblem.UNAVAILABLE, "twilio: the answer leads nowhere")
    if not is_fetchable(url, settings.media_hosts, settings.api_url):
        raise DownloadFailed(DownloadProblem.REFUSED, "twilio: the file is at no host of Twilio's")
    return ProviderCall(method="GET", url=url, body=b"", media_type="")
