"""What the leaves of a training state were called in older formats of a run directory."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

# Format 1 had one rule for all agents and kept naive agents as parameters alone: names of today, and those of then.
_OF_FORMAT_1 = (
    (r"naive/params", "naive"),
    (r"naive/opt_state(/.*)?", r"naive_optimizers\1"),
    (r"meta/opt_states/0(/.*)?", r"meta/opt_state\1"),
    (r"meta/states/0(/.*)?", r"meta/state\1"),
    (r"hyperparameters/rules/(.*)", r"hyperparameters/\1"),
)


def stored_names(names: Iterable[str], there: Collection[str]) -> dict[str, str]:
    """Of leaves by the name that they have today, the names under which a checkpoint that holds ``there`` has them."""
    return {name: name if name in there else _older(name, there) for name in names}


def _older(name: str, there: Collection[str]) -> str:
    candidates = (re.sub(today, then, name) for today, then in _OF_FORMAT_1 if re.fullmatch(today, name))
    return next((then for then in candidates if then in there), name)
