"""What may have been meant: the nearest key of the configuration, the nearest option of a command."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher, get_close_matches

# What others call it.
_ELSEWHERE = {"gamma": "discount", "lambda": "gae_lambda", "ent_coef": "entropy", "vf_coef": "value_coefficient"}
_SIMILAR = 0.6


def nearest_keys(key: str, names: Sequence[str]) -> list[str]:
    """Dotted keys of that last name, of that abbreviation (``lr``), or of a similar name; of its own table first."""
    table, _, last = key.rpartition(".")
    own = [name for name in names if table and name.startswith(f"{table}.")]
    if fitting := [name for name in names if _last(name) == last]:
        return fitting
    for candidates in (own, names):
        if fitting := [name for name in candidates if _stands_for(last, _last(name))]:
            return fitting
        ends = {_last(name): name for name in candidates}
        if close := get_close_matches(last, list(ends), n=1, cutoff=_SIMILAR):
            return [ends[close[0]]]
    return []


def nearest_options(option: str, options: Iterable[str]) -> list[str]:
    """Options of a similar name; the dashes that all begin with make none similar."""
    word = option.lstrip("-")
    return [each for each in options if SequenceMatcher(None, word, each.lstrip("-")).ratio() >= _SIMILAR]


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _stands_for(short: str, name: str) -> bool:
    initials = "".join(word[0] for word in name.split("_") if word)
    return (len(short) > 1 and short in (initials, name.replace("_", ""))) or _ELSEWHERE.get(short) == name
