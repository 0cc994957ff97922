"""GET where a websocket is expected (sessiond/edges/websocket/plain.py)."""

import json

from sessiond.edges.websocket.plain import OPERATION, answer_plain
from sessiond.edges.websocket.upgrade import PATH
from sessiond.net.messages import Request


async def test_a_request_that_is_no_upgrade_is_told_so() -> None:
    """426 with the protocol to upgrade to, whoever sends it."""
    answer = await answer_plain(Request(method="GET", target=PATH, path=PATH), {})

    assert (426, "websocket") == (answer.status, dict(answer.headers)["upgrade"])
    assert "bad_request" == json.loads(answer.body)["code"]


def test_both_ways_are_described() -> None:
    """The websocket, and the answer to whoever does not ask for one."""
    assert {101, 426} <= OPERATION.replies.keys()
