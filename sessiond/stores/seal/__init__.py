"""Sealing: what is stored is packed, and unreadable without the key when there is one.

``Sealer``       bytes to sealed bytes and back, with keys that can be changed (sealer.py)
``SealedStore``  a ``Store`` around another one: seals what goes in, opens what comes out (store.py)
"""

from sessiond.stores.seal.sealer import Kind, Sealer, SealKey
from sessiond.stores.seal.store import SealedStore

__all__ = ["Kind", "SealKey", "SealedStore", "Sealer"]
