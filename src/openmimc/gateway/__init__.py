"""Connections of clients: sockets and sessions, from events to calls of the rules and back.

Knows no SQL, no bus subjects, no JSON.
"""

from openmimc.gateway.gateway import Gateway, GatewayLimits, GatewayStats

__all__ = ["Gateway", "GatewayLimits", "GatewayStats"]
