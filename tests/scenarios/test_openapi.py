"""The HTTP doors of a real server do what their OpenAPI document says; schemathesis makes the requests."""

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from subprocess import STDOUT
from typing import Any

import trio
from standardwebhooks import Webhook

from sessiond.server import describe
from tests.scenarios.fuzzed_server import ANSWERING, CALLING, HOOK_SECRET, app, settings
from tests.scenarios.hooks import get, request
from tests.scenarios.server_process import ServerProcess

ROOT = Path(__file__).parents[2]

#: What bounds the work is the number of examples; this is for a server or a fuzzer that hangs, on the slowest machine.
HANGS = 600


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[ServerProcess]:
    """A server with every door open; killed on the way out."""
    server = ServerProcess("memory:", folder, module="tests.scenarios.fuzzed_server", arguments=[])
    await server.start()
    try:
        with trio.fail_after(HANGS):
            yield server
    finally:
        if server.is_running:
            server.kill()


async def served_by(server: ServerProcess) -> dict[str, Any]:
    """Fetch what it tells everybody."""
    status, headers, body = await get(server.port, "/openapi.json")
    assert (200, "application/json") == (status, headers["content-type"])
    found: dict[str, Any] = json.loads(body)
    return found


async def document_of(server: ServerProcess) -> dict[str, Any]:
    """Describe it as its operator can: with the accounts of gateways."""
    return await describe(app, settings("memory:", server.port, Path("unused.sock")))


async def fuzz(
    server: ServerProcess, document: dict[str, Any], folder: Path, *arguments: str
) -> tuple[int, str]:
    """Run schemathesis against *server*, as *document* describes it; exit code and report."""
    file = folder / "openapi.json"
    file.write_text(json.dumps(document))
    options = {
        "--url": f"http://127.0.0.1:{server.port}",
        "--checks": "all",
        "--seed": "4",
        "--max-examples": "20",
        "--generation-database": "none",
    }
    flat = [word for pair in options.items() for word in pair]
    flags = ("--generation-unique-inputs", "--no-color")
    config = str(Path(__file__).with_name("fuzzing.toml"))
    program = str(Path(sys.executable).with_name("schemathesis"))
    done = await trio.run_process(
        [program, "--config-file", config, "run", str(file), *flat, *flags, *arguments],
        cwd=folder,
        env=os.environ
        | {"SCHEMATHESIS_HOOKS": "tests.scenarios.fuzzing_hooks", "PYTHONPATH": str(ROOT)},
        capture_stdout=True,
        stderr=STDOUT,
        check=False,
    )
    return done.returncode, done.stdout.decode()


async def taken(server: ServerProcess) -> dict[str, int]:
    """Ask the app how many webhooks and messages it has got, by handler."""
    now = datetime.now(tz=UTC)
    headers = {
        "content-type": "application/json",
        "webhook-id": "last",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(HOOK_SECRET).sign("last", now, "null"),
    }
    status, _, body = await request(server.port, "POST", "/hooks/taken/x", b"null", headers)
    assert 200 == status
    counts: dict[str, int] = json.loads(body)
    return counts


async def test_the_doors_are_as_they_are_described(short_tmp_path: Path) -> None:
    """Whatever is right is taken and reaches the app; whatever is wrong is refused; every answer is a described one."""
    async with serving(short_tmp_path) as server:
        document = await document_of(server)
        code, report = await fuzz(server, document, short_tmp_path)
        counts = await taken(server)

    assert 0 == code, report
    assert f"Tested: {sum(map(len, document['paths'].values()))}" in report
    assert {"json", "echo", *ANSWERING, *CALLING} == counts.keys(), counts
    assert all(counts[name] >= 3 for name in ("json", "echo", *ANSWERING)), counts


async def test_a_server_tells_everybody_but_for_its_accounts(short_tmp_path: Path) -> None:
    """The document that it serves is the operator's without them, and says nothing else."""
    async with serving(short_tmp_path) as server:
        document, served = await document_of(server), await served_by(server)
    accounts = {path for path in document["paths"] if path.startswith("/gateways/")}

    assert served["paths"] == {
        path: item for path, item in document["paths"].items() if path not in accounts
    }
    assert "/gateways" not in json.dumps(served)


async def test_an_answer_that_is_not_described_is_found(short_tmp_path: Path) -> None:
    """The test above can fail: it does for a document that keeps the refusal of unsigned webhooks to itself."""
    path = "/hooks/{hook}/{user}"
    async with serving(short_tmp_path) as server:
        document = await document_of(server)
        del document["paths"][path]["post"]["responses"]["401"]
        only = ("--include-path", path, "--phases", "coverage")
        code, report = await fuzz(server, document, short_tmp_path, *only)

    assert 1 == code, report
    assert "Undocumented status code" in report
