"""An app whose data tell how often each input was applied."""

from typing import Any

from sessiond import App, Session

app = App()


@app.on("add")
async def add(session: Session, payload: dict[str, Any]) -> dict[str, Any]:
    """Note the number and push it to everybody, durably."""
    seen: list[int] = session.data.setdefault("seen", [])
    seen.append(payload["n"])
    session.push("added", {"n": payload["n"]})
    return {"count": len(seen)}


@app.on_webhook("json")
async def hook(session: Session, payload: dict[str, Any]) -> None:
    """Note the webhook's number."""
    session.data.setdefault("hooks", []).append(payload["n"])
    session.push("hooked", {"n": payload["n"]})


@app.on("show")
async def show(session: Session, _payload: dict[str, Any]) -> dict[str, Any]:
    """Show everything that was applied."""
    return dict(session.data)
