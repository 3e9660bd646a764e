"""What the paper prints of hyperparameters: Table 2 for A2C, step by step, and PPI's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coalactl.papers.in_context.roles import A2C, LEARNERS, PPI, ROLES
from coalactl.report.exhibits import Printed, PrintedTable, Values
from coalactl.report.roles import roles_of
from coalactl.report.settings import Group, Setting

_ALWAYS: Mapping[str, Any] = {
    "meta.algorithm": "a2c",
    "meta.discount": 0.99,
    # The paper's 0.5 is of a squared error without 1/2.
    "meta.value_coefficient": 1.0,
    "meta.optimizer": "adam",
    "meta.adam_epsilon": 1e-5,
    "meta.max_grad_norm": 1.0,
}
# Table 2, by step: the mixed pool's ablations have its values.
_TABLE_2: Mapping[str, tuple[bool, float, float, float, float]] = {
    "tabular": (True, 0.2, 0.99, 0.001, 0.005),
    "frozen": (False, 0.05, 1.0, 0.001, 0.005),
    "extorters": (True, 0.02, 0.95, 0.001, 0.0005),
    "mixed": (True, 0.02, 1.0, 0.01, 0.001),
}
_OF_PPI: Mapping[str, Any] = {
    "ppi.phases": 30,
    "ppi.horizon": 15,
    "ppi.epochs": 10,
    "ppi.batch": 256,
    "ppi.learning_rate": 1e-4,
    "ppi.weight_decay": 1e-2,
    "ppi.adam_beta_1": 0.9,
    "ppi.adam_beta_2": 0.98,
    "ppi.first_histories": 200_000,
    "meta.max_grad_norm": 1.0,
}


def _of_a2c(experiment: str) -> Values:
    centred, scale, lambda_, entropy, rate = _TABLE_2.get(experiment, _TABLE_2["mixed"])
    return {
        **_ALWAYS,
        "meta.normalize_advantages": centred,
        "meta.reward_scale": scale,
        "meta.td_lambda": lambda_,
        "meta.gae_lambda": lambda_,
        "meta.entropy": entropy,
        "meta.learning_rate": rate,
    }


def _experiment(setting: Setting, method: str) -> str:
    """Which of a method's experiments a setting is; empty if it is none."""
    names = [role.name for role in roles_of(setting, ROLES)]
    of_method = (name for name in names if name.startswith(f"{LEARNERS[method]}-"))
    return next(of_method, "").removeprefix(f"{LEARNERS[method]}-")


def _values(setting: Setting, group: Group) -> Values:
    return _of_a2c(_experiment(setting, A2C)) if group.method == A2C else {}


PRINTED = Printed(
    tables=(
        PrintedTable(
            name="in-context-hyperparameters",
            title="Hyperparameters of in-context learners beside the paper's (Table 2)",
            note="The value coefficient is of half the squared error: twice the paper's number.",
            covers=lambda setting: bool(_experiment(setting, A2C)),
            values=_values,
        ),
        PrintedTable(
            name="ppi-hyperparameters",
            title="Hyperparameters of PPI beside the paper's",
            note="",
            covers=lambda setting: bool(_experiment(setting, PPI)),
            values=lambda *_: _OF_PPI,
        ),
    ),
)
