"""Failed asserts of the contract suites show their values, as those of tests do."""

import pytest

pytest.register_assert_rewrite("sessiond.testing.stores")
