"""``python -m sessiond``: the same as the ``sessiond`` command."""

from __future__ import annotations

from sessiond.cli import main

if __name__ == "__main__":
    main()
