"""What the HTTP loop answers (sessiond/net/loop_replies.py)."""

from sessiond.core.described import ERROR
from sessiond.net.loop_replies import LOOP_REPLIES


def test_replies_of_the_loop_are_errors() -> None:
    """Each has the form of an error and says what it means; the only one to wait for says how long."""
    assert all(reply.forms == (ERROR,) and reply.says for reply in LOOP_REPLIES.values())
    assert [503] == [status for status, reply in LOOP_REPLIES.items() if reply.headers]
