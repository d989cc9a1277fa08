"""The HTTP API: JSON requests in, calls of the rules, JSON answers out; one module per page.

Knows nothing of sessions, packets or SQL. Whatever happens under ``/api/`` has HTTP status 200 and the outcome
in ``code``, because the SDKs take every other status for a transport failure.
"""
