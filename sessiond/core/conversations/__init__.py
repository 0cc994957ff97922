"""Around a flow: which conversation an input belongs to, which flow it starts, what it keeps, what is remembered.

The engine that runs a flow is ``sessiond.core.flows``; nothing here knows it.
"""
