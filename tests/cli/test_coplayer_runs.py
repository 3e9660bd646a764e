"""Naive co-players that learn otherwise than by A2C, from the command line: what they go with and what not."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Command, assert_one_line
from resolving import resolved

from coalactl.configuration import plain
from coalactl.papers.coala_pg.roles import ROLES
from coalactl.report.configurations import result_keys

Q = ["--set", "naive.algorithm=q-learning"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cleanup-shaping-quick", *Q], ("naive.algorithm: 'q-learning'", "use 'a2c', 'ppo' or 'reinforce'")),
        ([*Q, "--set", "population.dynamic_naive=true"], ("population.dynamic_naive: true", "use false")),
        ([*Q, "--set", "population.naive_from=there"], ("population.naive_from: 'there'", "use ''")),
        (["--set", "naive.algorithm=reinforce", "--set", "rollout.batch_size=1"], ("naive.baseline", "use 'none'")),
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


def test_other_learners_are_none_of_the_papers_experiments() -> None:
    fitting = {}
    for algorithm in ("a2c", "ppo"):
        config = plain(resolved({}, f"naive.algorithm={algorithm}").experiment)
        fitting[algorithm] = [
            role.name for role in ROLES if role.kind == "sequence" and role.fits({**config, "preset": ""})
        ]
    assert fitting == {"a2c": ["ipd-shaping"], "ppo": []}
