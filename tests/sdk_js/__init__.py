"""The JavaScript SDK: its parts under Node's own test runner, and the whole against a real server."""
