"""A run directory of version 0.1 stays resumable, or is refused by its version with the way out.

``tests/data/make_golden_run.py`` made it.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import Command

from coalactl.configuration import validate
from coalactl.runs.checkpoints import restore, steps
from coalactl.runs.directory import RunDirectory
from coalactl.runs.metric_files import read_metrics
from coalactl.training.outcome import parameters_digest

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture
def golden() -> RunDirectory:
    """A copy of the committed run."""
    shutil.copytree(DATA / "golden-run-0.1", "golden")
    return RunDirectory.open("golden")


def test_it_is_small_and_comes_back_bit_by_bit(golden: RunDirectory) -> None:
    from coalactl_core.training.engine import build_engine

    assert sum(path.stat().st_size for path in golden.path.rglob("*") if path.is_file()) < 100_000
    step, state = restore(golden, build_engine(validate(golden.read_config())).run_template)
    known = json.loads((DATA / "golden-run-0.1.json").read_text())
    assert (step, parameters_digest(state.meta.params)) == (4, known["parameters_digest"])


def test_it_goes_on(golden: RunDirectory, train: Command, coalactl: Command) -> None:
    before = read_metrics(golden)
    assert coalactl("runs", "show", "golden").code == 0
    result = train("--resume", "golden", "--iterations", "7", "--json", "-q")
    assert result.code == 0, result.err
    assert (result.json["iterations"], steps(golden)) == (7, [4, 7])
    rows = read_metrics(golden)
    assert rows["iteration"].tolist() == list(range(7))
    assert rows[:4].equals(before)
    assert np.isfinite(rows["policy_loss"]).all()
    assert [attempt.get("from_iteration") for attempt in golden.read_provenance()["attempts"]] == [None, 4]


def test_of_the_first_version_its_metrics_are_read_and_its_checkpoints_refused(
    golden: RunDirectory, train: Command, coalactl: Command
) -> None:
    """It knew no formats and ordered parameters otherwise, in vectors of the same length."""
    provenance = golden.read_provenance()
    del provenance["format"]
    golden.write_provenance(provenance)
    evaluated = coalactl("eval", "golden", "--episodes", "1")
    for result in (train("--resume", "golden", "--iterations", "7"), train("--init-from", "golden"), evaluated):
        line = [line for line in result.err.splitlines() if line.startswith("coalactl: ")]
        assert (result.code, len(line)) == (4, 1), result.err
        assert "0.1.0 of 2026-11-22" in line[0]
        assert "coalactl train golden/config.toml" in line[0]
    assert coalactl("runs", "show", "golden").code == 0
    assert steps(golden) == [4]
    assert train("golden/config.toml", "--dry-run").code == 0


def test_of_a_later_format_it_is_refused_with_the_way_out(
    golden: RunDirectory, train: Command, coalactl: Command
) -> None:
    provenance = golden.read_provenance()
    provenance["attempts"][-1]["packages"]["coalactl"] = "3.2.1"
    golden.write_provenance({**provenance, "format": 99})
    for result in (train("--resume", "golden"), train("--init-from", "golden"), coalactl("runs", "show", "golden")):
        line = [line for line in result.err.splitlines() if line.startswith("coalactl: ")]
        assert (result.code, len(line)) == (4, 1)
        for words in (
            "golden has format 99",
            "coalactl 3.2.1",
            "reads formats 1 and 2",
            "start a new run with this one",
        ):
            assert words in line[0]
