"""Says at the end of a run, where nobody overlooks it, which tests of pages did not run."""

from __future__ import annotations

import pytest

from tests.browser import NO_BROWSER


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    missed = sorted(report.nodeid for report in skipped if NO_BROWSER in str(report.longrepr))
    if missed:
        terminalreporter.section(f"{len(missed)} TESTS OF PAGES DID NOT RUN", sep="!", red=True, bold=True)
        terminalreporter.write_line(NO_BROWSER)
        for nodeid in missed:
            terminalreporter.write_line(f"  {nodeid}")
