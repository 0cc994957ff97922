"""Every HTTP door of a server says what it takes and answers."""

import json
import re
from contextlib import AsyncExitStack
from typing import Any

import pytest
from attrs import evolve
from openapi_spec_validator import validate

from sessiond import App
from sessiond.config import Settings
from sessiond.config.gateway_kinds import BUILT_IN
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.edges.http.chat import ChatSettings
from sessiond.edges.http.health import HealthSettings
from sessiond.edges.http.openapi import PATH
from sessiond.net.messages import Request
from sessiond.server import describe
from sessiond.server.node import Node
from sessiond.server.stores import ArrivingStore
from tests.scenarios.fuzzed_server import GATEWAY_TOKEN, accounts

FULL = Settings(
    chat=ChatSettings(tokens=("a-token-of-some-length",)),
    health=HealthSettings(metrics_token="a-token-of-some-length"),
    session_keys=SessionKeySettings(secret="a key of some length"),
    gateways=accounts("http://127.0.0.1:9"),
)
PUBLIC = evolve(
    FULL, chat=ChatSettings(open=True, path="/say"), health=HealthSettings(metrics_public=True)
)


async def test_every_route_is_described() -> None:
    """None of a server with all doors open, and an account of every kind, is left out of the document."""
    node = Node(App(), FULL, ArrivingStore(FULL.store, AsyncExitStack()), "")

    assert [] == [route.pattern for route in node.public.described if route.describes is None]
    assert {route.pattern for route in node.public.described} == (await describe(App(), FULL))[
        "paths"
    ].keys()


@pytest.mark.parametrize("settings", [Settings(), FULL, PUBLIC])
async def test_the_document_is_openapi(settings: Settings) -> None:
    """An independent validator takes it, and each parameter of a path is described."""
    document = await describe(App(), settings)
    validate(document)

    for path, item in document["paths"].items():
        for operation in item.values():
            given = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
            assert set(re.findall(r"\{(.*?)\}", path)) == given
            assert "default" not in operation["responses"]


async def test_the_document_is_of_these_settings() -> None:
    """Doors that are shut are not in it; who needs no credential is asked for none."""
    shut, full, public = [
        (await describe(App(), settings))["paths"] for settings in (Settings(), FULL, PUBLIC)
    ]

    def security(paths: dict[str, Any], path: str, method: str) -> object:
        return paths[path][method]["security"]

    assert "/chat" not in shut
    assert [{"chat": []}] == security(full, "/chat", "post")
    assert [] == security(public, "/say", "post")
    assert [{"metrics": []}] == security(full, "/metrics", "get")
    assert [] == security(public, "/metrics", "get")
    assert {"403": True, "401": False} == {
        status: status in shut["/metrics"]["get"]["responses"] for status in ("403", "401")
    }


async def test_accounts_are_the_operators_to_show() -> None:
    """The document has them, with what each kind takes and no token; what a server tells everybody does not."""
    node = Node(App(), FULL, ArrivingStore(FULL.store, AsyncExitStack()), "")
    served = await node.router(Request(method="GET", target=PATH, path=PATH))
    document = await describe(App(), FULL)
    paths = {path for path in document["paths"] if path.startswith("/gateways/")}

    assert {f"/gateways/{name}" for name in BUILT_IN} == paths
    assert json.loads(served.body)["paths"].keys() == document["paths"].keys() - paths
    assert GATEWAY_TOKEN not in json.dumps(document)
    assert paths.isdisjoint((await describe(App(), FULL, without=paths))["paths"])
