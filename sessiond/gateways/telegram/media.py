"""Media: sent with the first message that shows them, by their id with the next; and fetched when somebody wants them.

"Sending files": an id is this bot's, for one kind of media, and has no end. "getFile": says under which path a file is
to be had, for an hour.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from sessiond.core.errors import InvalidInput
from sessiond.core.gateways.media import MEDIA_ID, DownloadFailed, DownloadProblem, check_status
from sessiond.core.gateways.messages import ProviderCall, ProviderResponse
from sessiond.core.gateways.multipart import multipart
from sessiond.core.gateways.pieces import decoded

__all__ = [
    "DOWNLOAD_BYTES",
    "KEEPS_SECONDS",
    "UPLOAD_BYTES",
    "address_call",
    "attached_call",
    "download_call",
]

#: Bytes ("getFile"): bots are not handed out more.
DOWNLOAD_BYTES: Final = 20 * 1024 * 1024

_MB: Final = 1024 * 1024

#: Bytes ("Sending files"), of photos and of everything else.
UPLOAD_BYTES: Final[Mapping[str, int]] = {"sendPhoto": 10 * _MB}
_OTHER_BYTES: Final = 50 * _MB

#: As good as for ever.
KEEPS_SECONDS: Final = 365 * 86_400.0

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
_PATH: Final = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9_.-]*/)*[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_TOO_BIG: Final = "too big"


class _File(Struct):
    file_path: str = ""


class _Answer(Struct):
    ok: bool
    result: Raw = Raw(b"null")
    error_code: int | None = None
    description: str = ""


def attached_call(call: ProviderCall, content: bytes) -> ProviderCall:
    """Write *call* as a form with its file in it, instead of the id.

    Raises:
      InvalidInput: it is empty or larger than bots may send, or the message is none with a file.

    """
    limit = UPLOAD_BYTES.get(call.url.rpartition("/")[2], _OTHER_BYTES)
    if not 0 < len(content) <= limit:
        raise InvalidInput(f"telegram: a file of this kind has 1 to {limit} bytes")
    told = msgspec.json.decode(call.body, type=dict[str, Any])
    name = next((name for name, value in told.items() if value == MEDIA_ID), "")
    if not name or call.file is None:
        raise InvalidInput("telegram: the message shows no file")
    del told[name]
    fields = {
        one: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for one, value in told.items()
    }
    body, media_type = multipart(fields, name, call.file, content)
    return msgspec.structs.replace(call, body=body, media_type=media_type, file=None)


def address_call(file_id: str, bot_url: str) -> ProviderCall:
    """Write the call that asks for the path of a file.

    Raises:
      DownloadFailed: it is no id of a file.

    """
    if _ID.fullmatch(file_id) is None:
        raise DownloadFailed(DownloadProblem.REFUSED, "telegram: this is no id of a file")
    return ProviderCall(url=f"{bot_url}getFile", body=msgspec.json.encode({"file_id": file_id}))


def download_call(response: ProviderResponse, api_url: str) -> ProviderCall:
    """Write the call that fetches the file that the answer to ``address_call`` names.

    Raises:
      DownloadFailed: it is not there, too large, or at no path of Telegram's.

    """
    answer = decoded(response.body, _Answer)
    if answer is None or not answer.ok:
        _refuse(response.status, answer)
        raise DownloadFailed(DownloadProblem.UNAVAILABLE, "telegram: the answer is no file")
    file = decoded(answer.result, _File)
    if file is None or not file.file_path:
        raise DownloadFailed(DownloadProblem.UNAVAILABLE, "telegram: the answer names no file")
    if _PATH.fullmatch(file.file_path) is None:
        raise DownloadFailed(DownloadProblem.REFUSED, "telegram: the file is at no path of a file")
    url = f"{api_url}/file/bot{{bot_token}}/{file.file_path}"
    return ProviderCall(method="GET", url=url, body=b"", media_type="")


def _refuse(status: int, answer: _Answer | None) -> None:
    """Say what an error means for a file: 400 is what Telegram has not (any more), or hands out to no bot."""
    code = status if answer is None or answer.error_code is None else answer.error_code
    if code == 400:
        is_large = answer is not None and _TOO_BIG in answer.description
        problem = DownloadProblem.TOO_LARGE if is_large else DownloadProblem.EXPIRED
        raise DownloadFailed(problem, "telegram: 400: the file is not handed out")
    if code == 404:  # about the address that we call, which holds the token
        raise DownloadFailed(DownloadProblem.REFUSED, "telegram: 404: there is no such bot")
    check_status(code)
