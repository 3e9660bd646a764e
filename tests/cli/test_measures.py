"""The grammar of columns that tell of measures: what is written is read, and what is read is written again.

That runs write such columns alone is tested where there are runs, by ``grammar.assert_read_as_written``.
"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalactl_core.measures import (
    ENDS,
    KINDS,
    PLAYERS,
    Measure,
    cooperation_in,
    extortion_in,
    is_name,
    is_of_policy,
    parse,
    parse_metric,
    rewards_vs,
)
from coalactl_core.types import FIXED, META, NAIVE

NAMES = ("reward", "defection", "cleaning_discrepancy", "apples", "vs", "lasting", "first_come", "naive")


def free(name: str) -> bool:
    """As contracts of environments have it; and a name that is a word of the grammar cannot stand beside another."""
    return is_name(name) and name not in ("coplayer", *ENDS)


names = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True).filter(free) | st.sampled_from(NAMES)


def test_kinds_are_those_of_the_engine() -> None:
    assert [KINDS[kind] for kind in (NAIVE, META, FIXED)] == ["naive", "meta", "fixed"]


@given(names, st.sampled_from(PLAYERS), st.sampled_from(["", *ENDS]), st.sampled_from(KINDS))
def test_what_is_written_is_read(name: str, whose: str, place: str, kind: str) -> None:
    measure = Measure(name, whose, place, kind)
    assert parse(measure.column) == measure
    without = measure._replace(kind="")
    assert (parse_metric(without.column), parse(without.column)) == (without, None)


@given(st.lists(st.sampled_from(["coplayer", "first", "last", "vs", *KINDS, "reward", "x"]), min_size=1).map("_".join))
def test_what_is_read_is_written_again(column: str) -> None:
    assert parse_metric(column).column == column
    measure = parse(column)
    assert (measure is None) == (not column.endswith(tuple(f"_vs_{kind}" for kind in KINDS)) or column[:4] == "_vs_")
    assert measure is None or measure.column == column


@pytest.mark.parametrize(
    ("column", "measure"),
    [
        ("reward_vs_naive", Measure("reward", "agent", "", "naive")),
        ("coplayer_reward_vs_meta", Measure("reward", "coplayer", "", "meta")),
        ("coplayer_defection_first_vs_naive", Measure("defection", "coplayer", "first", "naive")),
        ("cleaning_discrepancy_last_vs_fixed", Measure("cleaning_discrepancy", "agent", "last", "fixed")),
        *((name, None) for name in ("iteration", "reward", "defection_first", "reward_vs_agent_0", "_vs_naive")),
        *((name, None) for name in ("policy_loss", "advantage_scale_naive", "reward_in_pool", "cooperation_dc")),
    ],
)
def test_columns_are_what_they_say(column: str, measure: Measure | None) -> None:
    assert parse(column) == measure


def test_both_players_rewards() -> None:
    for kind in KINDS:
        own, theirs = rewards_vs(kind)
        assert parse(theirs) == Measure("reward", kind=kind).of_coplayer
        assert parse(own) == Measure("reward", kind=kind)


def test_columns_of_policies_are_no_measures() -> None:
    of_policies = [cooperation_in(state) for state in ("start", "cc", "cd", "dc", "dd")]
    of_policies += [extortion_in(name, random=random) for random in (False, True) for name in ("chi", "phi", "error")]
    assert {"cooperation_dc", "zd_chi", "random_zd_error"} < set(of_policies)
    assert all(is_of_policy(column) and parse(column) is None for column in of_policies)
    every = itertools.product(NAMES, PLAYERS, ("", *ENDS), KINDS)
    assert not any(is_of_policy(Measure(*parts).column) for parts in every)
