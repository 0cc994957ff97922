"""Telegram as a gateway: who called us, what they sent, what we call, and what the answers mean."""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Never

import msgspec

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Attachment
from sessiond.core.flows.prompts import Media, Output
from sessiond.core.gateways.arrivals import Arrived, Heard, StatusUpdate
from sessiond.core.gateways.fields import host_of
from sessiond.core.gateways.media import file_of
from sessiond.core.gateways.messages import (
    ProviderAnswer,
    ProviderCall,
    ProviderRequest,
    ProviderResponse,
)
from sessiond.core.gateways.port import Judgement, ScreenLimits, Template
from sessiond.core.gateways.refusals import Check
from sessiond.gateways.telegram.judging import judge
from sessiond.gateways.telegram.media import (
    DOWNLOAD_BYTES,
    KEEPS_SECONDS,
    address_call,
    attached_call,
    download_call,
)
from sessiond.gateways.telegram.reading import PLATFORM, Origin, callback_of, read_update
from sessiond.gateways.telegram.settings import LIMITS, TelegramSettings
from sessiond.gateways.telegram.writing import (
    Payload,
    message_payloads,
    prompt_payloads,
    shows_media,
)

__all__ = ["MAX_BODY", "Telegram"]

#: Bytes of an update: one message of 4096 characters, and what it answers.
MAX_BODY: Final = 1024 * 1024

_SECRET: Final = "x-telegram-bot-api-secret-token"
_CHAT: Final = re.compile(r"-?[0-9]{1,19}")
_TEXT: Final = "text/plain"


class Telegram:
    """One bot (``ReceiptGateway``, ``AttachingGateway``, ``DownloadingGateway``)."""

    __slots__ = ("_hashed", "_settings", "_url")

    def __init__(self, settings: TelegramSettings) -> None:
        self._settings = settings
        self._hashed = tuple(_hashed(token) for token in settings.secret_tokens)
        self._url = f"{settings.api_url}/bot{{bot_token}}/"

    @property
    def name(self) -> str:
        """The gateway part of session keys."""
        return self._settings.name

    @property
    def platform(self) -> str:
        """The platform part of session keys."""
        return PLATFORM

    @property
    def limits(self) -> ScreenLimits:
        """What one message holds; longer texts are split. There is no window: who has not blocked us is reached."""
        return ScreenLimits(characters=LIMITS.text)

    @property
    def credentials(self) -> Mapping[str, str]:
        """What the ``{names}`` in calls stand for."""
        return {"bot_token": self._settings.bot_token}

    def check(self, request: ProviderRequest) -> ProviderAnswer | None:
        """Refuse what does not have one of our secrets in its header ("setWebhook"), before it is parsed."""
        if request.method != "POST":
            return _refusal(405)
        if len(request.body) > MAX_BODY:
            return _refusal(413)
        if request.media_type != "application/json":
            return _refusal(415)
        given = request.headers.get(_SECRET, "")
        hashed = _hashed(given)
        # Compared with every one, whichever fits: how long it takes tells nothing.
        same = [hmac.compare_digest(hashed, token) for token in self._hashed]
        if any(same):
            return None
        return _refusal(401, Check.TOKEN_WRONG if given else Check.TOKEN_MISSING)

    def read(self, request: ProviderRequest) -> Sequence[Arrived]:
        """Read the one update that a checked request holds.

        Raises:
          InvalidInput: it is no update of Telegram.

        """
        origin = Origin(host=host_of(request), path=request.path, received_at=request.received_at)
        return [read_update(request.body, self._settings, origin)]

    def acknowledge(self) -> ProviderAnswer:
        """Answer 200: Telegram does not send it again."""
        return ProviderAnswer(media_type=_TEXT)

    def calls(self, output: Output, to: str, *, reference: str = "") -> Sequence[ProviderCall]:
        """Write the calls that show *output* in the chat *to*. *reference* has no place: there are no statuses.

        Raises:
          InvalidInput: there is no such chat, media without id, address and file, or a file of no type.

        """
        del reference
        chat = _chat(to)
        return [self._message(payload, chat, media) for payload, media in self._payloads(output)]

    def template(self, template: Template, to: str, *, reference: str = "") -> Never:
        """Refuse: Telegram has no templates, and no need of them.

        Raises:
          InvalidInput: always.

        """
        del template, to, reference
        raise InvalidInput("telegram: there are no templates")

    def receipt(self, heard: Heard) -> ProviderCall | None:
        """Write the call that says that a tap was taken ("answerCallbackQuery"): the app shows it waiting until then.

        ``None``: it was no tap. What becomes of the call does not matter: it is refused after some minutes.
        """
        callback = callback_of(heard)
        if not callback:
            return None
        return self._call("answerCallbackQuery", {"callback_query_id": callback})

    @property
    def upload_keeps_seconds(self) -> float:
        """How long a file can be sent by its id."""
        return KEEPS_SECONDS

    def attach(self, call: ProviderCall, content: bytes) -> ProviderCall:
        """Write a message with its file in it.

        Raises:
          InvalidInput: it is empty or larger than bots may send.

        """
        return attached_call(call, content)

    @property
    def download_bytes(self) -> int:
        """The largest file that bots are handed out."""
        return DOWNLOAD_BYTES

    def media_address(self, attachment: Attachment) -> ProviderCall:
        """Write the call that asks where what a person sent is.

        Raises:
          DownloadFailed: it has no id of a file.

        """
        return address_call(attachment.id, self._url)

    def download(self, response: ProviderResponse) -> ProviderCall:
        """Write the call that fetches it, from where the answer to that call says.

        Raises:
          DownloadFailed: it is not there, or larger than bots are handed out.

        """
        return download_call(response, self._settings.api_url)

    def judge(self, response: ProviderResponse) -> Judgement:
        """Say what the answer to a call means."""
        return judge(response)

    def judge_status(self, update: StatusUpdate) -> None:
        """Telegram tells no statuses: the answer to the call is all there is."""
        del update

    def _payloads(self, output: Output) -> Iterator[tuple[Payload, Media | None]]:
        for message in output.messages:
            for payload in message_payloads(message):
                yield payload, message.media
        prompt = output.prompt
        if prompt is not None:
            for payload in prompt_payloads(prompt, self._settings):
                yield payload, prompt.media

    def _message(self, payload: Payload, chat: int, media: Media | None) -> ProviderCall:
        method, told = payload
        call = self._call(method, {"chat_id": chat, **told})
        if media is None or not media.path or media.id or not shows_media(payload):
            return call
        return msgspec.structs.replace(call, file=file_of(media, media.kind.value))

    def _call(self, method: str, told: Mapping[str, Any]) -> ProviderCall:
        return ProviderCall(url=self._url + method, body=msgspec.json.encode(told))


def _chat(to: str) -> int:
    if _CHAT.fullmatch(to) is None:
        raise InvalidInput("telegram: a message needs the id of a chat")
    return int(to)


def _hashed(token: str) -> bytes:
    """Make texts comparable: of one length, and no lone surrogate stops it."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def _refusal(status: int, check: Check | None = None) -> ProviderAnswer:
    return ProviderAnswer(status=status, media_type=_TEXT, check=check)
