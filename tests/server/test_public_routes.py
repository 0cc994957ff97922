"""Routes that no door has (sessiond/server/public_routes.py)."""

from sessiond.edges.http.openapi import PATH as DOCUMENT
from sessiond.edges.http.router import Router
from sessiond.edges.websocket.upgrade import PATH as WEBSOCKET
from sessiond.net.messages import Request
from sessiond.runtime.clock import SystemClock
from sessiond.server.public_routes import with_own


async def test_a_get_where_the_websocket_is() -> None:
    """426 with what to upgrade to, no longer "there is nothing at this path"; another method is not allowed."""
    router = Router(with_own([]), SystemClock())
    got, posted = [
        await router(Request(method=method, target=WEBSOCKET, path=WEBSOCKET))
        for method in ("GET", "POST")
    ]

    assert (426, "websocket") == (got.status, dict(got.headers)["upgrade"])
    assert (405, "GET, HEAD") == (posted.status, dict(posted.headers)["allow"])


def test_the_document_is_the_last() -> None:
    """After the routes of the doors, whatever they are."""
    assert [WEBSOCKET, DOCUMENT] == [route.pattern for route in with_own([])]
