"""The commands of ``sessionctl``."""
