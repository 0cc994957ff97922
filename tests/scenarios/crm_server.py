"""A FLOW CRM-like server for test_crm; arguments: store URL, port, admin socket, window in seconds."""

import sys
from pathlib import Path
from typing import Any

import trio
from attrs import evolve

from sessiond import App, Session
from sessiond.config.settings import NodeSettings
from sessiond.core.session.limits import SessionLimits
from sessiond.server import serve
from tests.scenarios.crash_server import settings

AGENTS = {"ada": "Ada Mensah", "kofi": "Kofi Owusu"}

app = App()


@app.load_user
async def load_user(user: str) -> str | None:
    """Agents are who the CRM knows."""
    return AGENTS.get(user)


@app.on("deal:open")
async def deal_open(session: Session, payload: dict[str, Any]) -> dict[str, Any]:
    """Remember the deal an agent works on, and show it on all of the agent's screens."""
    deals: list[int] = session.data.setdefault("deals", [])
    deals.append(payload["n"])
    session.push("deal:opened", {"n": payload["n"], "agent": session.account})
    return {"deals": len(deals)}


@app.on("show")
async def show(session: Session, _payload: dict[str, Any]) -> dict[str, Any]:
    """Show everything that is kept."""
    return dict(session.data)


@app.on_webhook("json")
async def whatsapp(session: Session, payload: dict[str, Any]) -> None:
    """A customer wrote: note it and push it to the agent's screens."""
    session.data.setdefault("messages", []).append(payload["n"])
    session.push("message:new", {"n": payload["n"]})


@app.on_window_expired
async def gone(session: Session) -> None:
    """Nobody came back in time."""
    session.data["absences"] = session.data.get("absences", 0) + 1


if __name__ == "__main__":
    store, port, admin, window = sys.argv[1:]
    everything = settings(store, int(port), Path(admin), NodeSettings())
    limits = SessionLimits(window_seconds=float(window), outbox_keep_seconds=60.0)
    sys.exit(trio.run(serve, app, evolve(everything, session=limits)))
