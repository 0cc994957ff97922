"""Media: uploaded to be sent by id, and fetched when somebody wants what a person sent.

Cloud API reference, "Media": an id of a webhook lives 7 days, one of an upload 30. An address lives 5 minutes and needs
the access token, so it is asked for when it is used, and only Meta's hosts are called with that.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.messages import ProviderCall, ProviderResponse
from sessiond.core.gateways.pieces import decoded
from sessiond.core.values import Value
from sessiond.gateways.whatsapp.settings import WhatsAppSettings

__all__ = [
    "MEDIA_BYTES",
    "MediaFile",
    "address_call",
    "download_call",
    "read_address",
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

_AUTHORIZED: Final = {"authorization": "Bearer {access_token}"}
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_MIME: Final = re.compile(r"[a-z]+/[A-Za-z0-9.+-]{1,100}(?:; ?[a-z]+=[A-Za-z0-9.+-]{1,50})?")
_UNQUOTABLE: Final = re.compile(r'[\x00-\x1f\x7f"\\]')


class MediaFile(Value, frozen=True, kw_only=True):
    """Where a file can be had from, for five minutes, and what it is."""

    PRIVATE = frozenset({"url"})

    url: str
    mime_type: str = ""
    sha256: str = ""
    """In hex."""
    size: int | None = None
    """In bytes."""


class _Address(Struct):
    url: str
    mime_type: str = ""
    sha256: str = ""
    file_size: int | str | None = None


def address_call(media_id: str, settings: WhatsAppSettings) -> ProviderCall:
    """Write the call that asks for the address of what a person sent.

    Raises:
      InvalidInput: it is no id of media.

    """
    if _ID.fullmatch(media_id) is None:
        raise InvalidInput("whatsapp: this is no id of media")
    query = f"?phone_number_id={settings.phone_number_id}"
    url = f"{settings.api_url}/{settings.api_version}/{media_id}{query}"
    return ProviderCall(method="GET", url=url, body=b"", media_type="", headers=_AUTHORIZED)


def read_address(response: ProviderResponse) -> MediaFile:
    """Read the answer to ``address_call``.

    Raises:
      InvalidInput: it is no address; ``judge`` says what it is, when it is an error.

    """
    found = decoded(response.body, _Address) if response.status == 200 else None
    if found is None:
        raise InvalidInput("whatsapp: the answer is no address of media")
    size = str(found.file_size)
    return MediaFile(
        url=found.url,
        mime_type=found.mime_type,
        sha256=found.sha256,
        size=int(size[:15]) if size.isascii() and size.isdigit() else None,
    )


def download_call(file: MediaFile, settings: WhatsAppSettings) -> ProviderCall:
    """Write the call that fetches a file, with our token.

    Raises:
      InvalidInput: the address is not one of Meta's, over TLS.

    """
    if not _is_metas(file.url, settings.media_hosts):
        raise InvalidInput("whatsapp: media are fetched from Meta's hosts alone, over TLS")
    return ProviderCall(method="GET", url=file.url, body=b"", media_type="", headers=_AUTHORIZED)


def upload_call(
    file: bytes, mime_type: str, filename: str, settings: WhatsAppSettings
) -> ProviderCall:
    """Write the call that uploads *file*; it is judged ``Sent`` with the id that ``Media`` names.

    Raises:
      InvalidInput: it is empty or larger than Meta takes, or its type is none.

    """
    if _MIME.fullmatch(mime_type) is None:
        raise InvalidInput("whatsapp: a file to upload has a type, such as image/jpeg")
    kind = mime_type.partition(";")[0]
    limit = MEDIA_BYTES.get(kind) or MEDIA_BYTES.get(kind.partition("/")[0], 0)
    if not 0 < len(file) <= limit:
        raise InvalidInput(f"whatsapp: a file of this type has 1 to {limit} bytes")
    # Of the content, so that nothing random is in a call; whoever can put it into the file broke SHA-256.
    boundary = f"sessiond-{hashlib.sha256(file).hexdigest()}"
    named = _UNQUOTABLE.sub("_", filename) or "file"
    parts = (
        b'Content-Disposition: form-data; name="messaging_product"\r\n\r\nwhatsapp',
        f'Content-Disposition: form-data; name="type"\r\n\r\n{mime_type}'.encode(),
        f'Content-Disposition: form-data; name="file"; filename="{named}"\r\n'
        f"Content-Type: {mime_type}\r\n\r\n".encode(errors="replace")
        + file,
    )
    between = f"--{boundary}\r\n".encode()
    body = b"".join(between + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()
    return ProviderCall(
        url=f"{settings.api_url}/{settings.api_version}/{settings.phone_number_id}/media",
        body=body,
        media_type=f"multipart/form-data; boundary={boundary}",
        headers=_AUTHORIZED,
    )


def _is_metas(url: str, hosts: tuple[str, ...]) -> bool:
    if not url.isascii() or not url.isprintable() or {"{", "}", "\\", " "} & set(url):
        return False
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    is_plain = parts.username is None and parts.password is None and port in {None, 443}
    return (
        parts.scheme == "https"
        and is_plain
        and any(host == one or host.endswith(f".{one}") for one in hosts)
    )
