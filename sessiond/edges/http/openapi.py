"""The OpenAPI 3.1 document of the HTTP doors, made of what each route says of itself, and served at ``/openapi.json``.

Everybody may read it: it says what doors there are and what they take, and names no hook, user, account or secret. A
route that does not describe itself is left out, and so is one whose path is nobody's to know (``Route.label``).

No operation has a ``default`` answer: every status that can come is named, and the tests hold the doors to it.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from sessiond.core.described import (
    Body,
    Credential,
    Form,
    Operation,
    Parameter,
    Reply,
)
from sessiond.edges.http.answers import json_answer
from sessiond.edges.http.router import Route
from sessiond.net.loop_replies import LOOP_REPLIES
from sessiond.net.messages import Request, Response

__all__ = ["PATH", "openapi", "with_description"]

PATH: Final = "/openapi.json"

_ABOUT: Final = """\
The HTTP doors of a sessiond server. What goes over the websocket is not HTTP and is described in the manual.

`HEAD` is answered wherever `GET` is. Another method is answered 405, with `Allow`; a path that is not here 404; both
in the form of all errors."""

_DOCUMENT: Final = Form(
    "OpenApi",
    {
        "type": "object",
        "properties": {"openapi": {"type": "string", "pattern": "^3\\.1\\."}},
        "required": ["openapi", "info", "paths"],
    },
)

_ITSELF: Final = Operation(
    summary="This document",
    replies={200: Reply(says="OpenAPI 3.1.", forms=(_DOCUMENT,))},
)


def with_description(routes: Iterable[Route], version: str) -> tuple[Route, ...]:
    """Add the route of the document that describes *routes* and itself."""
    document = b""

    async def answer(_request: Request, _parameters: Mapping[str, str]) -> Response:
        return json_answer(200, document)

    described = (*routes, Route("GET", PATH, answer, describes=_ITSELF))
    known = [route for route in described if not route.label]
    document = msgspec.json.encode(openapi(known, version))
    return described


def openapi(routes: Iterable[Route], version: str) -> dict[str, Any]:
    """Describe *routes*; *version* is that of this server.

    Raises:
      ValueError: two forms or two credentials have the same name and are not the same.

    """
    parts = _Parts()
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if route.describes is not None:
            about = parts.operation(route.describes)
            paths.setdefault(route.pattern, {})[route.method.lower()] = about
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "sessiond",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {"schemas": parts.forms, "securitySchemes": parts.credentials},
    }


class _Parts:
    """What operations have in common, collected while they are described."""

    def __init__(self) -> None:
        self.forms: dict[str, Mapping[str, object]] = {}
        self.credentials: dict[str, Mapping[str, str]] = {}

    def operation(self, operation: Operation) -> dict[str, Any]:
        about: dict[str, Any] = {"summary": operation.summary}
        if operation.says:
            about["description"] = operation.says
        if operation.parameters:
            about["parameters"] = [_parameter(one) for one in operation.parameters]
        if operation.body is not None:
            about["requestBody"] = self._body(operation.body)
        about["responses"] = {
            str(status): self._response(status, operation)
            for status in sorted({*operation.replies, *operation.in_front, *LOOP_REPLIES})
        }
        about["security"] = [self._credential(one) for one in operation.credentials]
        return about

    def _body(self, body: Body) -> dict[str, Any]:
        example = {} if body.example is None else {"example": body.example}
        content = {
            kind: {"schema": self._form(form), **example} for kind, form in body.forms.items()
        }
        return {"required": True, "content": content}

    def _response(self, status: int, operation: Operation) -> dict[str, Any]:
        """Describe what may come with *status*, from the door and from what is in front of it."""
        everybody = (operation.replies, operation.in_front, LOOP_REPLIES)
        found = [replies.get(status) for replies in everybody]
        replies = [one for one in found if one is not None]
        headers = {name: header for one in replies for name, header in one.headers.items()}
        response: dict[str, Any] = {
            "description": "\n".join(one.says for one in replies) or HTTPStatus(status).phrase
        }
        if headers:
            response["headers"] = {name: _header(schema) for name, schema in headers.items()}
        content: dict[str, list[Form]] = {}
        for one in replies:
            forms = content.setdefault(one.media_type, [])
            forms += [form for form in one.forms if form not in forms]
        if any(content.values()):
            response["content"] = {
                kind: {"schema": self._any_of(forms)} for kind, forms in content.items() if forms
            }
        return response

    def _any_of(self, forms: list[Form]) -> Mapping[str, Any]:
        found = [self._form(form) for form in forms]
        return found[0] if len(found) == 1 else {"anyOf": found}

    def _form(self, form: Form) -> Mapping[str, Any]:
        if not form.name:
            return form.schema
        if self.forms.setdefault(form.name, form.schema) != form.schema:
            raise ValueError(f"two forms are called {form.name}")
        return {"$ref": f"#/components/schemas/{form.name}"}

    def _credential(self, credential: Credential) -> dict[str, list[str]]:
        kept = self.credentials.setdefault(credential.name, credential.scheme)
        if kept != credential.scheme:
            raise ValueError(f"two credentials are called {credential.name}")
        return {credential.name: []}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    about: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.required,
        "description": parameter.says,
        "schema": parameter.schema,
    }
    if parameter.example is not None:
        about["example"] = parameter.example
    return about


def _header(schema: Mapping[str, object]) -> dict[str, Any]:
    rest = {name: value for name, value in schema.items() if name != "description"}
    return {"description": schema.get("description", ""), "schema": rest}
