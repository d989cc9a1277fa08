"""Hints between nodes that something lies in somebody's inbox.

The store is the truth: a hint that is lost, repeated or late costs delay, never a message.
"""
