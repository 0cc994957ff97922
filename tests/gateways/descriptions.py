"""Whether requests and answers are as a gateway describes them (``GatewayKind.describe``)."""

from typing import Any
from urllib.parse import parse_qsl

import msgspec
from jsonschema import Draft202012Validator

from sessiond.core.described import Operation, Schema
from sessiond.core.gateways.described import Operations
from sessiond.core.gateways.fields import FORM
from sessiond.core.gateways.messages import ProviderAnswer, ProviderRequest

__all__ = ["answer_faults", "request_faults"]


def request_faults(operations: Operations, request: ProviderRequest) -> list[str]:
    """Say in what the body, or the query of a GET, is not as it is described."""
    operation = operations[request.method]
    if operation.body is None:
        return _query_faults(operation, request.query)
    schema = operation.body.forms[request.media_type].schema
    is_form = request.media_type == FORM
    return _faults(schema, _read_form(request.body.decode(), schema) if is_form else _json(request))


def answer_faults(
    operations: Operations, answer: ProviderAnswer, method: str = "POST"
) -> list[str]:
    """Say in what an answer is not as it is described for its status."""
    reply = operations[method].replies[answer.status]
    media_type = answer.media_type.partition(";")[0]
    found = [] if media_type == reply.media_type else [f"{media_type}, not {reply.media_type}"]
    if media_type == "application/json":
        (form,) = reply.forms
        found += _faults(form.schema, msgspec.json.decode(answer.body))
    return found


def _query_faults(operation: Operation, query: str) -> list[str]:
    fields = {one.name: one.schema for one in operation.parameters}
    needed = [one.name for one in operation.parameters if one.required]
    schema = {"type": "object", "properties": fields, "required": needed}
    return _faults(schema, _read_form(query, schema))


def _faults(schema: Schema, value: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(schema).iter_errors(value)]


def _json(request: ProviderRequest) -> Any:
    return msgspec.json.decode(request.body)


def _read_form(text: str, schema: Any) -> dict[str, Any]:
    """Read a form; truth values are words in it."""
    words = {"true": True, "false": False}
    flags = {name for name, one in schema["properties"].items() if one.get("type") == "boolean"}
    found = dict(parse_qsl(text, keep_blank_values=True))
    return {name: words[value] if name in flags else value for name, value in found.items()}
