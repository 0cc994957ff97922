"""Every method, over the real socket, as raw lines."""

from collections.abc import Iterator

import pytest

from sessiond import telemetry
from sessiond.edges.admin.methods import METHODS
from tests.edges.admin.conftest import Door
from tests.edges.admin.standin import PHONE, SECRET

Heard = list[tuple[str, dict[str, object]]]


@pytest.fixture
def heard() -> Iterator[Heard]:
    """The admin events that were emitted."""
    events: Heard = []
    detach = telemetry.attach(
        lambda name, _, metadata: events.append((name, dict(metadata))),
        ["admin.called", "admin.revealed"],
    )
    yield events
    detach()


async def test_discover_lists_every_method(door: Door) -> None:
    """The table is the interface: each method with its parameters, result and words."""
    async with door.connect() as lines:
        document = await lines.result("rpc.discover")

    assert list(METHODS) == [method["name"] for method in document["methods"]]
    (stop,) = (one for one in document["methods"] if one["name"] == "sessions.stop")
    assert stop["x-changes"] is True
    assert {one["name"]: one["required"] for one in stop["params"]} == {
        "user": True,
        "reason": False,
        "erase": False,
    }
    assert all(one["description"] for one in stop["params"])


async def test_version_and_stats(door: Door) -> None:
    """Who answers, and how it is."""
    async with door.connect() as lines:
        version = await lines.result("version")
        stats = await lines.result("stats")

    assert (version["protocol"], version["node"]["node"]) == (1, "n1")
    assert stats["sessions"] == {"attached": 1, "awake": 1}


async def test_list_with_filter_order_and_cursor(door: Door) -> None:
    """Filters select, the order sorts, the cursor goes on."""
    async with door.connect() as lines:
        attached = await lines.result("sessions.list", phase="attached", min_connections=1)
        first = await lines.result("sessions.list", order="mailbox", descending=True, limit=2)
        second = await lines.result(
            "sessions.list", order="mailbox", descending=True, limit=2, cursor=first["cursor"]
        )
        quarantined = await lines.result("sessions.list", quarantined=True)
        of_a = await lines.result("sessions.list", user_prefix="a")

    assert [row["user"] for row in attached["rows"]] == ["ann"]
    assert [row["user"] for row in first["rows"] + second["rows"]] == ["bob", "ann", "eve"]
    assert (first["matched"], second["cursor"]) == (3, "")
    assert [row["user"] for row in quarantined["rows"]] == ["eve"]
    assert [row["user"] for row in of_a["rows"]] == ["ann"]


async def test_inspect_leaves_values_out(door: Door, heard: Heard) -> None:
    """By default an operator sees which data there are, not what they say."""
    async with door.connect() as lines:
        detail = await lines.result("sessions.inspect", user="ann")

    assert detail["data"] == {
        "token": "text(7)",
        "tries": "number",
        "nested": {"text(13)#0": "list(2)"},
        "none": None,
    }
    assert detail["connections"][0]["peer"] == "text(9)"
    assert SECRET not in str(detail)
    assert PHONE not in str(detail)
    assert [name for name, _ in heard] == ["admin.called"]


async def test_reveal_shows_and_is_audited(door: Door, heard: Heard) -> None:
    """Who reveals leaves a trace: which method, whose data, which user of the system."""
    async with door.connect() as lines:
        detail = await lines.result("sessions.inspect", user="ann", reveal=True)

    assert detail["data"]["token"] == SECRET
    assert detail["connections"][0]["peer"] == "192.0.2.7"
    (revealed,) = (metadata for name, metadata in heard if name == "admin.revealed")
    assert (revealed["method"], revealed["user"]) == ("sessions.inspect", "ann")
    assert isinstance(revealed["uid"], int)


async def test_a_journal_is_told_masked_and_in_pages(door: Door, heard: Heard) -> None:
    """Newest first, by any of its facts; kept texts are left out, numbers were never stored."""
    async with door.connect() as lines:
        first = await lines.result("sessions.journal", user="ann", flow="order", limit=3)
        second = await lines.result(
            "sessions.journal", user="ann", flow="order", limit=3, cursor=first["cursor"]
        )
        failed = await lines.result("sessions.journal", user="ann", status="failure")
        of_bob = await lines.result("sessions.journal", user="bob")

    assert ["transition", "validation_error", "message.received"] == [
        row["event"] for row in first["rows"]
    ]
    assert [(1_000.0, 1), (1_000.0, 0)] == [(row["at"], row["n"]) for row in second["rows"]]
    assert ("", 1) == (second["cursor"], second["unreadable"])
    assert ("text(7)", 7) == (first["rows"][2]["text"], first["rows"][2]["size"])
    assert SECRET not in str(first)
    assert PHONE not in str(second)
    (row,) = failed["rows"]
    assert ("ussd", "nalo", "amount") == (row["platform"], row["gateway"], row["step"])
    assert ("ValueError in shop.py:12", {"attempt": 1}) == (row["error"], row["facts"])
    assert {"rows": [], "cursor": "", "unreadable": 0} == of_bob
    assert {"admin.called"} == {name for name, _ in heard}


async def test_texts_of_a_journal_are_revealed_with_a_trace(door: Door, heard: Heard) -> None:
    """As everything that people said."""
    async with door.connect() as lines:
        page = await lines.result(
            "sessions.journal", user="ann", event="message_processing", reveal=True
        )

    assert [SECRET] == [row["text"] for row in page["rows"]]
    assert ("admin.revealed", "ann") in [(name, about.get("user")) for name, about in heard]


async def test_what_is_wrong_about_a_journals_query_is_named(door: Door) -> None:
    """The parameter, and the nearest known name."""
    async with door.connect() as lines:
        wrong = await lines.error("sessions.journal", user="ann", status="failed", limit=0)
        typo = await lines.error("sessions.journal", user="ann", flwo="order")
        nobody = await lines.error("sessions.journal", user="nobody")

    assert ["limit", "status"] == sorted(one["path"] for one in wrong["data"]["problems"])
    assert 'did you mean "flow"?' in typo["data"]["problems"][0]["message"]
    assert "unknown_target" == nobody["data"]["name"]


async def test_export_hands_out_everything_and_is_audited(door: Door, heard: Heard) -> None:
    """Nothing is left out, which is why it is written down who asked."""
    async with door.connect() as lines:
        export = await lines.result("sessions.export", user="ann")
        error = await lines.error("sessions.export", user="nobody")

    assert export["record"]["data"] == {"token": SECRET}
    assert export["pushes"][0]["payload"] == {"phone": PHONE}
    assert ("admin.revealed", "ann") in [(name, about.get("user")) for name, about in heard]
    assert error["data"]["name"] == "unknown_target"


async def test_stop(door: Door) -> None:
    """The reason and whether to erase reach the node."""
    async with door.connect() as lines:
        await lines.result("sessions.stop", user="ann", reason="abuse", erase=True)
        error = await lines.error("sessions.stop", user="ann")

    assert door.node.calls == [("stop", "ann", "abuse", True)]
    assert error["data"]["name"] == "unknown_target"


async def test_links_are_shown_and_parted(door: Door, heard: Heard) -> None:
    """Of both users; who are not linked cannot be parted. Who did it is told."""
    async with door.connect() as lines:
        ann = await lines.result("sessions.inspect", user="ann")
        bob = await lines.result("sessions.inspect", user="bob")
        parted = await lines.result("sessions.unlink", user="ann", alias="bob")
        wrong = await lines.error("sessions.unlink", user="bob", alias="ann")

    assert (["bob"], "") == (ann["aliases"], ann["linked_to"])
    assert ([], "ann") == (bob["aliases"], bob["linked_to"])
    assert ({}, [("unlink", "ann", "bob")]) == (parted, door.node.calls)
    assert "unknown_target" == wrong["data"]["name"]
    assert 2 == sum(about["method"] == "sessions.unlink" for _, about in heard)


async def test_kick_one_connection_or_all_of_a_user(door: Door) -> None:
    """Exactly one of the two is given."""
    async with door.connect() as lines:
        assert await lines.result("sessions.kick", connection=11) == {"closed": 1}
        assert await lines.result("sessions.kick", user="ann") == {"closed": 2}
        both = await lines.error("sessions.kick", user="ann", connection=11)
        neither = await lines.error("sessions.kick")
        other = await lines.error("sessions.kick", connection=12)

    assert both["code"] == neither["code"] == -32602
    assert other["data"]["name"] == "unknown_target"


async def test_send(door: Door) -> None:
    """Event, payload and durability reach the node."""
    async with door.connect() as lines:
        await lines.result("sessions.send", user="x", event="hi", payload={"a": [1]}, durable=False)

    assert door.node.calls == [("send", "x", "hi", {"a": [1]}, False)]


async def test_conversations_are_listed_and_ended(door: Door) -> None:
    """All of a user's, or one by its key; one that is not there is named as that."""
    async with door.connect() as lines:
        listed = (await lines.result("sessions.inspect", user="ann"))["conversations"]
        every = await lines.result("sessions.end_conversations", user="ann")
        one = await lines.result(
            "sessions.end_conversations", user="ann", conversation=listed[0]["key"]
        )
        none = await lines.error("sessions.end_conversations", user="ann", conversation="x")

    assert [("ask count", 2), ("", 0)] == [(c["waits_for"], c["answers"]) for c in listed]
    assert (every, one) == ({"ended": 2}, {"ended": 1})
    assert "no such conversation" in none["message"]


async def test_release_and_rollback(door: Door) -> None:
    """Out of quarantine, and back to the snapshot before."""
    async with door.connect() as lines:
        await lines.result("sessions.release", user="eve")
        again = await lines.error("sessions.release", user="eve")
        rolled_back = await lines.result("sessions.rollback", user="eve")

    assert again["data"]["name"] == "unknown_target"
    assert rolled_back == {"version": 8}


async def test_dead_letters_list_retry_and_drop(door: Door, heard: Heard) -> None:
    """Pages of dead letters without their content; each can be tried again or dropped once."""
    async with door.connect() as lines:
        first = await lines.result("dead_letters.list", limit=2)
        rest = await lines.result("dead_letters.list", limit=2, after=first["cursor"])
        of_ann = await lines.result("dead_letters.list", user="ann")
        shown = await lines.result("dead_letters.list", reveal=True, limit=1)
        retried = await lines.result("dead_letters.retry", id="d1")
        dropped = await lines.result("dead_letters.drop", id="d2")
        again = await lines.error("dead_letters.drop", id="d2")

    assert [row["id"] for row in first["rows"] + rest["rows"]] == ["d1", "d2", "d3"]
    assert rest["cursor"] == ""
    assert [row["id"] for row in of_ann["rows"]] == ["d1", "d3"]
    assert (first["rows"][0]["error"], first["rows"][0]["body"]) == ("ValueError", "bytes(7)")
    assert SECRET not in str([first, rest, of_ann, retried, dropped])
    assert shown["rows"][0]["body"] == SECRET
    assert ("admin.revealed", None) in [(name, metadata.get("user")) for name, metadata in heard]
    assert again["data"]["name"] == "unknown_target"


async def test_accounts_are_listed_and_resumed(door: Door, heard: Heard) -> None:
    """What waits on each, and why; one that makes no calls has nothing to go on with. Who resumed is told."""
    async with door.connect() as lines:
        before = (await lines.result("gateways.list"))["rows"]
        resumed = await lines.result("gateways.resume", account="shop")
        after = (await lines.result("gateways.list"))["rows"]
        refused = [
            await lines.error("gateways.resume", account=account) for account in ("line", "nobody")
        ]
        nameless = await lines.error("gateways.resume", account="")

    assert ["?", "bank", "line", "old", "open", "shop"] == [row["account"] for row in before]
    assert {
        "account": "shop",
        "kind": "whatsapp",
        "sends": True,
        "waiting": 16,
        "has_more": True,
        "calls": 0,
        "held_until": None,
        "stopped": "the token is not accepted",
    } == before[-1]
    assert ({}, "") == (resumed, after[-1]["stopped"])
    assert ["unknown_target"] * 2 == [error["data"]["name"] for error in refused]
    assert -32602 == nameless["code"]
    assert [True, False, False, False] == [
        about["ok"] for _, about in heard if about["method"] == "gateways.resume"
    ]


async def test_drain_is_started_once(door: Door) -> None:
    """It is answered at once and says whether this call began it."""
    async with door.connect() as lines:
        assert await lines.result("node.drain") == {"started": True}
        assert await lines.result("node.drain") == {"started": False}


async def test_every_call_is_audited(door: Door, heard: Heard) -> None:
    """Method, caller and outcome, also of a call that failed."""
    async with door.connect() as lines:
        await lines.ask("node.drain")
        await lines.ask("sessions.stop", user="nobody")
        await lines.ask("no.such.method")

    assert [(one["method"], one["ok"]) for _, one in heard] == [
        ("node.drain", True),
        ("sessions.stop", False),
        ("?", False),
    ]
