"""The store on Redis 6.2 or later: standalone, behind Sentinel, or Cluster.

``store.py`` is the port; ``client.py`` and ``line.py`` speak with the server; ``lua/`` what Redis decides atomically;
``keys.py`` the layout.
"""

from sessiond.stores.redis.durability import Durability
from sessiond.stores.redis.store import RedisStore, open_redis_store

__all__ = ["Durability", "RedisStore", "open_redis_store"]
