"""An app whose handlers do everything that handlers must not do."""

from typing import Any

import trio

from sessiond import App, Session

app = App(timeout=5.0)


@app.load_user
async def load_user(user: str) -> dict[str, Any] | None:
    """Know everybody but nobody."""
    return None if user == "nobody" else {}


@app.on("echo")
async def echo(_session: Session, payload: dict[str, Any]) -> dict[str, Any]:
    """Answer with what came."""
    return payload


@app.on("add")
async def add(session: Session, payload: dict[str, Any]) -> dict[str, Any]:
    """Note the number and push it to everybody, durably."""
    seen: list[int] = session.data.setdefault("seen", [])
    seen.append(payload["n"])
    session.push("added", {"n": payload["n"]})
    return {"count": len(seen)}


@app.on("show")
async def show(session: Session, _payload: dict[str, Any]) -> dict[str, Any]:
    """Show everything that was applied."""
    return dict(session.data)


@app.on("raise")
async def fail(session: Session, payload: dict[str, Any]) -> None:
    """Change something, then fail with all it was given in the message."""
    session.data["half"] = True
    session.push("half", {})
    raise RuntimeError(f"cannot handle {payload} of {session.user_id} with {session.data}")


@app.on("hang", timeout=0.3)
async def hang(session: Session, _payload: dict[str, Any]) -> None:
    """Change something, then never return."""
    session.data["half"] = True
    await trio.sleep_forever()


@app.on("nonsense")
async def nonsense(session: Session, _payload: dict[str, Any]) -> object:
    """Return what no client can be sent."""
    session.data["half"] = True
    return object()


@app.on("spoil")
async def spoil(session: Session, _payload: dict[str, Any]) -> None:
    """Leave data behind that cannot be stored."""
    session.data["half"] = {1, 2, trio}


@app.on("flood")
async def flood(session: Session, _payload: dict[str, Any]) -> None:
    """Push without end."""
    session.data["half"] = True
    while True:
        session.push("half", {})


@app.on("bloat")
async def bloat(session: Session, payload: dict[str, Any]) -> None:
    """Leave more data behind than a snapshot may hold."""
    session.data["bloat"] = "x" * payload["bytes"]


@app.on("blast")
async def blast(session: Session, _payload: dict[str, Any]) -> None:
    """Push half a megabyte to whoever is connected."""
    for _ in range(8):
        session.push("blasted", {"x": "y" * 60_000}, durable=False)


@app.on_webhook("json")
async def hook(session: Session, payload: dict[str, Any]) -> None:
    """Note the webhook's number, or fail with all it was given."""
    if "fail" in payload:
        raise RuntimeError(f"cannot handle {payload}")
    session.data.setdefault("hooks", []).append(payload["n"])
    session.push("hooked", {"n": payload["n"]})


@app.on_webhook("count", wait=True)
async def count(session: Session, payload: dict[str, Any]) -> dict[str, Any]:
    """Count the calls and answer, or fail with all it was given."""
    if "fail" in payload:
        raise RuntimeError(f"cannot handle {payload}")
    session.data["calls"] = session.data.get("calls", 0) + 1
    return {"count": session.data["calls"]}
