"""The values every room speaks of: frozen, with no behaviour but what follows from their fields.

Knows nothing of networks, databases, bytes on the wire or rules.
"""
