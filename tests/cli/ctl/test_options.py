"""What a server's error becomes."""

from sessiond.cli.admin_client import AdminCallFailed
from sessiond.cli.ctl.options import _explain


def test_problems_are_told_with_their_paths() -> None:
    """All of them on one line."""
    data = {
        "problems": [{"path": "user", "message": "is required"}, {"path": "", "message": "bad"}]
    }

    assert _explain(AdminCallFailed("invalid_params", "…", data)) == "user: is required; bad"


def test_when_to_try_again_is_told() -> None:
    """If the server says."""
    failed = AdminCallFailed("refused", "draining", {"code": "draining", "retry_after": 2.5})

    assert _explain(failed) == "draining (try again in 2.5 s)"
