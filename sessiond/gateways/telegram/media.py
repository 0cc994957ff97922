"""What people sent, fetched from Telegram ("getFile"): it says under which path the file is to be had for an hour."""

import re
from typing import Final

import msgspec
from msgspec import Raw, Struct

from sessiond.core.gateways.media import DownloadFailed, DownloadProblem, check_status
from sessiond.core.gateways.messages import ProviderCall, ProviderResponse
from sessiond.core.gateways.pieces import decoded

__all__ = ["DOWNLOAD_BYTES", "address_call", "download_call"]

#: Bytes ("getFile"): bots are not handed out more.
DOWNLOAD_BYTES: Final = 20 * 1024 * 1024

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
