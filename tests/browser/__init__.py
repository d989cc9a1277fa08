"""Tests of pages in a real browser."""

NO_BROWSER = "no Chromium: install it (Debian: apt-get install chromium) or give its path as OPENMIMC_CHROMIUM"
"""Why these tests can not run here."""
