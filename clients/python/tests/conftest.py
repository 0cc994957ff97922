"""Settings of the client's tests."""

import hypothesis

# The first example imports; a slow machine is no failure.
hypothesis.settings.register_profile("client", deadline=None)
hypothesis.settings.load_profile("client")
