"""One suite per port, run on every adapter and on the fake, so that other tests may trust the fake."""
