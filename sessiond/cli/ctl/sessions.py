"""``sessionctl ls, show, end-conversations, export, stop, unlink, kick, send, release, rollback``."""

import json
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from sessiond.cli.ctl.options import call
from sessiond.cli.ctl.output import (
    ago,
    print_fields,
    print_json,
    print_line,
    print_table,
    wants_json,
    when,
)
from sessiond.cli.exit_codes import ExitCode
from sessiond.cli.run import CommandFailed

__all__ = [
    "end_conversations",
    "export",
    "kick",
    "ls",
    "release",
    "rollback",
    "send",
    "show",
    "stop",
    "unlink",
]

_Flag = Annotated[bool, Parameter(negative="")]


async def ls(
    user_prefix: str = "",
    *,
    phase: Literal["new", "attached", "detached", "awake", "passive", "ended"] | None = None,
    quarantined: _Flag = False,
    min_connections: int = 0,
    order: Literal["user", "connected_at", "last_activity", "mailbox"] = "user",
    descending: _Flag = False,
    limit: int = 100,
    cursor: str = "",
) -> None:
    """List live sessions.

    Parameters
    ----------
    user_prefix
        Only users whose id begins so.
    phase
        Only sessions in this phase.
    quarantined
        Only users in quarantine.
    min_connections
        Only sessions with at least so many connections.
    order
        What to sort by.
    descending
        Largest, or last, first.
    limit
        How many, 1 to 1000.
    cursor
        Where to go on, from the listing before.

    """
    page = await call(
        "sessions.list",
        user_prefix=user_prefix,
        phase=phase,
        quarantined=True if quarantined else None,
        min_connections=min_connections,
        order=order,
        descending=descending,
        limit=limit,
        cursor=cursor,
    )
    if wants_json():
        return print_json(page)
    print_table(
        ("USER", "PHASE", "CONN#", "MAILBOX#", "CONNECTED", "ACTIVE"),
        [
            (
                row["user"],
                row["phase"] + (" (quarantined)" if row["quarantined"] else ""),
                row["connections"],
                row["mailbox"],
                ago(row["connected_at"]),
                ago(row["last_activity"]),
            )
            for row in page["rows"]
        ],
    )
    print_line(f"{len(page['rows'])} of {page['matched']}")
    if page["cursor"]:
        print_line(f"more: --cursor {page['cursor']}")
    return None


async def show(user: str, *, reveal: _Flag = False) -> None:
    """Show one user's session, without waking it.

    Parameters
    ----------
    user
        The user's id.
    reveal
        Show values of data, meta and addresses; the server keeps a record of it.

    """
    detail = await call("sessions.inspect", user=user, reveal=reveal)
    if wants_json():
        return print_json(detail)
    row, stream, quarantine = detail["row"], detail["stream"], detail["quarantine"]
    print_fields(
        [
            ("user", row["user"]),
            ("phase", row["phase"]),
            *([("linked to", detail["linked_to"])] if detail["linked_to"] else []),
            *(("alias", one) for one in detail["aliases"]),
            ("mailbox", row["mailbox"]),
            ("last activity", when(row["last_activity"])),
            ("version", detail["version"]),
            ("snapshot", f"{detail['snapshot_bytes']} bytes"),
            ("can roll back", detail["can_roll_back"]),
            ("stream", f"epoch {stream['epoch'] or '-'}, {stream['floor']} to {stream['head']}"),
            ("input ids", detail["window_ids"]),
            ("turns", detail["turns"]),
            ("restarts", detail["restarts"]),
            *(
                ("timer", f"{one['name']} at {when(one['due'])}")
                for one in detail["timers"]
                if one["due"] is not None  # the window's, while somebody is connected
            ),
            *(
                (
                    "connection",
                    " ".join(filter(None, (str(one["id"]), one["device"], one["peer"])))
                    + f" since {when(one['connected_at'])}"
                    + (f", {one['buffered_bytes']} bytes unsent" if one["buffered_bytes"] else ""),
                )
                for one in detail["connections"]
            ),
            *(("conversation", _conversation(one)) for one in detail["conversations"]),
            *(("account", _line(one)) for one in detail["lines"]),
            *_quarantine(quarantine),
            *((f"data.{name}", value) for name, value in detail["data"].items()),
        ]
    )
    return None


def _quarantine(quarantine: dict[str, Any] | None) -> list[tuple[str, object]]:
    if quarantine is None:
        return []
    since = f"since {when(quarantine['since'])}, after {quarantine['restarts']} restarts"
    return [("quarantine", since), ("last failure", quarantine["error"])]


def _conversation(one: dict[str, Any]) -> str:
    if one["unreadable"]:
        return f"{one['key']}: cannot be read: {one['unreadable']}"
    told = [one["key"] + ":", one["flow"] or "no flow"]
    if one["waits_for"]:
        told.append(f"waits for {one['waits_for']}, {one['answers']} answers")
    if one["unseen"]:
        told.append(f"{one['unseen']} messages unseen")
    told.append(f"until {when(one['expires_at'])}")
    return f"{told[0]} {', '.join(told[1:])}"


def _line(one: dict[str, Any]) -> str:
    if one["unreadable"]:
        return f"{one['account']}: cannot be read: {one['unreadable']}"
    heard = "answers only" if one["answers_only"] else "never wrote"
    if one["heard_at"]:
        heard = f"last wrote at {when(one['heard_at'])}"
    waits = f", {one['held']} messages wait for it" if one["held"] else ""
    return f"{one['account']}: {heard}{waits}"


async def end_conversations(user: str, *, conversation: str | None = None) -> None:
    """End a user's conversations and what they remember; nothing is said in them.

    Parameters
    ----------
    user
        The user's id.
    conversation
        Only this one: a session key, from show.

    """
    result = await call("sessions.end_conversations", user=user, conversation=conversation)
    _done(result, f"ended {result['ended']} of {user}")


async def export(user: str) -> None:
    """Hand out everything that is kept of one person, as JSON; the server keeps a record of it.

    Parameters
    ----------
    user
        The user's id.

    """
    print_json(await call("sessions.export", user=user))


async def stop(
    user: str, *, reason: str | None = None, erase: _Flag = False, yes: _Flag = False
) -> None:
    """End a user's session; its end hook runs and its clients do not come back.

    Parameters
    ----------
    user
        The user's id.
    reason
        What the end hook and the clients are told.
    erase
        Remove everything that is kept of the user. It cannot be brought back; needs --yes.
    yes
        Do not ask.

    """
    if erase and not yes:
        raise CommandFailed(ExitCode.USAGE, "sessionctl: --erase cannot be undone: add --yes")
    await call("sessions.stop", user=user, reason=reason, erase=erase)
    _done({}, f"stopped {user}" + (" and erased everything kept of them" if erase else ""))


async def unlink(user: str, alias: str) -> None:
    """Part two users who are linked; the alias begins anew.

    Parameters
    ----------
    user
        The id of the user who goes on.
    alias
        The id of the one who is himself again, from show.

    """
    await call("sessions.unlink", user=user, alias=alias)
    _done({}, f"unlinked {alias} from {user}")


async def kick(user: str | None = None, *, connection: int | None = None) -> None:
    """Close a user's connections, or one; the session stays.

    Parameters
    ----------
    user
        The user's id: all connections.
    connection
        Instead: the id of one connection, from show.

    """
    if (user is None) == (connection is None):
        raise CommandFailed(ExitCode.USAGE, "sessionctl: give either a user or --connection")
    result = await call("sessions.kick", user=user, connection=connection)
    _done(result, f"closed {result['closed']}")


async def send(user: str, event: str, payload: str = "{}", *, ephemeral: _Flag = False) -> None:
    """Push an event to a user's clients.

    Parameters
    ----------
    user
        The user's id.
    event
        The event's name.
    payload
        JSON; an object unless --ephemeral.
    ephemeral
        Only for who is connected now; otherwise it is kept for clients that resume.

    """
    try:
        document = json.loads(payload)
    except ValueError as error:
        raise CommandFailed(
            ExitCode.USAGE, f"sessionctl: the payload is not JSON: {error}"
        ) from None
    await call("sessions.send", user=user, event=event, payload=document, durable=not ephemeral)
    _done({}, f"sent {event} to {user}")


async def release(user: str) -> None:
    """Release a user from quarantine."""
    await call("sessions.release", user=user)
    _done({}, f"released {user}")


async def rollback(user: str, *, yes: _Flag = False) -> None:
    """Put a user's previous snapshot back.

    Parameters
    ----------
    user
        The user's id.
    yes
        Do not ask: what the last commit changed is lost.

    """
    if not yes:
        raise CommandFailed(
            ExitCode.USAGE, "sessionctl: what the last commit changed is lost: add --yes"
        )
    result = await call("sessions.rollback", user=user)
    _done(result, f"rolled {user} back; the record's version is {result['version']}")


def _done(result: dict[str, Any], text: str) -> None:
    if wants_json():
        print_json(result)
    else:
        print_line(text)
