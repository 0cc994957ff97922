"""The store on Redis 6.2 or later: standalone, behind Sentinel, or Cluster.

``store.py`` is the port; ``client.py`` the only module that knows redis-py; ``lua/`` what Redis decides atomically;
``keys.py`` the layout.
"""
