"""What app authors use: ``App`` and its decorators, and the ``Session`` that handlers are given.

A handler runs within a turn: everything it asks for (data, pushes, timers, the reply) happens together once the turn
is durable, or not at all. It may await; while it does, no other input of the same user is handled.

    from sessiond import App, Session

    app = App()

    @app.on("deal:update")
    async def deal_update(session: Session, payload: dict) -> dict:
        session.data["deal"] = payload["id"]
        session.push("deal:updated", {"id": payload["id"]})
        return {"seen": True}
"""

from sessiond.app.application import App, Durability, HookSpec
from sessiond.app.session import Reject, Session
from sessiond.app.translations import Translations

__all__ = ["App", "Durability", "HookSpec", "Reject", "Session", "Translations"]
