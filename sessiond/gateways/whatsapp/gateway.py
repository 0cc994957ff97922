"""WhatsApp as a gateway: who called us, what they sent, what we call, and what the answers mean."""

import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.answers import Attachment, Location
from sessiond.core.flows.prompts import Media, Output
from sessiond.core.gateways.arrivals import Arrived, StatusUpdate
from sessiond.core.gateways.fields import host_of
from sessiond.core.gateways.media import file_of
from sessiond.core.gateways.messages import (
    LocalFile,
    ProviderAnswer,
    ProviderCall,
    ProviderRequest,
    ProviderResponse,
)
from sessiond.core.gateways.port import Judgement, ScreenLimits, Template
from sessiond.core.gateways.refusals import Check
from sessiond.core.gateways.statuses import judge_status
from sessiond.gateways.whatsapp.judging import judge, judge_code
from sessiond.gateways.whatsapp.media import (
    DOWNLOAD_BYTES,
    KEEPS_SECONDS,
    address_call,
    download_call,
    upload_call,
)
from sessiond.gateways.whatsapp.messages import PLATFORM, Origin
from sessiond.gateways.whatsapp.reading import read_webhook
from sessiond.gateways.whatsapp.settings import LIMITS, WhatsAppSettings
from sessiond.gateways.whatsapp.writing import (
    Payload,
    location_payload,
    message_payloads,
    prompt_payloads,
    shows_media,
    template_payload,
)

__all__ = ["MAX_BODY", "WhatsApp"]

#: Bytes of a webhook: Meta says up to 3 MB.
MAX_BODY: Final = 4 * 1024 * 1024

#: After the last message of a person ("Customer service windows").
_WINDOW_SECONDS: Final = 24 * 3600.0

_SCREEN_LIMITS: Final = ScreenLimits(characters=LIMITS.text, window_seconds=_WINDOW_SECONDS)

_SIGNATURE: Final = "x-hub-signature-256"
_SIGNED: Final = re.compile(r"sha256=([0-9a-f]{64})")
_CHALLENGE: Final = re.compile(r"[!-~]{1,1024}")
_TEXT: Final = "text/plain"


class WhatsApp:
    """One business number of the Cloud API (``UploadingGateway``, ``DownloadingGateway``)."""

    __slots__ = ("_settings", "_signers", "_url")

    def __init__(self, settings: WhatsAppSettings) -> None:
        self._settings = settings
        # Copied for each webhook: ``hmac.digest`` fetches the algorithm anew, and hands the GIL over for any body.
        self._signers = tuple(
            hmac.new(secret.encode(), digestmod="sha256") for secret in settings.app_secrets
        )
        self._url = f"{settings.api_url}/{settings.api_version}/{settings.phone_number_id}/messages"

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
        """What one message holds; longer texts are split."""
        return _SCREEN_LIMITS

    @property
    def credentials(self) -> Mapping[str, str]:
        """What the ``{names}`` in calls stand for."""
        return {"access_token": self._settings.access_token}

    def check(self, request: ProviderRequest) -> ProviderAnswer | None:
        """Answer a verification; refuse what is not signed with one of our secrets, before it is parsed."""
        if request.method == "GET":
            return self._verification(request)
        if request.method != "POST":
            return _refusal(405)
        if len(request.body) > MAX_BODY:
            return _refusal(413)
        if request.media_type != "application/json":
            return _refusal(415)
        if self._is_signed(request):
            return None
        there = request.headers.get(_SIGNATURE)
        status = 200 if self._settings.drops_unsigned else 401
        return _refusal(status, Check.SIGNATURE_WRONG if there else Check.SIGNATURE_MISSING)

    def read(self, request: ProviderRequest) -> Sequence[Arrived]:
        """Read everything that a checked request holds, in the order of time.

        Raises:
          InvalidInput: it is no webhook of WhatsApp.
          Refused: ``forbidden``: all of it is for other numbers.

        """
        origin = Origin(host=host_of(request), path=request.path, received_at=request.received_at)
        return read_webhook(request.body, self._settings, origin)

    def acknowledge(self) -> ProviderAnswer:
        """Answer 200: Meta does not send it again."""
        return ProviderAnswer(media_type=_TEXT)

    def calls(self, output: Output, to: str, *, reference: str = "") -> Sequence[ProviderCall]:
        """Write the calls that show *output* to *to*: a number, or the business-scoped id of a person.

        *reference* is ``biz_opaque_callback_data``: statuses repeat it.

        Raises:
          InvalidInput: there is no recipient, media without id, address and file, or a file of no type.

        """
        return [
            self._message(payload, to, reference, media)
            for payload, media in self._payloads(output)
        ]

    def template(self, template: Template, to: str, *, reference: str = "") -> ProviderCall:
        """Write the call that sends a template: all that is accepted outside of 24 hours."""
        return self._message(template_payload(template), to, reference)

    def location(self, place: Location, to: str) -> ProviderCall:
        """Write the call that sends a place."""
        return self._message(location_payload(place), to)

    def seen(self, message_id: str, *, types: bool = False) -> ProviderCall:
        """Write the call that marks a message of a person as read, and (*types*) shows that an answer is being written.

        Cloud API reference, "Typing indicators": it goes away with the answer, or after 25 seconds.
        """
        told: dict[str, Any] = {"status": "read", "message_id": message_id}
        return self._call(told | ({"typing_indicator": {"type": "text"}} if types else {}))

    @property
    def upload_keeps_seconds(self) -> float:
        """How long an upload can be sent by its id."""
        return KEEPS_SECONDS

    def upload(self, file: LocalFile, content: bytes) -> ProviderCall:
        """Write the call that uploads media, to be sent by the id that it is judged to have.

        Raises:
          InvalidInput: it is empty or larger than Meta takes, or of no type that Meta takes.

        """
        return upload_call(file, content, self._settings)

    @property
    def download_bytes(self) -> int:
        """The largest file that a person can send."""
        return DOWNLOAD_BYTES

    def media_address(self, attachment: Attachment) -> ProviderCall:
        """Write the call that asks where what a person sent can be had from.

        Raises:
          DownloadFailed: it has no id of media.

        """
        return address_call(attachment.id, self._settings)

    def download(self, response: ProviderResponse) -> ProviderCall:
        """Write the call that fetches it, from where the answer to that call says.

        Raises:
          DownloadFailed: it is not there, or at no host of Meta's.

        """
        return download_call(response, self._settings)

    def judge(self, response: ProviderResponse) -> Judgement:
        """Say what the answer to a call means."""
        return judge(response)

    def judge_status(self, update: StatusUpdate) -> Judgement | None:
        """Say what became of a message that Meta had accepted: most errors come later. ``None``: it is on its way."""
        return judge_status(update, judge_code)

    def _payloads(self, output: Output) -> Iterator[tuple[Payload, Media | None]]:
        for message in output.messages:
            for payload in message_payloads(message):
                yield payload, message.media
        prompt = output.prompt
        if prompt is not None:
            for payload in prompt_payloads(prompt, self._settings):
                yield payload, prompt.media

    def _message(
        self, payload: Payload, to: str, reference: str = "", media: Media | None = None
    ) -> ProviderCall:
        told = {"recipient_type": "individual", **_recipient(to), **payload}
        is_file = media is not None and media.path and not media.id and shows_media(payload)
        return self._call(
            told | {"biz_opaque_callback_data": reference} if reference else told,
            file_of(media) if media is not None and is_file else None,
        )

    def _call(self, told: Mapping[str, Any], file: LocalFile | None = None) -> ProviderCall:
        return ProviderCall(
            url=self._url,
            body=msgspec.json.encode({"messaging_product": "whatsapp", **told}),
            headers={"authorization": "Bearer {access_token}"},
            file=file,
        )

    def _verification(self, request: ProviderRequest) -> ProviderAnswer:
        token = request.parameter("hub.verify_token") or ""
        challenge = request.parameter("hub.challenge") or ""
        is_ours = hmac.compare_digest(
            token.encode(errors="surrogatepass"), self._settings.verify_token.encode()
        )
        if not is_ours:
            return _refusal(403, Check.VERIFY_TOKEN)
        if request.parameter("hub.mode") != "subscribe":
            return _refusal(403, Check.VERIFICATION)
        if _CHALLENGE.fullmatch(challenge) is None:
            return _refusal(400, Check.VERIFICATION)
        return ProviderAnswer(body=challenge.encode(), media_type=_TEXT)

    def _is_signed(self, request: ProviderRequest) -> bool:
        """Compare with every secret, in the same time whichever is right."""
        signed = _SIGNED.fullmatch(request.headers.get(_SIGNATURE, ""))
        if signed is None:
            return False
        signature = bytes.fromhex(signed[1])
        right = 0
        for signer in self._signers:
            signing = signer.copy()
            signing.update(request.body)
            right += hmac.compare_digest(signing.digest(), signature)
        return right > 0


def _recipient(to: str) -> Mapping[str, str]:
    """Address a number by ``to``, and who has none by ``recipient`` ("Business-scoped user IDs", 2026)."""
    digits = to.removeprefix("+")
    if digits.isascii() and digits.isdigit():
        return {"to": digits}
    if not to:
        raise InvalidInput("whatsapp: a message needs a recipient")
    return {"recipient": to}


def _refusal(status: int, check: Check | None = None) -> ProviderAnswer:
    return ProviderAnswer(status=status, media_type=_TEXT, check=check)
