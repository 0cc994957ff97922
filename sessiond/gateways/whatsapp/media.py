"""Media: uploaded to be sent by id, and fetched when somebody wants what a person sent.

Cloud API reference, "Media": an id of a webhook lives 7 days, one of an upload 30. An address lives 5 minutes and needs
the access token, so it is asked for when it is used, and only Meta's hosts are called with that.
"""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.media import (
    DownloadFailed,
    DownloadProblem,
    check_status,
    is_fetchable,
)
from sessiond.core.gateways.messages import LocalFile, ProviderCall, ProviderResponse
from sessiond.core.gateways.multipart import multipart
from sessiond.core.gateways.pieces import decoded
from sessiond.core.gateways.port import AccountStopped, TryAgain
from sessiond.gateways.whatsapp.judging import judge
from sessiond.gateways.whatsapp.settings import WhatsAppSettings

__all__ = [
    "DOWNLOAD_BYTES",
    "KEEPS_SECONDS",
    "MEDIA_BYTES",
    "address_call",
    "download_call",
    "upload_call",
]

_MB: Final = 1024 * 1024
#: The largest file of a kind, in bytes ("Supported media types"); everything else is a document.
MEDIA_BYTES: Final[Mapping[str, int]] = {
    "image/webp": 500 * 1024,  # A sticker: 100 KB when it does not move.
    "image": 5 * _MB,
    "audio": 16 * _MB,
    "video": 16 * _MB,
    "application": 100 * _MB,
    "text": 100 * _MB,
}

#: The largest of them.
DOWNLOAD_BYTES: Final = max(MEDIA_BYTES.values())

#: Of an upload, less a day: one that ends while its message is on the way is no use.
KEEPS_SECONDS: Final = 29 * 86_400.0

_AUTHORIZED: Final = {"authorization": "Bearer {access_token}"}
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


class _Address(Struct):
    url: str


class _Error(Struct):
    code: int | None = None


class _Refusal(Struct):
    error: _Error


#: Error codes of media that are gone: no such object, and what Meta cannot fetch itself.
_GONE: Final = frozenset({100, 131052})


def address_call(media_id: str, settings: WhatsAppSettings) -> ProviderCall:
    """Write the call that asks for the address of what a person sent.

    Raises:
      DownloadFailed: it is no id of media.

    """
    if _ID.fullmatch(media_id) is None:
        raise DownloadFailed(DownloadProblem.REFUSED, "whatsapp: this is no id of media")
    query = f"?phone_number_id={settings.phone_number_id}"
    url = f"{settings.api_url}/{settings.api_version}/{media_id}{query}"
    return ProviderCall(method="GET", url=url, body=b"", media_type="", headers=_AUTHORIZED)


def download_call(response: ProviderResponse, settings: WhatsAppSettings) -> ProviderCall:
    """Write the call that fetches the file that the answer to ``address_call`` names, with our token.

    Raises:
      DownloadFailed: it is not there, or not at one of Meta's hosts.

    """
    if response.status != 200:
        _refuse(response)
    found = decoded(response.body, _Address)
    if found is None:
        raise DownloadFailed(DownloadProblem.UNAVAILABLE, "whatsapp: the answer is no address")
    if not is_fetchable(found.url, settings.media_hosts, settings.api_url):
        raise DownloadFailed(DownloadProblem.REFUSED, "whatsapp: the file is at no host of Meta's")
    return ProviderCall(method="GET", url=found.url, body=b"", media_type="", headers=_AUTHORIZED)


def _refuse(response: ProviderResponse) -> None:
    """Say what an error means for a file; media that are gone are told as any object that is not there."""
    refusal = decoded(response.body, _Refusal)
    if refusal is not None and refusal.error.code in _GONE:
        raise DownloadFailed(DownloadProblem.EXPIRED, f"whatsapp: error {refusal.error.code}")
    judged = judge(response)
    if isinstance(judged, AccountStopped):
        raise DownloadFailed(DownloadProblem.REFUSED, f"whatsapp: {judged.reason}")
    if isinstance(judged, TryAgain):
        raise DownloadFailed(DownloadProblem.UNAVAILABLE, f"whatsapp: {judged.reason}")
    check_status(response.status)


def upload_call(file: LocalFile, content: bytes, settings: WhatsAppSettings) -> ProviderCall:
    """Write the call that uploads *content*; it is judged ``Sent`` with the id to send it by.

    Raises:
      InvalidInput: it is empty or larger than Meta takes, or of no type that Meta takes.

    """
    kind = file.mime_type.partition(";")[0]
    limit = MEDIA_BYTES.get(kind) or MEDIA_BYTES.get(kind.partition("/")[0], 0)
    if not 0 < len(content) <= limit:
        raise InvalidInput(f"whatsapp: a file of this type has 1 to {limit} bytes")
    fields = {"messaging_product": "whatsapp", "type": file.mime_type}
    body, media_type = multipart(fields, "file", file, content)
    return ProviderCall(
        url=f"{settings.api_url}/{settings.api_version}/{settings.phone_number_id}/media",
        body=body,
        media_type=media_type,
        headers=_AUTHORIZED,
    )
