"""Bytes to events and back, without I/O: both framings, both ciphers, both sides.

Knows no sockets, no asyncio, no clock, and nothing of who may do what.
"""
