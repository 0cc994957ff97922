"""What a client may send to an HTTP door and what comes back, as values beside the code that does it.

An :class:`Operation` describes one route for programs; ``edges/http/openapi.py`` makes the OpenAPI document of them.
Here, so that every door and every gateway can say it, and none has to know the HTTP door. JSON Schemas are those of
draft 2020-12.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from attrs import field, frozen

from sessiond.core.codes import ErrorCode

__all__ = [
    "ERROR",
    "JSON",
    "RETRY_AFTER",
    "Body",
    "Credential",
    "Form",
    "Operation",
    "Parameter",
    "Reply",
    "Schema",
    "failure",
]

Schema = Mapping[str, object]
"""A JSON Schema."""

JSON: Final = "application/json"


@frozen
class Form:
    """What documents of one kind look like; *name* is CamelCase, and one form has one name.

    Without a name it is written where it is used: the form of an account, which others of its kind do not have.
    """

    name: str
    schema: Schema


@frozen(kw_only=True)
class Parameter:
    """A part of the path, the query or the head of a request."""

    name: str
    where: Literal["path", "query", "header"]
    says: str
    schema: Schema
    required: bool = True
    example: object = None


@frozen
class Body:
    """What is sent: its form, by media type."""

    forms: Mapping[str, Form]
    example: object = None


@frozen(kw_only=True)
class Reply:
    """What comes back with one status: a document of one of *forms*, or, without, nothing."""

    says: str
    forms: tuple[Form, ...] = ()
    media_type: str = JSON
    headers: Mapping[str, Schema] = field(factory=dict)
    """Headers that may be there."""


@frozen
class Credential:
    """A way to say who sends; *scheme* is a Security Scheme Object."""

    name: str
    scheme: Mapping[str, str]


@frozen(kw_only=True)
class Operation:
    """What one method on one path does, for somebody who writes a client."""

    summary: str
    says: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    replies: Mapping[int, Reply]
    """By status; those of the HTTP loop (net/loop_replies.py) are every door's, and not named again."""
    in_front: Mapping[int, Reply] = field(factory=dict)
    """Likewise, of what stands in front of whoever gives *replies*: the door of a gateway."""
    credentials: tuple[Credential, ...] = ()
    """Any one of them lets the sender in; none: no credential is asked for."""


ERROR: Final = Form(
    "Error",
    {
        "type": "object",
        "description": "What went wrong. There may be more fields.",
        "properties": {
            "code": {
                "type": "string",
                "description": "For programs. Stable; an app may add words of its own.",
                "examples": [code.value for code in ErrorCode],
            },
            "reason": {"type": "string", "description": "The same text as `code`."},
            "message": {"type": "string", "description": "For people."},
            "retry_after": {
                "type": "number",
                "minimum": 0,
                "description": "Seconds until it is worth to try again.",
            },
            "applied": {
                "enum": [False, "unknown"],
                "description": "With `timeout`: whether the request may have had its effect.",
            },
        },
        "required": ["code", "reason", "message"],
    },
)
"""The form of every error but those of doors that say otherwise; ``net/http1.py`` and ``edges/http/answers.py``."""


RETRY_AFTER: Final[Mapping[str, Schema]] = MappingProxyType(
    {
        "Retry-After": {
            "type": "integer",
            "minimum": 1,
            "description": "Seconds until it is worth to try again.",
        }
    }
)
"""The header of an answer that says when to come back."""


def failure(says: str, headers: Mapping[str, Schema] | None = None) -> Reply:
    """Describe an answer that is an error in the usual form."""
    return Reply(says=says, forms=(ERROR,), headers=headers or {})
