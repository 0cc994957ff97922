"""Twilio as a gateway: who called us, what they sent, what we call, and what the answers mean."""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import InvalidInput, Refused
from sessiond.core.flows.answers import Attachment
from sessiond.core.flows.prompts import Output
from sessiond.core.gateways.arrivals import Arrived, StatusUpdate
from sessiond.core.gateways.fields import FORM, JSON, Fields, host_of
from sessiond.core.gateways.messages import (
    ProviderAnswer,
    ProviderCall,
    ProviderRequest,
    ProviderResponse,
)
from sessiond.core.gateways.port import Judgement, ScreenLimits, Template
from sessiond.core.gateways.refusals import Check
from sessiond.core.gateways.statuses import judge_status
from sessiond.gateways.twilio.codes import judge_code
from sessiond.gateways.twilio.form import Pairs, fields_of
from sessiond.gateways.twilio.judging import judge
from sessiond.gateways.twilio.media import DOWNLOAD_BYTES, address_call, download_call
from sessiond.gateways.twilio.messages import Origin, person_of, read_message
from sessiond.gateways.twilio.settings import (
    LIMITS,
    WHATSAPP,
    WHATSAPP_PREFIX,
    TwilioSettings,
)
from sessiond.gateways.twilio.signing import SIGNATURE, is_signed, signer_of
from sessiond.gateways.twilio.statuses import REFERENCE, callback_url, read_status
from sessiond.gateways.twilio.writing import output_forms, template_form

__all__ = ["MAX_BODY", "Twilio"]

#: Bytes of a webhook: one message of at most 4096 characters, and what Twilio says around it.
MAX_BODY: Final = 128 * 1024

#: WhatsApp's: after the last message of a person.
_WINDOW_SECONDS: Final = 24 * 3600.0

_AUTHORIZED: Final[Mapping[str, str]] = {"authorization": "Basic {basic}"}
_SILENCE: Final = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
_TEXT: Final = "text/plain"
_SID: Final = re.compile(r"[A-Z]{2}[0-9a-zA-Z]{1,62}")


class Twilio:
    """One sender, or messaging service, of an account (``CallingGateway``, ``DownloadingGateway``)."""

    __slots__ = ("_account_url", "_settings", "_signers")

    def __init__(self, settings: TwilioSettings) -> None:
        self._settings = settings
        self._signers = tuple(map(signer_of, settings.auth_tokens))
        self._account_url = f"{settings.api_url}/2010-04-01/Accounts/{settings.account_sid}/"

    @property
    def name(self) -> str:
        """The gateway part of session keys."""
        return self._settings.name

    @property
    def platform(self) -> str:
        """The platform part of session keys: ``sms`` or ``whatsapp``."""
        return self._settings.platform

    @property
    def limits(self) -> ScreenLimits:
        """What one message holds; longer texts are split. SMS are always taken, WhatsApp's for a day."""
        window = _WINDOW_SECONDS if self._settings.platform == WHATSAPP else None
        return ScreenLimits(characters=LIMITS.text, window_seconds=window)

    @property
    def credentials(self) -> Mapping[str, str]:
        """What the ``{names}`` in calls stand for: a key, or the account with its first token, for Basic (RFC 7617)."""
        settings = self._settings
        user, secret = settings.account_sid, settings.auth_tokens[0]
        if settings.api_key_sid:
            user, secret = settings.api_key_sid, settings.api_key_secret
        return {"basic": base64.b64encode(f"{user}:{secret}".encode()).decode()}

    def check(self, request: ProviderRequest) -> ProviderAnswer | None:
        """Refuse what is not signed with one of our tokens, before anything but the form is looked at."""
        if request.method != "POST":
            return _refusal(405)
        if len(request.body) > MAX_BODY:
            return _refusal(413)
        if request.media_type not in {FORM, JSON}:
            return _refusal(415)
        if is_signed(request, self._signers):
            return None
        there = request.headers.get(SIGNATURE)
        return _refusal(403, Check.SIGNATURE_WRONG if there else Check.SIGNATURE_MISSING)

    def read(self, request: ProviderRequest) -> Sequence[Arrived]:
        """Read the message of a person, or what became of one of ours.

        Raises:
          InvalidInput: it is no webhook of Twilio's messaging.
          Refused: ``forbidden``: it is for another account, or another number.

        """
        fields = fields_of(request)
        if fields.id("AccountSid") != self._settings.account_sid:
            raise Refused(ErrorCode.FORBIDDEN, "twilio: the webhook is for another account")
        sid = fields.id("MessageSid")
        if _SID.fullmatch(sid) is None:
            raise InvalidInput("twilio: MessageSid is missing, or none")
        if fields.text("MessageStatus", longest=64):
            return [read_status(fields, sid, request.parameter(REFERENCE) or "")]
        if not self._is_ours(fields):
            raise Refused(ErrorCode.FORBIDDEN, "twilio: the webhook is for another number")
        origin = Origin(host=host_of(request), path=request.path)
        return read_message(fields, sid, self._settings, origin)

    def acknowledge(self) -> ProviderAnswer:
        """Answer with no instructions (TwiML): what the conversation shows leaves as calls."""
        return ProviderAnswer(body=_SILENCE, media_type="text/xml")

    def calls(self, output: Output, to: str, *, reference: str = "") -> Sequence[ProviderCall]:
        """Write the calls that show *output* to *to*: a number, or the business-scoped id of a person on WhatsApp.

        *reference* comes back in statuses, where there is a ``status_url``.

        Raises:
          InvalidInput: there is no recipient, or media without address.

        """
        return [self._message(form, to, reference) for form in output_forms(output, self._settings)]

    def template(self, template: Template, to: str, *, reference: str = "") -> ProviderCall:
        """Write the call that sends a template: all that WhatsApp accepts outside of 24 hours.

        Raises:
          InvalidInput: there is no recipient, or the template's name is no ``ContentSid``.

        """
        return self._message(template_form(template), to, reference)

    @property
    def download_bytes(self) -> int:
        """The largest file that Twilio hands on."""
        return DOWNLOAD_BYTES

    def media_address(self, attachment: Attachment) -> ProviderCall:
        """Write the call that asks where what a person sent is.

        Raises:
          DownloadFailed: its address is not one of our account's.

        """
        return address_call(attachment.url, self._account_url)

    def download(self, response: ProviderResponse) -> ProviderCall:
        """Write the call that fetches it, from where the answer to that call leads.

        Raises:
          DownloadFailed: it is not there, or not where Twilio keeps media.

        """
        return download_call(response, self._settings)

    def judge(self, response: ProviderResponse) -> Judgement:
        """Say what the answer to a call means."""
        return judge(response)

    def judge_status(self, update: StatusUpdate) -> Judgement | None:
        """Say what became of a message that Twilio had accepted: most errors come later. ``None``: it is on its way."""
        return judge_status(update, judge_code)

    def _is_ours(self, fields: Fields) -> bool:
        settings = self._settings
        service = fields.id("MessagingServiceSid")
        if settings.messaging_service_sid and service == settings.messaging_service_sid:
            return True
        to = (fields.text("To", longest=320) or "").removeprefix(WHATSAPP_PREFIX)
        return bool(settings.sender) and to == settings.sender

    def _message(self, form: Pairs, to: str, reference: str) -> ProviderCall:
        settings = self._settings
        told = [("To", self._address(_recipient(to)))]
        if settings.messaging_service_sid:
            told.append(("MessagingServiceSid", settings.messaging_service_sid))
        else:
            told.append(("From", self._address(settings.sender)))
        if settings.status_url:
            told.append(("StatusCallback", callback_url(settings.status_url, reference)))
        return ProviderCall(
            url=f"{self._account_url}Messages.json",
            body=urlencode([*told, *form]).encode(),
            media_type=FORM,
            headers=_AUTHORIZED,
        )

    def _address(self, number: str) -> str:
        return f"{WHATSAPP_PREFIX}{number}" if self._settings.platform == WHATSAPP else number


def _recipient(to: str) -> str:
    person = person_of(to)
    if not person:
        raise InvalidInput("twilio: a message needs a recipient")
    return person


def _refusal(status: int, check: Check | None = None) -> ProviderAnswer:
    return ProviderAnswer(status=status, media_type=_TEXT, check=check)
