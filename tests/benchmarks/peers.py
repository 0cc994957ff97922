"""sessiond among the peers: their own load generator, driven through adapter files that are made here.

The folder is a writable copy of the peers that was set up (its README says how). Webhooks are left out: ours are
signed and durable, which the load generator cannot do and the peers do not.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from sessiond.core.ids import UserId
from sessiond.edges.auth import issue_token, signing_key
from tests.benchmarks.app_server import AUTH
from tests.benchmarks.sizes import Sizes

__all__ = ["measure_peers"]

_ROOT: Final = Path(__file__).parents[2]
_TOKENS: Final = 12_000

_ADAPTER: Final = """\
tokens_file = tokens.txt
user = u{n}
ws_path = /socket/websocket?vsn=2.0.0
ws_header = Authorization: Bearer {token}
login_frame = ["1","1","user:{user}","phx_join",{}]
login_reply = "ok"
echo_frame = ["1","{id}","user:{user}","echo",{"id":{id},"data":"{data}"}]
reply_match = phx_reply
reply_id_key = id
"""

_START: Final = """\
#!/bin/sh
folder=$(mktemp -d "$(dirname "$0")/XXXXXX")
cd {root}
exec {python} -m tests.benchmarks.app_server \\
  '{{"store":"sqlite:///'$folder'/store.db","folder":"'$folder'","port":'$PORT',"window_seconds":'$WINDOW'}}'
"""

_PEERS: Final = """\
elixir    {peers}/elixir   native.conf
py_trio   {peers}/py_trio  native_http1.conf
sessiond  {ours}           {ours}/adapter.conf
"""

_SCENARIOS: Final = {
    "tiny": "echo:-c,4",
    "quick": "echo:-c,1 echo:-c,100 echo:-c,1000 connect:-c,2000 memory:1000 detached:-c,1000",
    "full": "echo:-c,1 echo:-c,100 echo:-c,1000 rate:-c,1000,--rate,2000 connect:-c,5000 "
    "memory:1000,5000,10000 detached:-c,5000",
}


def measure_peers(peers: Path, sizes: Sizes) -> str:
    """Run the peers' benchmark with sessiond among them; return its tables.

    Raises:
      RuntimeError: *peers* was not set up.

    """
    if not (peers / "loadgen" / "loadgen").exists():
        raise RuntimeError(f"{peers} has no loadgen/loadgen: run its setup_all.sh first")
    with tempfile.TemporaryDirectory() as name:
        ours = Path(name)
        _write_adapter(ours, peers)
        results = ours / "results.jsonl"
        subprocess.run(
            [peers / "bench.sh", results, str(sizes.repetitions), "elixir", "py_trio", "sessiond"],
            env={
                **os.environ,
                "PEERS": str(ours / "peers.conf"),
                "SCENARIOS": _SCENARIOS[sizes.name],
                "SECS": str(max(1, round(sizes.seconds))),
            },
            check=True,
        )
        table = subprocess.run(
            [sys.executable, peers / "table.py", results],
            capture_output=True,
            text=True,
            check=True,
        )
    return table.stdout


def _write_adapter(ours: Path, peers: Path) -> None:
    key, now = signing_key(AUTH), time.time()
    tokens = [
        issue_token(key, UserId(f"u{number}"), now=now, lifetime_seconds=864_000)
        for number in range(_TOKENS)
    ]
    (ours / "tokens.txt").write_text("\n".join(tokens) + "\n")
    (ours / "adapter.conf").write_text(_ADAPTER)
    (ours / "peers.conf").write_text(_PEERS.format(peers=peers.resolve(), ours=ours))
    start = ours / "start.sh"
    start.write_text(_START.format(root=_ROOT, python=sys.executable))
    start.chmod(0o755)
