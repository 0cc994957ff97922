"""``sessiond serve`` with an app of the examples or the scenarios.

Arguments: store URL, port, admin socket, app, settings.
"""

import sys
from pathlib import Path

from sessiond.cli import main

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

if __name__ == "__main__":
    store, port, admin, target, config = sys.argv[1:]
    sys.path.insert(0, str(EXAMPLES))
    where = ["--store", store, "--port", port, "--admin-socket", admin]
    sys.argv = ["sessiond", "serve", target, *where, "--config", config]
    main()
