r"""Play conversations without a server: for the tests of flows.

::

    from sessiond.testing.conversations import assert_transcript, play

    def test_an_order():
        with play(app, platform="ussd") as phone:
            phone.say("order")
            assert phone.screen == "What size?\n\n1. Small\n2. Large"
            phone.tap("Large")
            phone.advance(hours=2)      # virtual time: what is due expires
            phone.restart()             # everything is rebuilt from what is stored
            assert_transcript(phone, "tests/golden/order.txt")

Real are the routing, the flows, their records and sessions, and the functions of ``c.run`` (unless *results* stand in
for them). Not here: stores, doors, gateways' rendering; ``sessiond.testing.world`` has the first two.

No part of it needs pytest.
"""

from sessiond.testing.conversations.calls import Called
from sessiond.testing.conversations.phone import Phone, ReplayDiffers, play
from sessiond.testing.conversations.transcript import assert_transcript

__all__ = ["Called", "Phone", "ReplayDiffers", "assert_transcript", "play"]
