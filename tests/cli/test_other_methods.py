"""Methods of other packages in lists, reports and on the command line; docs/methods.md trains one."""

from pathlib import Path

import pytest
import typer
from report_runs import build, sequence_pack

from coalactl.agents import agents_of, colour_of, label_of
from coalactl.commands.train import _method
from coalactl.configuration import resolve
from coalactl.errors import UserError

ROWS = """
from coalactl_core.methods import Method

OURS = Method(rule="ours:build", label="Our method", colour="#123456", table="ours", settings="ours_settings:Settings")
NO_ROW = 3
"""
SETTINGS = """
from coalactl_core.configuration.numbers import Probability
from coalactl_core.configuration.rule_settings import RuleSettings

class Settings(RuleSettings):
    share: Probability = 0.5
    kind: str = "plain"

    def check(self, experiment, method):
        if experiment.meta.epochs != 1:
            raise ValueError(f"meta.epochs: {experiment.meta.epochs} given; {method} takes one, use 1")
"""
METHOD = "other_rows:OURS"


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other_rows.py").write_text(ROWS)
    (tmp_path / "ours_settings.py").write_text(SETTINGS)
    monkeypatch.syspath_prepend(tmp_path)


def test_it_is_called_and_drawn_as_its_row_says() -> None:
    (agents,) = agents_of({"meta": {"method": METHOD}, "population": {"meta": 2}})
    assert (agents.name, label_of(METHOD), colour_of(METHOD)) == ("Our method", "Our method", "#123456")
    assert (label_of("coala-pg"), label_of("gone:Gone"), colour_of("gone:Gone")) == ("coala-pg", "gone:Gone", None)


def test_its_settings_are_a_table_whose_numbers_are_checked() -> None:
    tables = {"meta": {"method": METHOD, "epochs": 1}, "ours": {"share": {"0": 1.0, "10": 0.2}}}
    experiment = resolve(tables, "mine.toml", {"ours.kind": ("other", "--set")}).experiment
    settings = experiment.settings_of(METHOD)
    assert (settings.kind, settings.share.points) == ("other", ((0, 1.0), (10, 0.2)))
    assert experiment.static_choices["ours"] == {"kind": "other"}
    for key, value, words in (
        ("ours.share", 2.0, "ours.share: 2 is out of range"),
        ("ours.sharre", 0.1, "'ours.share'"),
        ("meta.epochs", 4, "meta.epochs: 4 given; other_rows:OURS takes one, use 1"),
    ):
        with pytest.raises(UserError, match=words):
            resolve(tables, "mine.toml", {key: (value, "--set")})
    with pytest.raises(UserError, match="ours"):
        resolve({**tables, "meta": {"method": "coala-pg"}}, "mine.toml", {})


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("other_rows:NO_ROW", "Method expected"),
        ("other_rows:NONE", "cannot be loaded"),
        ("nowhere:X", "cannot be loaded"),
    ],
)
def test_what_is_no_row_is_refused(method: str, words: str) -> None:
    assert _method(method) == method
    with pytest.raises(UserError, match=words):
        resolve({}, "mine.toml", {"meta.method": (method, "--method")})
    with pytest.raises(typer.BadParameter):
        _method("unheard-of")


@pytest.mark.parametrize("at_hand", [True, False], ids=["", "where the package is not at hand"])
def test_in_reports_it_stands_beside_other_methods_of_the_setting(tmp_path: Path, *, at_hand: bool) -> None:
    """Its settings are its own: they make no setting of it."""
    values = {seed: {"reward_vs_naive": 0.5} for seed in range(3)}
    sequence_pack(tmp_path / "theirs", "coala-pg", values)
    method = METHOD if at_hand else "gone_rows:OURS"
    sequence_pack(tmp_path / "ours", method, values, **{"ours.share": 0.3})
    sequence_pack(tmp_path / "more", method, values, **{"ours.share": 0.4})
    (setting,) = build([tmp_path]).settings
    name = "Our method" if at_hand else method
    assert set(setting.groups) == {"coala-pg", f"{name} (share 0.3)", f"{name} (share 0.4)"}
