"""The OpenAPI document (sessiond/edges/http/openapi.py)."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from openapi_spec_validator import validate

from sessiond.core.described import (
    ERROR,
    RETRY_AFTER,
    Body,
    Credential,
    Form,
    Operation,
    Parameter,
    Reply,
)
from sessiond.edges.http.openapi import PATH, openapi, with_description
from sessiond.edges.http.router import Route
from sessiond.net.loop_replies import LOOP_REPLIES
from sessiond.net.messages import Request, Response

THING = Form("Thing", {"type": "object", "properties": {"n": {"type": "integer"}}})
SORRY = Form("Sorry", {"type": "object", "required": ["error"]})
KEY = Credential("key", {"type": "apiKey", "in": "header", "name": "x-key"})

THINGS = Operation(
    summary="Put a thing",
    says="Somewhere.",
    parameters=(
        Parameter(
            name="id", where="path", says="Which.", schema={"type": "string"}, example="seven"
        ),
        Parameter(
            name="dry", where="query", says="Only try.", schema={"type": "boolean"}, required=False
        ),
    ),
    body=Body({"application/json": THING, "application/vnd.thing+json": SORRY}, {"n": 7}),
    replies={
        200: Reply(says="Done.", forms=(THING,)),
        202: Reply(says="Later."),
        413: Reply(says="Too large for us.", forms=(SORRY,)),
        503: Reply(says="Busy.", forms=(ERROR,), headers=RETRY_AFTER),
    },
    credentials=(KEY,),
)


async def nothing(_request: Request, _parameters: Mapping[str, str]) -> Response:
    return Response(200)


def described(*operations: Operation, path: str = "/things/{id}") -> dict[str, Any]:
    routes = [
        Route("PUT", f"{path}{'/x' * n}", nothing, describes=o) for n, o in enumerate(operations)
    ]
    return openapi(routes, "1.2.3")


def test_the_document_is_openapi() -> None:
    """An independent validator takes it, with the server's version."""
    document = described(THINGS)
    validate(document)

    assert ("3.1.1", "1.2.3") == (document["openapi"], document["info"]["version"])


def test_an_operation_is_described() -> None:
    """Parameters, body, credentials and replies; what several have in common is a component."""
    document = described(THINGS)
    put = document["paths"]["/things/{id}"]["put"]
    thing = {"$ref": "#/components/schemas/Thing"}

    assert ("Put a thing", "Somewhere.") == (put["summary"], put["description"])
    assert [("id", "path", True), ("dry", "query", False)] == [
        (one["name"], one["in"], one["required"]) for one in put["parameters"]
    ]
    assert "seven" == put["parameters"][0]["example"]
    assert {
        "required": True,
        "content": {
            f"application/{kind}": {
                "schema": {"$ref": f"#/components/schemas/{name}"},
                "example": {"n": 7},
            }
            for kind, name in (("json", "Thing"), ("vnd.thing+json", "Sorry"))
        },
    } == put["requestBody"]
    assert [{"key": []}] == put["security"]
    assert {"description": "Done.", "content": {"application/json": {"schema": thing}}} == put[
        "responses"
    ]["200"]
    assert {"description": "Later."} == put["responses"]["202"]
    assert THING.schema == document["components"]["schemas"]["Thing"]
    assert {"key": KEY.scheme} == document["components"]["securitySchemes"]


def test_what_the_http_loop_replies_is_every_operations() -> None:
    """With a status of the door's own: both texts, both forms if they differ; never ``default``."""
    responses = described(THINGS)["paths"]["/things/{id}"]["put"]["responses"]
    forms = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("Sorry", "Error")]}

    assert {200, 202, *LOOP_REPLIES} == {int(status) for status in responses}
    assert forms == responses["413"]["content"]["application/json"]["schema"]
    assert f"Too large for us.\n{LOOP_REPLIES[413].says}" == responses["413"]["description"]
    one = responses["503"]
    assert {"$ref": "#/components/schemas/Error"} == one["content"]["application/json"]["schema"]
    assert "integer" == one["headers"]["Retry-After"]["schema"]["type"]


def test_methods_of_one_path_are_together() -> None:
    """And a route that says nothing of itself is left out."""
    routes = [
        Route("GET", "/a", nothing, describes=Operation(summary="Get", replies={})),
        Route("POST", "/a", nothing, describes=Operation(summary="Post", replies={})),
        Route("GET", "/b", nothing),
    ]

    assert {"/a": ["get", "post"]} == {
        path: [*item] for path, item in openapi(routes, "1")["paths"].items()
    }


@pytest.mark.parametrize(
    "other",
    [
        Operation(summary="", replies={200: Reply(says="", forms=(Form("Thing", {}),))}),
        Operation(summary="", replies={}, credentials=(Credential("key", {"type": "http"}),)),
    ],
)
def test_one_name_has_one_meaning(other: Operation) -> None:
    """Two forms or two credentials of one name are a mistake of ours."""
    with pytest.raises(ValueError, match="are called"):
        described(THINGS, other)


async def test_the_document_is_served_and_describes_itself() -> None:
    """As JSON, at one more route."""
    thing = Route("PUT", "/things/{id}", nothing, describes=THINGS)
    first, last = with_description([thing], "1.2.3")
    answer = await last.handler(Request(method="GET", target=PATH, path=PATH), {})

    assert (thing, PATH, "GET") == (first, last.pattern, last.method)
    assert 200 == answer.status
    assert openapi((first, last), "1.2.3") == json.loads(answer.body)
    assert PATH in json.loads(answer.body)["paths"]


async def test_what_is_nobodys_to_know_is_not_served() -> None:
    """A route with a name in place of its path is described to the operator alone."""
    line = Route("POST", "/w/8f2c", nothing, describes=THINGS, label="gateway:line")
    routes = with_description([line], "1.2.3")
    answer = await routes[-1].handler(Request(method="GET", target=PATH, path=PATH), {})

    assert b"8f2c" not in answer.body
    assert "/w/8f2c" in openapi(routes, "1.2.3")["paths"]


def test_a_form_without_a_name_is_written_where_it_is_used() -> None:
    """Two of them may differ, and none is a component."""
    nameless = [Form("", {"type": kind}) for kind in ("string", "object")]
    document = described(
        *(Operation(summary="", body=Body({"text/plain": form}), replies={}) for form in nameless)
    )
    bodies = [item["put"]["requestBody"]["content"] for item in document["paths"].values()]

    assert [{"text/plain": {"schema": form.schema}} for form in nameless] == bodies
    assert "" not in document["components"]["schemas"]


def test_what_stands_in_front_of_a_door_is_said_too() -> None:
    """In its own form, beside that of the door."""
    text = Form("Text", {"type": "string"})
    operation = Operation(
        summary="",
        replies={403: Reply(says="No token.", forms=(text,), media_type="text/plain")},
        in_front={403: Reply(says="Not from there.", forms=(ERROR,)), 429: Reply(says="Too many.")},
    )
    responses = described(operation)["paths"]["/things/{id}"]["put"]["responses"]

    assert "No token.\nNot from there." == responses["403"]["description"]
    assert {"text/plain", "application/json"} == responses["403"]["content"].keys()
    assert "Too many." == responses["429"]["description"]
