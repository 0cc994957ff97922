"""Health and metrics pages (sessiond/edges/http/health.py)."""

import json

import pytest
from attrs import define, field

from sessiond.edges.http.health import Health, HealthSettings
from sessiond.edges.http.router import Router
from sessiond.net.messages import Request, Response

TOKEN = "a token of some length"


@define
class Node:
    """What the pages are about; as a clock it stands still."""

    reasons: list[str] = field(factory=list)

    def now(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 0.0


async def ask(
    path: str,
    settings: HealthSettings | None = None,
    node: Node | None = None,
    *,
    peer: str = "127.0.0.1",
    authorization: str | None = None,
) -> Response:
    node = node or Node()
    health = Health(
        settings or HealthSettings(), not_ready=lambda: node.reasons, metrics=lambda: b"up 1\n"
    )
    headers = () if authorization is None else (("authorization", authorization),)
    request = Request(method="GET", target=path, path=path, peer=peer, headers=headers)
    return await Router(health.routes(), node)(request)


async def test_a_process_that_answers_is_alive() -> None:
    """Liveness does not depend on the store: a restart would not bring that back."""
    answer = await ask("/healthz", node=Node(["store away"]))

    assert (answer.status, json.loads(answer.body)) == (200, {"status": "ok"})


async def test_a_node_without_reasons_is_ready() -> None:
    """Nothing speaks against new work."""
    answer = await ask("/readyz")

    assert (answer.status, json.loads(answer.body)) == (200, {"status": "ready"})


async def test_a_node_that_is_not_ready_says_why() -> None:
    """503 with every reason, and when to ask again."""
    answer = await ask("/readyz", node=Node(["store away", "draining"]))

    assert answer.status == 503
    assert json.loads(answer.body)["reasons"] == ["store away", "draining"]
    assert "retry-after" in dict(answer.headers)


@pytest.mark.parametrize(("peer", "status"), [("127.0.0.1", 200), ("10.0.0.1", 403), ("", 403)])
async def test_metrics_are_for_loopback(peer: str, status: int) -> None:
    """Nothing configured: only this machine reads the metrics."""
    assert (await ask("/metrics", peer=peer)).status == status


async def test_metrics_may_be_public() -> None:
    """Somebody decided so."""
    answer = await ask("/metrics", HealthSettings(metrics_public=True), peer="10.0.0.1")

    assert (answer.status, answer.body) == (200, b"up 1\n")
    assert dict(answer.headers)["content-type"].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        (None, 401),
        ("", 401),
        (TOKEN, 401),
        (f"Basic {TOKEN}", 401),
        (f"Bearer {TOKEN}x", 401),
        ("Bearer é", 401),
    ],
)
@pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.1"])
async def test_a_metrics_token_is_needed_once_set(
    authorization: str | None, status: int, peer: str
) -> None:
    """With a token configured it is asked of everybody, loopback and public or not."""
    settings = HealthSettings(metrics_token=TOKEN, metrics_public=True)
    answer = await ask("/metrics", settings, peer=peer, authorization=authorization)

    assert answer.status == status
    assert status == 200 or dict(answer.headers)["www-authenticate"] == "Bearer"


def test_a_metrics_token_is_long_and_hidden() -> None:
    """An empty or short token is a mistake; a repr shows none."""
    with pytest.raises(ValueError, match="metrics_token"):
        HealthSettings(metrics_token="")
    assert TOKEN not in repr(HealthSettings(metrics_token=TOKEN))
