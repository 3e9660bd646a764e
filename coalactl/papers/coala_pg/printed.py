"""What the paper prints of hyperparameters: Table 4 for the dilemma, Table 7 for CleanUp-lite; and what it has not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from coalactl.agents import NO_CRITIC
from coalactl.papers.coala_pg.roles import ROLES
from coalactl.report.exhibits import Printed, PrintedTable, Values
from coalactl.report.roles import roles_of
from coalactl.report.settings import Group, Setting
from coalactl_core.games import CLEANUP_LITE, MATRIX_GAME

# Table 4: one set for each method, both settings of the iterated prisoner's dilemma.
TABLE_4: Mapping[str, Any] = {
    "meta.algorithm": "ppo",
    "meta.minibatches": 2,
    "meta.epochs": 4,
    "meta.clip": 0.2,
    "meta.value_coefficient": 0.5,
    "meta.entropy": 0.0,
    "meta.normalize_advantages": False,
    "meta.reward_scale": 0.05,
    "meta.discount": 1.0,
    "meta.td_lambda": 1.0,
    "meta.gae_lambda": 1.0,
    "meta.optimizer": "adam",
    "meta.adam_epsilon": 1e-5,
    "meta.learning_rate": 3e-4,
    "meta.max_grad_norm": 1.0,
}
# Table 7, both settings of CleanUp-lite: what differs from Table 4; by role, then by method, which goes before.
TABLE_7: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "cleanup-shaping": {
        "": {"meta.normalize_advantages": True},
        "coala-pg": {"meta.reward_scale": 0.1, "meta.learning_rate": 1e-3},
        "m-fos": {"meta.reward_scale": 1.0, "meta.learning_rate": 3e-3},
        "batch-unaware": {"meta.reward_scale": 1.0, "meta.learning_rate": 1e-3},
        "lola-dice": {
            **dict.fromkeys(("meta.clip", "meta.value_coefficient", "meta.adam_epsilon"), "–"),
            "meta.reward_scale": 1.0,
            "meta.optimizer": "sgd",
            "meta.learning_rate": 0.1,
            "meta.max_grad_norm": math.inf,
        },
    },
    "cleanup-mixed": {
        "": {
            "meta.algorithm": "a2c",
            **dict.fromkeys(("meta.minibatches", "meta.epochs", "meta.clip", "meta.value_coefficient"), "–"),
            "meta.normalize_advantages": True,
            "meta.reward_scale": 0.1,
            "meta.optimizer": "sgd",
            "meta.adam_epsilon": "–",
        },
        "coala-pg": {"meta.learning_rate": 0.1},
        "m-fos": {"meta.learning_rate": 0.03},
        "batch-unaware": {"meta.learning_rate": 0.03},
        "lola-dice": {"meta.learning_rate": 0.03},
    },
}


def of_preset(preset: str, method: str) -> Values:
    """What was selected for a method in the runs of a preset."""
    role = next((name for name in TABLE_7 if preset.startswith(name)), "")
    return _in_role(role, method)


def _in_role(role: str, method: str) -> Values:
    own = TABLE_7.get(role, {})
    return {**TABLE_4, **own.get("", {}), **own.get(method, {})}


def _of_cleanup(setting: Setting, group: Group) -> Values:
    """Those of the experiment that a setting is; none of other experiments."""
    role = next((role.name for role in roles_of(setting, ROLES)[:1] if role.name in TABLE_7), "")
    return _in_role(role, group.method) if role else {}


def _learns_between_games(setting: Setting) -> bool:
    """Matrix games of several inner episodes: in those of one nobody learns, which the paper does not have."""
    return setting.game == MATRIX_GAME and setting.config.get("rollout", {}).get("inner_episodes", 2) > 1


PRINTED = Printed(
    tables=(
        PrintedTable(
            name="hyperparameters",
            title="Hyperparameters of the meta agents beside the paper's (Table 4)",
            note="Table 4 gives one set for all methods. A dash where the paper does not have the game.",
            covers=_learns_between_games,
            values=lambda *_: TABLE_4,
        ),
        PrintedTable(
            name="cleanup-hyperparameters",
            title="Hyperparameters of the meta agents in CleanUp-lite beside the paper's (Table 7)",
            note="A dash where Table 7 has none.",
            covers=lambda setting: setting.game == CLEANUP_LITE,
            values=_of_cleanup,
        ),
    ),
    of_preset=of_preset,
    selection="the paper's selection (Tables 4 and 7)",
    ours={"meta.batch_critic": NO_CRITIC, "meta.episode_lambda": 1.0},
    why={
        "meta.batch_critic": "our addition: a critic of all that the batch holds, for less noise in the future part",
        "meta.episode_lambda": (
            "our addition: below 1 the critic of the batch stands for what was earned; 1 is unbiased"
        ),
    },
)
