"""Configuration, building, starting and stopping: the only room that knows every other one.

Knows no rules: what is allowed, stored or delivered is decided elsewhere.
"""
