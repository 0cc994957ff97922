"""The simulator of ``sessiond dev``: a phone, a chat and a socket in the browser, against the real doors.

A page without a build step talks to the accounts' own addresses with the providers' own requests. What is here serves
that page, signs what a provider would sign, and stands in for the provider that WhatsApp accounts call.

It hands out secrets, so it is for this machine alone: ``guard.py``.
"""

from sessiond.edges.http.simulator.accounts import SimulatedAccount
from sessiond.edges.http.simulator.door import Simulator

__all__ = ["SimulatedAccount", "Simulator"]
