"""``sessionctl stats, drain, version``."""

from sessiond.cli.ctl.options import call
from sessiond.cli.ctl.output import print_fields, print_json, print_line, wants_json, when

__all__ = ["drain", "stats", "version"]


async def stats() -> None:
    """Count sessions, turns, commits."""
    counted = await call("stats")
    if wants_json():
        return print_json(counted)
    phases = counted.pop("sessions")
    print_fields(
        [
            (
                "sessions",
                ", ".join(f"{count} {phase}" for phase, count in phases.items()) or "none",
            ),
            *((name.replace("_", " "), value) for name, value in counted.items()),
        ]
    )
    return None


async def drain() -> None:
    """Stop the server as SIGTERM does: finish, save, release, close. Returns at once."""
    result = await call("node.drain")
    if wants_json():
        return print_json(result)
    print_line("draining" if result["started"] else "it was draining already")
    return None


async def version() -> None:
    """Say which server answers."""
    answer = await call("version")
    if wants_json():
        return print_json(answer)
    node = answer["node"]
    print_fields(
        [
            ("node", node["node"]),
            ("version", node["version"]),
            ("protocol", answer["protocol"]),
            ("app", node["app"] or "-"),
            ("store", node["store"]),
            ("python", node["python"]),
            ("pid", node["pid"]),
            ("started", when(node["started_at"])),
        ]
    )
    return None
