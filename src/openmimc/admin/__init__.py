"""The console for operators, and the demo page: HTML made here, plain forms in, calls of the rules.

Knows nothing of sessions, packets or SQL. Every page works without scripts, save what only a script can do, and
loads nothing from another host.
"""
