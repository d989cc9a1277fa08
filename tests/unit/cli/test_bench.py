from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from openmimc.bench.arrivals import Faults
from openmimc.bench.results import Report
from openmimc.cli import bench as bench_command
from openmimc.cli.main import main
from tests.unit.bench.reports import report_of, result_of


def run(monkeypatch: pytest.MonkeyPatch, report: Report, *arguments: str) -> int:
    async def run_bench(*_: Any) -> Report:
        return report

    monkeypatch.setattr(bench_command, "run_bench", run_bench)
    monkeypatch.setattr(sys, "argv", ["openmimc", "bench", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("faults", [Faults(lost=1), Faults(repeated=1), Faults(reordered=1)])
def test_one_fault_is_enough_for_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], faults: Faults
) -> None:
    code = run(monkeypatch, report_of(result_of("p2p"), result_of("push", faults=faults)), "--json")

    assert code == 1
    assert json.loads(capsys.readouterr().out)["faults"] == {
        "lost": faults.lost,
        "repeated": faults.repeated,
        "reordered": faults.reordered,
    }


def test_people_read_figures_with_their_units_and_the_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(monkeypatch, report_of(result_of("p2p")))

    out = capsys.readouterr().out
    assert code == 0
    (row,) = [line.split() for line in out.splitlines() if "message" in line]
    assert row == ["p2p", "100", "x1", "message", "2,000", "43.2", "20.0", "2.16", "0"]
    assert "fsync: every commit, 0.30 ms each on ext4" in out
    assert "lost 0, repeated 0, reordered 0" in out


def test_a_plot_is_written_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = run(monkeypatch, report_of(result_of("p2p")), "--plot", str(tmp_path / "plot.svg"))

    assert code == 0
    assert (tmp_path / "plot.svg").read_text().startswith("<svg ")
