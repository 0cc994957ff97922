"""Flows: conversations written as coroutines or as lists of steps, driven without I/O and rebuilt by replay."""
