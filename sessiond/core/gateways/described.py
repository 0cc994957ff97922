"""What gateways say of the requests they take, for the OpenAPI document: values beside the code that reads and writes.

A kind describes an account by method (``GatewayKind.describe``); the door takes these methods and no others.
"""

from collections.abc import Mapping
from typing import Final

from attrs import evolve, frozen

from sessiond.core.conversations.phone import MAX_PHONE_TEXT
from sessiond.core.described import Body, Credential, Form, Operation, Parameter, Reply, Schema
from sessiond.core.gateways.access import TOKEN_PARAMETER, AccessSettings
from sessiond.core.gateways.fields import FORM

__all__ = [
    "ANY_TEXT",
    "PHONE",
    "TEXT",
    "Operations",
    "Request",
    "id_field",
    "text_field",
    "text_reply",
    "with_access",
    "with_signature",
]

Operations = Mapping[str, Operation]
"""What an account takes, by method."""

TEXT: Final = "text/plain"

#: A text for people or machines, of no other form.
ANY_TEXT: Final = Form("Text", {"type": "string"})

#: A person's number, however providers write it.
PHONE: Final[Schema] = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_PHONE_TEXT,
    "format": "phone",
}

#: Where a text is due, its digits may come as a number: ``Fields.text``.
_DIGITS: Final[Schema] = {"type": ["string", "integer", "null"], "minimum": 0}


def text_field(longest: int, says: str = "") -> Schema:
    """Describe a field that ``Fields.text`` reads."""
    return {**_DIGITS, "maxLength": longest, **_said(says)}


def id_field(longest: int = 128, says: str = "", *, needed: bool = False) -> Schema:
    """Describe a field that ``Fields.id`` reads: visible ASCII characters."""
    if needed:
        pattern = {"type": ["string", "integer"], "pattern": "^ *[!-~][ -~]*$"}
        return {**_DIGITS, **pattern, "minLength": 1, "maxLength": longest, **_said(says)}
    return {**_DIGITS, "pattern": "^[ -~]*$", "maxLength": longest, **_said(says)}


def text_reply(says: str) -> Reply:
    """Describe an answer that is text, or empty."""
    return Reply(says=says, forms=(ANY_TEXT,), media_type=TEXT)


@frozen(kw_only=True)
class Request:
    """A request as an answering gateway takes it, whoever may send it."""

    summary: str
    fields: Mapping[str, Schema]
    """In the body, or of a GET in the query; there may be others."""
    needed: tuple[str, ...]
    """Those that may not be absent."""
    example: Mapping[str, object]
    media_types: tuple[str, ...]
    replies: Mapping[int, Reply]
    method: str = "POST"


def with_access(
    request: Request, settings: AccessSettings, *, in_header: bool = False
) -> Operations:
    """Describe *request* of those whom ``Access`` lets in, with its refusals."""
    scheme = (
        {"type": "http", "scheme": "bearer"}
        if in_header
        else {"type": "apiKey", "in": "query", "name": TOKEN_PARAMETER}
    )
    name = "gatewayBearer" if in_header else "gatewayToken"
    replies = {**request.replies, 413: text_reply("More than a request holds.")}
    if not settings.open:
        replies[401] = text_reply("The token is missing or unknown.")
    operation = Operation(
        summary=request.summary,
        replies=replies,
        credentials=() if settings.open else (Credential(name, scheme),),
    )
    if request.method == "GET":
        return {"GET": evolve(operation, parameters=_in_query(request))}
    wrong_type = text_reply(f"The body is not {' or '.join(request.media_types)}.")
    body = Body({kind: _form(request, kind) for kind in request.media_types}, request.example)
    return {request.method: evolve(operation, body=body, replies={**replies, 415: wrong_type})}


def with_signature(
    summary: str,
    body: Body,
    signature: Credential,
    *,
    says: str = "",
    acknowledged: Reply,
    refused: int = 401,
) -> Operation:
    """Describe the webhook of a calling gateway, which is signed, or has a secret in its head, and is only accepted."""
    return Operation(
        summary=summary,
        says=says,
        body=body,
        replies={
            200: acknowledged,
            refused: text_reply("It is not signed as it should be."),
            413: text_reply("More than the provider sends."),
            415: text_reply(f"The body is not {' or '.join(body.forms)}."),
        },
        credentials=(signature,),
    )


def _form(request: Request, media_type: str) -> Form:
    """Describe the fields; a form holds texts, each under a name of its own, so no null and no list."""
    schema = {"type": "object", "properties": request.fields, "required": [*request.needed]}
    if media_type == FORM:
        fields = {name: _in_form(field) for name, field in request.fields.items()}
        others = {"type": ["string", "number", "boolean"]}
        schema |= {"properties": fields, "additionalProperties": others}
    return Form("", schema)


def _in_form(field: Schema) -> Schema:
    kinds = field.get("type")
    if not isinstance(kinds, list):
        return field
    return {**field, "type": [kind for kind in kinds if kind != "null"]}


def _in_query(request: Request) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(
            name=name,
            where="query",
            says=str(schema.get("description", "")),
            schema=_in_form(schema),
            required=name in request.needed,
            example=request.example.get(name),
        )
        for name, schema in request.fields.items()
    )


def _said(says: str) -> Schema:
    return {"description": says} if says else {}
