"""Import every module of the sessiond that is installed in the directory given."""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
import sys
from pathlib import Path

site = Path(sys.argv[1]).resolve()
sys.path.insert(0, str(site))

import sessiond  # noqa: E402 — only now does the path lead to the wheel

assert Path(sessiond.__file__).is_relative_to(site), sessiond.__file__
assert importlib.metadata.version("sessiond") == sessiond.__version__
assert (site / "sessiond" / "py.typed").exists()

found = [
    module.name
    for module in pkgutil.walk_packages(sessiond.__path__, "sessiond.")
    if not module.name.endswith("__main__")
]
for name in found:
    importlib.import_module(name)
for script in importlib.metadata.distribution("sessiond").entry_points:
    script.load()
print(f"wheel: sessiond {sessiond.__version__}, {len(found)} modules import")
