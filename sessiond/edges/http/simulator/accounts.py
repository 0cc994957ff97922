"""What the simulator knows of an account: enough to be its provider."""

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

__all__ = ["KINDS", "PROVIDER_PATH", "SimulatedAccount"]

#: The kinds whose provider the page can play, and the tab that does.
KINDS: Final[Mapping[str, str]] = {
    "nalo": "ussd",
    "nsano": "ussd",
    "africastalking": "ussd",
    "http": "ussd",
    "whatsapp": "chat",
    "telegram": "chat",
    "twilio": "chat",
}

#: Where the stand-in of an account's provider is: what its ``api_url`` ends with.
PROVIDER_PATH: Final = "/simulator/provider/"


@frozen(kw_only=True)
class SimulatedAccount:
    """One account as its provider sees it; the secrets are those of its settings."""

    name: str
    kind: str
    path: str
    """Where the provider calls."""
    tab: str = ""
    """``ussd`` or ``chat``: who plays it on the page; empty: nobody can."""
    septets: int | None = None
    """Of a page in the GSM alphabet; ``None``: its texts are not shown in pages."""
    units: int | None = None
    """Of a page in UCS-2."""
    token: str = field(default="", repr=False)
    """What the provider says to be let in; empty: everybody is."""
    own: Mapping[str, Any] = field(factory=dict)
    """What the requests of its kind hold: ids, names of fields, the code to dial."""
    public_url: str = ""
    """Scheme and host that the provider is said to call, when these are not those of the page."""
    signing_secret: str = field(default="", repr=False)
    """Signs webhooks, or is said with them; never leaves the server, but for Telegram's, which is said."""
    credential: str = field(default="", repr=False)
    """What calls to the provider have to bear; never leaves the server."""
    answers_here: bool = True
    """Whether what it sends comes to the stand-in; else it goes to the real provider."""

    def told(self) -> Mapping[str, Any]:
        """Give what the page is told."""
        return {
            "name": self.name,
            "kind": self.kind,
            "path": self.path,
            "tab": self.tab,
            "septets": self.septets,
            "units": self.units,
            "token": self.token,
            "own": self.own,
            "answers_here": self.answers_here,
        }
