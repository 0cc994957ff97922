"""What requests of WhatsApp look like, for the OpenAPI document. Meta's reference has the whole of it."""

from typing import Final

from attrs import evolve

from sessiond.core.described import JSON, Body, Credential, Form, Operation, Parameter, Schema
from sessiond.core.gateways.described import Operations, text_reply, with_signature
from sessiond.gateways.whatsapp.answers import KINDS
from sessiond.gateways.whatsapp.settings import WhatsAppSettings

__all__ = ["describe"]

_SIGNATURE: Final = Credential(
    "metaSignature",
    {
        "type": "apiKey",
        "in": "header",
        "name": "X-Hub-Signature-256",
        "description": "`sha256=` and the HMAC-SHA-256 of the body in hex.",
    },
)
_VERIFY_TOKEN: Final = Credential(
    "metaVerifyToken", {"type": "apiKey", "in": "query", "name": "hub.verify_token"}
)

_ACCEPTED: Final = text_reply("All that it holds is durable.")

_VERIFICATION: Final = Operation(
    summary="WhatsApp: Meta verifies the address",
    parameters=(
        Parameter(
            name="hub.mode", where="query", says="What is asked.", schema={"const": "subscribe"}
        ),
        Parameter(
            name="hub.challenge",
            where="query",
            says="What the answer is.",
            schema={"type": "string", "pattern": "^[!-~]{1,1024}$"},
            example="1158201444",
        ),
    ),
    replies={
        200: text_reply("The challenge."),
        400: text_reply("There is no challenge."),
        403: text_reply("The verify token is wrong, or this is no verification."),
    },
    credentials=(_VERIFY_TOKEN,),
)


def describe(settings: WhatsAppSettings) -> Operations:
    """Describe the webhook of one number, and its verification."""
    webhook = with_signature(
        "WhatsApp: messages, statuses and news",
        Body({JSON: Form("", _webhook(settings))}, _example(settings)),
        _SIGNATURE,
        says="Everything that Meta gathered, in order. Of what is not known operators are told.",
        acknowledged=_ACCEPTED,
    )
    if settings.drops_unsigned:
        kept = {status: reply for status, reply in webhook.replies.items() if status != 401}
        webhook = evolve(webhook, replies=kept)
    return {"GET": _VERIFICATION, "POST": webhook}


def _webhook(settings: WhatsAppSettings) -> Schema:
    """Describe the envelope; what is in it may be anything, and is read one by one."""
    message = {
        "type": "object",
        "properties": {
            "id": {"type": "string", "minLength": 1, "maxLength": 128},
            "timestamp": {"type": "string", "pattern": "^[0-9]{1,10}$"},
            "type": {
                "type": "string",
                "anyOf": [{"enum": [*KINDS]}, {"description": "Operators are told of it."}],
            },
            "from": {"type": "string", "format": "phone"},
            "text": {"type": "object", "properties": {"body": {"type": "string"}}},
        },
        "required": ["id", "timestamp", "type"],
    }
    metadata = {
        "type": "object",
        "properties": {"phone_number_id": {"const": settings.phone_number_id}},
        "required": ["phone_number_id"],
    }
    value = {
        "type": "object",
        "properties": {
            "metadata": metadata,
            "messages": {"type": "array", "items": message},
            "statuses": {"type": "array", "items": {"type": "object"}},
        },
    }
    change = {
        "type": "object",
        "properties": {"field": {"type": "string", "examples": ["messages"]}, "value": value},
        "required": ["field", "value"],
    }
    whose: Schema = {"type": "string"}
    if settings.business_account_id:
        whose = {"const": settings.business_account_id}
    entry = {
        "type": "object",
        "properties": {"id": whose, "changes": {"type": "array", "items": change}},
        "required": ["id", "changes"],
    }
    return {
        "type": "object",
        "properties": {
            "object": {"const": "whatsapp_business_account"},
            "entry": {"type": "array", "items": entry},
        },
        "required": ["object", "entry"],
    }


def _example(settings: WhatsAppSettings) -> object:
    message = {
        "from": "233241112223",
        "id": "wamid.1",
        "timestamp": "1739321024",
        "type": "text",
        "text": {"body": "hi"},
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"phone_number_id": settings.phone_number_id},
        "messages": [message],
    }
    change = {"field": "messages", "value": value}
    whose = settings.business_account_id or "102290129340398"
    return {"object": "whatsapp_business_account", "entry": [{"id": whose, "changes": [change]}]}
