"""The stores: adapters that keep what ``domain.ports.Store`` promises to keep.

``sqlite`` is the embedded store of a single node. Its schema grows by the numbered scripts in ``migrations``.

Knows nothing of rules, sessions, requests or packets.
"""
