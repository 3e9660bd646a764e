"""Naive co-players that learn otherwise than by A2C, from the command line: what they go with and what not."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from command_line import TINY, Command, assert_one_line
from processes import assert_same_rows
from resolving import resolved

from coalactl.configuration import plain
from coalactl.errors import UserError
from coalactl.evaluation.contestants import Entry
from coalactl.evaluation.learners import learning_by
from coalactl.evaluation.lineups import check_fits, learning_as
from coalactl.evaluation.pools import Pool, find_pool
from coalactl.papers.coala_pg.roles import ROLES
from coalactl.report.configurations import result_keys
from coalactl.runs.directory import RunDirectory

Q = ["--set", "naive.algorithm=q-learning"]
MIXED = ["--set", "population.naive=[{ algorithm = 'a2c', count = 2 }, { algorithm = 'q-learning', count = 2 }]"]
Q_SLOWLY = "algorithm = 'q-learning', settings = { learning_rate = 0.1 }"
PLAIN = ["--set", "population.naive=[{ algorithm = 'a2c' }, { algorithm = 'reinforce' }]"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cleanup-shaping-quick", *Q], ("naive.algorithm: 'q-learning'", "use 'a2c', 'ppo' or 'reinforce'")),
        ([*Q, "--set", "population.dynamic_naive=true"], ("population.dynamic_naive: true", "use false")),
        ([*Q, "--set", "population.naive_from=there"], ("population.naive_from: 'there'", "use ''")),
        (["--set", "naive.algorithm=reinforce", "--set", "rollout.batch_size=1"], ("naive.baseline", "use 'none'")),
        (["cleanup-shaping-quick", *MIXED], ("population.naive.1: naive.algorithm: 'q-learning'", "use 'a2c', 'ppo'")),
        ([*MIXED, "--set", "population.dynamic_naive=true"], ("population.naive.1: population.dynamic_naive", "false")),
        ([*PLAIN, "--set", "rollout.batch_size=1"], ("population.naive.1: naive.baseline", "use 'none'")),
        ([*MIXED, "--set", "naive.algorithm=ppo"], ("population.naive lists groups with algorithms of their own",)),
        (
            ["--set", f"population.naive=[{{ {Q_SLOWLY} }}]", "--set", "naive.learning_rate=0.3"],
            ("naive.learning_rate: 0.3 given", "each group of population.naive has a learning_rate of its own"),
        ),
        (
            [*PLAIN, "--method", "lola-dice", "--set", "meta.algorithm=a2c"],
            ("population.naive: groups given; lola-dice looks ahead", "use a number"),
        ),
        *(
            (
                ["--method", "lola-dice", "--set", "meta.algorithm=a2c", "--set", f"naive.algorithm={algorithm}"],
                (f"naive.algorithm: '{algorithm}'", "use 'a2c'"),
            )
            for algorithm in ("ppo", "reinforce", "q-learning")
        ),
    ],
)
def test_what_does_not_go_together_is_told_before_there_is_a_run(
    train: Command, arguments: list[str], words: tuple[str, ...]
) -> None:
    result = train(*arguments, "--out", "runs/none")
    assert_one_line(result)
    assert result.code == 2
    assert all(word in result.err for word in words), result.err
    assert not Path("runs").exists()


def test_what_another_algorithm_reads_makes_no_other_setting() -> None:
    """Nor do keys that older runs lack."""
    paper = plain(resolved({}).experiment)
    keys = {"epochs", "clip", "baseline", "exploration"}
    older = {**paper, "naive": {key: value for key, value in paper["naive"].items() if key not in keys}}
    assert result_keys(older) == result_keys(paper) == result_keys(plain(resolved({}, "naive.clip=0.3").experiment))
    ppo = [
        result_keys(plain(resolved({}, "naive.algorithm=ppo", clip).experiment))
        for clip in ("naive.clip=0.1", "naive.clip=0.3")
    ]
    assert ppo[0] != ppo[1]
    assert not {"naive.baseline", "naive.exploration"} & set(ppo[0])


@pytest.mark.parametrize(
    ("opponent", "words"),
    [
        ('kind = "naive"\nlearner = "dqn"', "opponents.0.learner: 'dqn' given; use 'a2c'"),
        ('kind = "meta"\nlearner = "ppo"', "learner: it stands where kind is 'naive'"),
        ('kind = "naive"\nset = { "naive.clip" = 0.1 }', "set: it is for opponents with a learner"),
        ('kind = "naive"\nlearner = "ppo"\nset = { "meta.clip" = 1 }', "a learner takes keys of [naive] alone"),
        ('kind = "naive"\nlearner = "ppo"\nset = { "naive.clip" = 0 }', "naive.clip: 0 is out of range"),
        (2 * '[[opponents]]\nkind = "naive"\nlearner = "ppo"\n', "2 learners are called 'ppo'"),
        ('kind = "naive"\nlearner = "ppo"\nname = "all"', "'all' is no name of a learner"),
    ],
)
def test_a_pool_files_learners_are_checked(opponent: str, words: str) -> None:
    """Before anything is loaded; any method's agents meet any of them, as nobody looks ahead any more."""
    Path("pool.toml").write_text(opponent if opponent.startswith("[") else f"[[opponents]]\n{opponent}\n")
    tables = {"meta": {"method": "lola-dice", "algorithm": "a2c"}}
    experiment = resolved(tables).experiment
    assert learning_by(experiment, "ppo", {}, "ours").naive.algorithm == "ppo"
    with pytest.raises(UserError, match=re.escape(words)):
        learning_as(find_pool("pool.toml", 1).learners[0], experiment, Pool("pool", ()))


def test_a_pool_files_learners_are_told_from_the_runs_own() -> None:
    """Rows of one name would be of two ways of learning."""
    learner = '[[opponents]]\nkind = "naive"\nlearner = "q-learning"\n'
    Path("alone.toml").write_text(learner)
    Path("beside.toml").write_text(f'{learner}[[opponents]]\nkind = "naive"\n')
    Path("named.toml").write_text(f'{learner}name = "fast"\n[[opponents]]\nkind = "naive"\n')
    plain_run, mixed_run = (
        Entry(RunDirectory(Path("run")), "run", resolved({}, *sets).experiment) for sets in ((), (MIXED[1],))
    )
    for file, run in (("alone", mixed_run), ("named", mixed_run), ("beside", plain_run)):
        check_fits(find_pool(f"{file}.toml", 1), [run])
    with pytest.raises(UserError, match="learner 'q-learning': naive agents of run are called 'q-learning', too"):
        check_fits(find_pool("beside.toml", 1), [mixed_run])


@pytest.mark.long
def test_a_mixed_pool_trains_goes_on_bit_by_bit_and_is_evaluated(train: Command, coalactl: Command) -> None:
    """With optimisers that go on as well; evaluated, each algorithm has a line and each agent a row of its own."""
    arguments = [*TINY, *MIXED, "--set", "naive.optimizer_state=kept", "-q"]
    for place, iterations in (("whole", "4"), ("parts", "2")):
        result = train("ipd-shaping-quick", *arguments, "--iterations", iterations, "--out", place)
        assert result.code == 0, result.err
    assert train("--resume", "parts", "--iterations", "4", "-q").code == 0
    assert_same_rows("whole", "parts")
    assert train("ipd-shaping-quick", *arguments, "--iterations", "1", "--init-from", "whole", "--out", "on").code == 0
    result = coalactl("eval", "whole", "--pool", "naive", "--episodes", "16")
    assert result.code == 0, result.err
    assert all(f"  {name}" in result.out for name in ("a2c", "q-learning"))
    rows = pd.read_parquet("whole/eval/naive.parquet").query("metric == 'reward'")
    assert set(rows["opponent"]) == {"a2c/0", "a2c/1", "q-learning/2", "q-learning/3"}
    result = coalactl("watch", "whole", "--seed", "2", "--format", "gif", "--out", "scene.gif", "-q")
    assert result.code == 0, result.err


def test_groups_of_naive_agents_are_told_by_who_they_are() -> None:
    """Their algorithms' keys count and no others', nor does the table's own algorithm."""
    rated = f"population.naive=[{{ algorithm = 'a2c', count = 2 }}, {{ {Q_SLOWLY}, count = 2 }}]"
    keys = result_keys(plain(resolved({}, rated).experiment))
    assert keys["population.naive"] == "2 a2c + 2 q-learning"
    assert keys["population.naive.1.learning_rate"] == 0.1
    assert "naive.exploration" in keys
    assert not {"naive.algorithm", "naive.clip", "naive.baseline"} & set(keys)
    config = plain(resolved({}, rated).experiment)
    assert not [role.name for role in ROLES if role.kind == "sequence" and role.fits({**config, "preset": ""})]
    assert resolved(config).experiment == resolved({}, rated).experiment


def test_other_learners_are_none_of_the_papers_experiments() -> None:
    fitting = {}
    for algorithm in ("a2c", "ppo"):
        config = plain(resolved({}, f"naive.algorithm={algorithm}").experiment)
        fitting[algorithm] = [
            role.name for role in ROLES if role.kind == "sequence" and role.fits({**config, "preset": ""})
        ]
    assert fitting == {"a2c": ["ipd-shaping"], "ppo": []}
