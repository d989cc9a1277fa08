"""Generated from ``wire/proto``; never edited by hand (``make proto``)."""
