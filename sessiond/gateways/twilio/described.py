"""What requests of Twilio look like, for the OpenAPI document. Its own reference has the whole of it."""

from typing import Final

from sessiond.core.described import Body, Credential, Form, Reply, Schema
from sessiond.core.gateways.described import Operations, with_signature
from sessiond.core.gateways.fields import FORM, JSON
from sessiond.gateways.twilio.settings import WHATSAPP, WHATSAPP_PREFIX, TwilioSettings

__all__ = ["describe"]

_SIGNATURE: Final = Credential(
    "twilioSignature",
    {
        "type": "apiKey",
        "in": "header",
        "name": "X-Twilio-Signature",
        "description": "Base64 of the HMAC-SHA-1 of the address and the form; of JSON, of the address with its hash.",
    },
)

_SILENCE: Final = Reply(
    says="It is durable. No instructions: what is shown leaves as calls.",
    forms=(Form("TwiML", {"type": "string"}),),
    media_type="text/xml",
)


def describe(settings: TwilioSettings) -> Operations:
    """Describe the webhook of a sender."""
    webhook = with_signature(
        "Twilio: a message, or what became of one",
        Body(dict.fromkeys((FORM, JSON), Form("", _webhook(settings))), _example(settings)),
        _SIGNATURE,
        acknowledged=_SILENCE,
        refused=403,
    )
    return {"POST": webhook}


def _webhook(settings: TwilioSettings) -> Schema:
    address: Schema = {"type": "string", "maxLength": 320}
    service: Schema = {"type": "string"}
    ours: list[Schema] = [{"required": ["MessageStatus"]}]
    if settings.messaging_service_sid:
        service = {"const": settings.messaging_service_sid}
        ours.append({"required": ["MessagingServiceSid"]})
    if settings.sender:
        ours.append({"properties": {"To": {"const": _ours(settings)}}, "required": ["To"]})
    return {
        "type": "object",
        "properties": {
            "AccountSid": {"const": settings.account_sid},
            "MessageSid": {"type": "string", "pattern": "^[A-Z]{2}[0-9a-zA-Z]{1,62}$"},
            "From": address,
            "To": address,
            "Body": {"type": "string"},
            "MessagingServiceSid": service,
            "MessageStatus": {
                "type": "string",
                "minLength": 1,
                "maxLength": 64,
                "description": "What became of our message; not there in a person's.",
            },
        },
        "required": ["AccountSid", "MessageSid"],
        "anyOf": ours,
    }


def _ours(settings: TwilioSettings) -> str:
    prefix = WHATSAPP_PREFIX if settings.platform == WHATSAPP else ""
    return prefix + settings.sender


def _example(settings: TwilioSettings) -> object:
    ours: dict[str, str] = {"To": _ours(settings)} if settings.sender else {}
    if settings.messaging_service_sid:
        ours = {"MessagingServiceSid": settings.messaging_service_sid}
    return {
        "AccountSid": settings.account_sid,
        "MessageSid": "SM" + "a" * 32,
        "From": "+233241112223",
        "Body": "hi",
        **ours,
    }
