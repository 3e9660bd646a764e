"""The paper's experiments, told by their configuration: four steps and two ablations, each of A2C and of PPI."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from coalactl.agents import method_of
from coalactl.criteria import is_the_dilemma
from coalactl.report.configurations import scheduled
from coalactl.report.roles import Config, Role
from coalactl_core.configuration.strategies import RANDOM_TABULAR

A2C, PPI = "batch-unaware", "ppi"
"""The methods that they are here: plain A2C is the policy gradient that knows of no batch."""
LEARNERS: Mapping[str, str] = {A2C: "in-context", PPI: "ppi"}
"""What roles and presets of a method begin with."""
_PPI_PRESETS = {"tabular": "ipd-ppi-step1", "frozen": "ipd-ppi-step2", "extorters": "ipd-ppi-step3"}
_EXTORTERS = ("ipd-in-context-extorters", "ipd-ppi-step3")


class _Pool(NamedTuple):
    """Whom learners meet: the shares of fixed and naive agents, and whether they are told; where they begin."""

    fixed: float
    naive: float
    told: bool
    elsewhere: bool


def _pool(config: Config) -> _Pool:
    population: Mapping[str, Any] = config["population"]
    return _Pool(
        fixed=sum(float(strategy["weight"]) for strategy in population.get("fixed", ())),
        naive=scheduled(population.get("p_naive", 1.0))[0],
        told=config["environment"].get("opponent") == "told",
        # Those that --init-from began elsewhere are told by their preset.
        elsewhere=bool(population.get("meta_from")) or str(config["preset"]).startswith(_EXTORTERS),
    )


def _is_game(config: Config, method: str) -> bool:
    """One long game, with nobody in the pool but learners of this method and random tabular agents."""
    one_game = config.get("rollout", {}).get("inner_episodes") == 1
    if not (is_the_dilemma(config) and one_game and method_of(config) == method):
        return False
    return {strategy["strategy"] for strategy in config["population"].get("fixed", ())} <= {RANDOM_TABULAR}


_EXPERIMENTS: Mapping[str, Callable[[_Pool], bool]] = {
    "tabular": lambda pool: pool.fixed == 1,
    "frozen": lambda pool: pool.fixed == 0 and pool.naive == 1,
    "extorters": lambda pool: pool.fixed == pool.naive == 0 and pool.elsewhere,
    "mixed": lambda pool: 0 < pool.fixed < 1 and pool.naive == 0 and not pool.told,
    "told": lambda pool: 0 < pool.fixed < 1 and pool.naive == 0 and pool.told,
    "no-tabular": lambda pool: pool.fixed == pool.naive == 0 and not pool.elsewhere,
}


def _fits(experiment: str, method: str) -> Callable[[Config], bool]:
    return lambda config: _is_game(config, method) and _EXPERIMENTS[experiment](_pool(config))


def preset_of(experiment: str, method: str) -> str:
    """The preset of the paper's size; the ablations are variants of the mixed pool's."""
    step = experiment if experiment in _PPI_PRESETS else "mixed"
    if method == A2C:
        return f"ipd-in-context-{step}"
    return _PPI_PRESETS.get(step, "ipd-ppi")


def _role(experiment: str, method: str) -> Role:
    preset = preset_of(experiment, method)
    return Role(f"{LEARNERS[method]}-{experiment}", (preset, f"{preset}-quick"), _fits(experiment, method), "sequence")


ROLES = tuple(_role(experiment, method) for method in LEARNERS for experiment in _EXPERIMENTS)
_ROLE = {role.name: role for role in ROLES}


def role(experiment: str, method: str) -> Role:
    """An experiment of a method's learners."""
    return _ROLE[f"{LEARNERS[method]}-{experiment}"]
