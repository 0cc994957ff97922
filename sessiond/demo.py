"""The demo app that ``sessiond dev`` serves: a small to-do list, an echo, and a reminder.

Try it from the lines that ``sessiond dev`` prints, or read it as a first example.
"""

from typing import Any

from sessiond import App, Reject, Session

__all__ = ["app"]

app = App()


@app.on("echo")
async def echo(_session: Session, payload: dict[str, Any]) -> dict[str, Any]:
    """Answer with what was sent; nothing changes, so nothing is written."""
    return payload


@app.on("todo:add")
async def add(session: Session, payload: dict[str, Any]) -> dict[str, Any]:
    """Add ``{"text": …}`` to the user's list and tell all of the user's connections."""
    text = payload.get("text")
    if not isinstance(text, str) or not text.strip():
        raise Reject("text must be a sentence", code="bad_todo")
    todos: list[str] = session.data.setdefault("todos", [])
    todos.append(text)
    session.push("todo:added", {"text": text, "count": len(todos)})
    return {"count": len(todos)}


@app.on("todo:list")
async def show(session: Session, _payload: dict[str, Any]) -> dict[str, Any]:
    """Answer with the user's list."""
    return {"todos": session.data.get("todos", [])}


@app.on("remind")
async def remind(session: Session, payload: dict[str, Any]) -> dict[str, Any]:
    """Push ``reminder`` in ``{"seconds": …}``, also when the server is restarted in between."""
    session.set_timer("reminder", after=float(payload.get("seconds", 10)), payload=payload)
    return {"due": session.now + float(payload.get("seconds", 10))}


@app.on_timer("reminder")
async def reminder(session: Session, payload: dict[str, Any]) -> None:
    """The reminder's time has come."""
    session.push("reminder", payload)
