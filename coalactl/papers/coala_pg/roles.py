"""The paper's experiments, told by their configuration."""

from __future__ import annotations

from collections.abc import Callable

from coalactl.agents import learns_by_a2c, meta_agents, method_of, names_of
from coalactl.criteria import is_the_dilemma
from coalactl.report.configurations import scheduled
from coalactl.report.roles import Config, Role
from coalactl_core.games import CLEANUP_LITE

LOOK_AHEADS = (1, 2, 3, 10, 20)
BALANCE_ROLES = {16: "gradient-balance", 8: "gradient-balance-8", 32: "gradient-balance-32"}
"""By the number B of inner episodes that a naive learner learns from, the paper's first."""


def _is_dilemma(config: Config) -> bool:
    """The paper's payoffs and naive learners, no fixed opponents, and inner episodes to learn between."""
    several = config.get("rollout", {}).get("inner_episodes", 2) > 1
    return is_the_dilemma(config) and learns_by_a2c(config) and several and not config["population"].get("fixed")


def _measures_balance(config: Config) -> bool:
    """Runs of Fig. 12, which are for that alone: they may be of a few iterations."""
    return bool(config.get("diagnostics", {}).get("gradient_balance_every", 0))


def _balance_of(batch: int) -> Callable[[Config], bool]:
    def fits(config: Config) -> bool:
        mixed = _is_dilemma(config) and _one_method(config) and _mixed(_naive_shares(config))
        return mixed and _measures_balance(config) and config["rollout"].get("batch_size") == batch

    return fits


def _is_cleanup(config: Config) -> bool:
    """CleanUp-lite of any size: what its table says otherwise than the paper stands among the differences."""
    return config["environment"].get("name") == CLEANUP_LITE and learns_by_a2c(config)


def _naive_shares(config: Config) -> list[float]:
    return scheduled(config["population"].get("p_naive", 1.0))


def _one_method(config: Config) -> bool:
    """Methods are compared between pools, each with one of them, with a critic of the batch or without."""
    return len(names_of(config)) == 1


def _both(config: Config) -> bool:
    """COALA-PG and M-FOS agents in one pool, and nobody else."""
    return set(method_of(config).split("+")) == {"coala-pg", "m-fos"}


def _shares(test: Callable[[list[float]], bool], game: Callable[[Config], bool]) -> Callable[[Config], bool]:
    def fits(config: Config) -> bool:
        compared = game(config) and _one_method(config) and not _measures_balance(config)
        return compared and test(_naive_shares(config))

    return fits


def _only_naive(shares: list[float]) -> bool:
    return set(shares) == {1.0}


def _no_naive(shares: list[float]) -> bool:
    return set(shares) == {0.0}


def _mixed(shares: list[float]) -> bool:
    return all(0 < share < 1 for share in shares)


def _two_stages(shares: list[float]) -> bool:
    return shares[0] == 1.0 and shares[-1] == 0.0


def _shaping(start: str, agents: int, test: Callable[[list[float]], bool]) -> Callable[[Config], bool]:
    def fits(config: Config) -> bool:
        own = method_of(config) == "shaping" and config["meta"].get("initial") == start
        return own and meta_agents(config) >= agents and _is_dilemma(config) and test(_naive_shares(config))

    return fits


def _lola(look_aheads: int, mixed: bool) -> Callable[[Config], bool]:
    """Fig. 4C mixes nothing at 1 and 2 look-aheads: there the preset's name tells it from Fig. 4A."""

    def fits(config: Config) -> bool:
        if method_of(config) != "lola-dice" or config.get("lola", {}).get("look_aheads") != look_aheads:
            return False
        named = str(config["preset"]).startswith("analytical-lola-mixed")
        is_mixed = not _only_naive(_naive_shares(config)) or named
        return _is_dilemma(config) and is_mixed == mixed

    return fits


def _analytical(name: str, fits: Callable[[Config], bool]) -> Role:
    return Role(name, (name,), fits, "analytical")


ROLES = (
    Role(
        "ipd-shaping",
        ("ipd-shaping", "ipd-shaping-quick", "ipd-shaping-medium"),
        _shares(_only_naive, _is_dilemma),
        "sequence",
    ),
    Role("ipd-mixed", ("ipd-mixed", "ipd-mixed-quick"), _shares(_mixed, _is_dilemma), "sequence"),
    Role(
        "ipd-coala-vs-mfos",
        ("ipd-coala-vs-mfos", "ipd-coala-vs-mfos-quick"),
        lambda config: _is_dilemma(config) and _both(config) and _mixed(_naive_shares(config)),
        "sequence",
    ),
    *(
        Role(role, ("ipd-gradient-balance", "ipd-gradient-balance-quick"), _balance_of(batch), "sequence")
        for batch, role in BALANCE_ROLES.items()
    ),
    Role("ipd-meta-only", ("ipd-meta-only",), _shares(_no_naive, _is_dilemma), "sequence"),
    Role(
        "cleanup-shaping", ("cleanup-shaping", "cleanup-shaping-quick"), _shares(_only_naive, _is_cleanup), "sequence"
    ),
    Role("cleanup-mixed", ("cleanup-mixed", "cleanup-mixed-quick"), _shares(_mixed, _is_cleanup), "sequence"),
    _analytical("analytical-extortion", _shaping("random", 1, _only_naive)),
    _analytical("analytical-extortion-from-defection", _shaping("always-defect", 1, _only_naive)),
    _analytical("analytical-extortioners-meet", _shaping("random", 2, _two_stages)),
    _analytical("analytical-mixed", _shaping("random", 2, _mixed)),
    _analytical("analytical-meta-only", _shaping("random", 2, _no_naive)),
    _analytical("analytical-from-defection", _shaping("always-defect", 2, _mixed)),
    _analytical("analytical-from-tit-for-tat", _shaping("tit-for-tat", 2, _mixed)),
    _analytical("analytical-lola-extorts", _lola(20, mixed=False)),
    *(_analytical(f"analytical-lola-{count}", _lola(count, mixed=False)) for count in LOOK_AHEADS),
    *(_analytical(f"analytical-lola-mixed-{count}", _lola(count, mixed=True)) for count in LOOK_AHEADS),
)
ROLE = {role.name: role for role in ROLES}
