"""Mistakes in values, files and arguments: each is told in one line, without words of the inside."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Command

# What is set, and what the one line must say besides the key.
BAD_VALUES = [
    ("meta.learningrate=1", "did you mean 'meta.learning_rate'"),
    ("meta.lr=1", "did you mean 'meta.learning_rate'?"),
    ("lr=1", "did you mean 'meta.learning_rate' or 'naive.learning_rate'"),
    ("meta.gamma=1", "did you mean 'meta.discount'?"),
    ("rollout.metabatchsize=1", "did you mean 'rollout.meta_batch_size'?"),
    ("meta.xyzzy=1", "use one of "),
    ("learning_rate=1", "'meta.learning_rate' or 'naive.learning_rate'"),
    ("rollout.batchsize=1", "'rollout.batch_size'"),
    ("environment.payofs=1", "'environment.payoffs'"),
    ("kindd=sequence", "'kind'"),
    ("zzz=1", "population"),
    ("meta=5", "meta.method"),
    ("run=5", "run.iterations"),
    ("meta.foo.bar=3", "no such key"),
    ("meta.meta_opponent_weight.0=1", "is no key"),
    ("meta.learning_rate=abc", "'abc' given; use a number or a schedule"),
    ("meta.learning_rate=true", "true given"),
    ("meta.learning_rate=-1", "-1 is out of range"),
    ("meta.learning_rate=nan", "nan"),
    ("meta.learning_rate=[1]", "use a number or a schedule"),
    ("meta.learning_rate={ 5 = 1.0 }", "starts at iteration 0"),
    ("meta.learning_rate={ 0 = 1.0, x = 2.0 }", "iterations"),
    ("meta.learning_rate={ 0 = 1.0, interpolation = 'cubic' }", "'constant' or 'linear'"),
    (
        "meta.method=foo",
        "'m-fos', 'lola-dice', 'advantage-alignment', 'loqa', 'pola', 'reciprocator', 'shaper' or 'ppi'",
    ),
    ("meta.epochs=2.5", "2.5 given; use a whole number"),
    ("meta.epochs=0", "at least 1"),
    ("meta.epochs=ten", "whole number"),
    ("meta.discount=1.5", "at most 1"),
    ("meta.clip=0", "above 0"),
    ("meta.optimizer=sgdd", "'adam', 'adamw' or 'sgd'"),
    ("meta.value_targets=x", "'batch-unaware' or 'average-future'"),
    ("meta.minibatches=3", "does not divide"),
    ("run.seed=-1", "at least 0"),
    ("run.seed=9999999999", "less than 2147483648"),
    ("run.keep=1", "at least 2"),
    ("run.iterations=0", "at least 1"),
    ("run.checkpoint_every=no", "whole number"),
    ("population.meta=0", "from 1 to 1000"),
    ("population.meta=many", "a whole number from 1 to 1000 or a list"),
    ("population.meta=[]", "whole number"),
    ("population.meta=[{ method = 'foo' }]", "population.meta.0.method"),
    ("population.meta=[{ count = 2 }]", "population.meta.0.method: is missing"),
    ("population.meta=[{ method = 'm-fos', x = 1 }]", "population.meta.0.x"),
    ("population.meta=[{ method = 'm-fos', settings = { clipp = 1 } }]", "'clip'"),
    ("population.meta=[{ method = 'm-fos', settings = { clip = 'x' } }]", "population.meta.0.settings.clip"),
    ("population.meta=[{ method = 'm-fos', settings = 3 }]", "settings"),
    ("population.naive=0", "from 1 to 1000000 or a list"),
    ("population.naive=[]", "a whole number"),
    ("population.naive=[{ count = 2 }]", "population.naive.0.algorithm: is missing"),
    ("population.naive=[{ algorithm = 'dqn' }]", "population.naive.0.algorithm: 'dqn' given; use 'a2c', 'ppo'"),
    ("population.naive=[{ algorithm = 'ppo', count = 0 }]", "population.naive.0.count: 0 given; use at least 1"),
    ("population.naive=[{ algorithm = 'ppo', weight = 1 }]", "population.naive.0.weight: there is no such key"),
    ("population.naive=[{ algorithm = 'ppo', settings = 3 }]", "population.naive.0.settings"),
    ("population.naive=[{ algorithm = 'ppo', settings = { clipp = 1 } }]", "did you mean 'clip'"),
    ("population.naive=[{ algorithm = 'ppo', settings = { clip = 'x' } }]", "population.naive.0.settings.clip"),
    (
        "population.naive=[{ algorithm = 'a2c' }, { algorithm = 'q-learning', settings = { clip = 0.1 } }]",
        "population.naive.1: settings hold clip; q-learning has no use for it, but ppo",
    ),
    ("population.naive=[{ algorithm = 'ppo', settings = { algorithm = 'a2c' } }]", "it is the group's"),
    ("population.naive=[{ algorithm = 'ppo', settings = { optimizer_state = 'kept' } }]", "use naive.optimizer_state"),
    ("population.p_naive=0.5", "population.meta of at least 2"),
    ("population.p_naive=2", "at most 1"),
    ("population.stratified=yes", "true or false"),
    ("population.fixed=[{ strategy = 'tit-for-tat' }]", "population.fixed.0.weight: is missing"),
    ("population.fixed=[{ strategy = 'tit-for-tat', weight = 2 }]", "at most 1"),
    ("population.fixed=x", "a list"),
    ("network.heads=3", "does not divide"),
    ("network.name=5", "text"),
    ("environment.payoffs=1", "a list"),
    ("environment.payoffs=[[1, 2], [3]]", "environment.payoffs.1.1"),
    ("environment.payoffs=[['a', 2], [3, 4]]", "environment.payoffs.0.0"),
    ("environment.payoffs_second=[[1, 2]]", "1 given; use two rows"),
    ("environment.payoffs_second=[[1, 2], [3]]", "environment.payoffs_second.1.1"),
    ("environment.name=5", "text"),
    ("kind=analytical", "'sequence'"),
    ("compute.scan=fast", "'auto', 'sequential', 'associative' or 'kernel'"),
    ("compute.meta_batch_chunk=0", "whole number from 1 to 1000000 or 'auto'"),
    ("meta.clip", "no '='"),
    ("meta.clip=", "no value"),
    ("=3", "no key"),
    ("a b=3", "no key"),
    ("meta.clip=[1", "not a TOML value"),
]

INTERNAL_WORDS = ("Traceback", "pydantic", "ScheduleConfig", "matrix-game", "constrained", "union", "float]", "tagged")


def assert_one_line(code: int, err: str, *words: str) -> None:
    lines = err.splitlines()
    assert code == 2, err
    assert len(lines) == 1, err
    assert lines[0].startswith("coalactl: "), err
    for word in words:
        assert word in lines[0], err
    assert not any(word in lines[0] for word in INTERNAL_WORDS), err


@pytest.mark.parametrize(("assignment", "words"), BAD_VALUES, ids=[assignment for assignment, _ in BAD_VALUES])
def test_a_bad_value_is_told_in_one_line(coalactl: Command, assignment: str, words: str) -> None:
    result = coalactl("train", "ipd-shaping-quick", "--set", assignment, "--out", "run")
    key = assignment.partition("=")[0]
    assert_one_line(result.code, result.err, key.partition(".")[0], words)
    assert not Path("run").exists()


BAD_FILES = [
    ("meta = 3", "meta"),
    ("[meta]\nclip = \nepochs = 1", "line 2"),
    ("[meta]\nclipp = 1", "'meta.clip'"),
    ("[mata]\nclip = 1", "'meta'"),
    ("[for.m-foss.meta]\nclip = 1", "m-foss"),
    ("[for.m-fos.meta]\nclipp = 1", "'meta.clip'"),
    ("for = 3", "for"),
    ("[for]\nm-fos = 3", "for"),
    ("[for.m-fos]\nmeta = 3", "meta"),
    (
        "population = { meta = [{ method = 'm-fos' }, { method = 'coala-pg' }] }\n[for.m-fos.naive]\nentropy = 1",
        "mixes",
    ),
]


@pytest.mark.parametrize(("text", "word"), BAD_FILES, ids=[text for text, _ in BAD_FILES])
def test_a_bad_file_is_told_in_one_line_with_its_name(coalactl: Command, text: str, word: str) -> None:
    Path("mine.toml").write_text(text)
    result = coalactl("train", "mine.toml", "--out", "run")
    assert_one_line(result.code, result.err, "mine.toml", word)


def bad_arguments() -> list[tuple[list[str], str]]:
    return [
        (["train", "nope"], "preset 'nope'"),
        (["train", "ipd-shapin"], "did you mean 'ipd-shaping'"),
        (["train", "./nope.toml"], "no such file"),
        (["train", "folder/"], "no such file"),
        (["train", "."], "does not exist"),
        (["train", "binary.toml"], "UTF-8"),
        (["train", "--sed", "1"], "--seed"),
        (["train", "--method", "foo"], "--method"),
        (["train", "--seed", "x"], "--seed"),
        (["train", "--seed", "-1"], "--seed"),
        (["train", "--seeds", "0"], "--seeds"),
        (["train", "--iterations", "0"], "--iterations"),
        (["train", "--iterations"], "--iterations"),
        (["train", "a", "b"], "b"),
        (["train", "--resume", "nope"], "no such directory"),
        (["train", "--resume", "binary.toml"], "not a directory"),
        (["train", "--resume", "."], "config.toml"),
        (["train", "--resume", ".", "--out", "x"], "--out"),
        (["train", "--resume", ".", "--dry-run"], "--dry-run"),
        (["train", "--resume", ".", "--init-from", "x"], "--init-from"),
        (["train", "--init-from", "nope"], "--init-from nope"),
        (["train", "--out", "binary.toml"], "--out binary.toml"),
        (["trane"], "train"),
        (["runs", "nope"], "nope"),
        (["runs", "show", "nope"], "nope"),
        (["runs", "show", "."], "config.toml"),
        (["runs", "ls", "nope"], "nope"),
        (["runs", "ls", "binary.toml"], "not a directory"),
        (["presets", "show", "nope"], "nope"),
        (["presets", "cp", "ipd-mixed", "binary.toml"], "exists already"),
        (["presets", "cp", "ipd-mixed", "no/where.toml"], "cannot be written"),
    ]


@pytest.mark.parametrize(("arguments", "word"), bad_arguments(), ids=[" ".join(given) for given, _ in bad_arguments()])
def test_bad_arguments_are_told_in_one_line(coalactl: Command, arguments: list[str], word: str) -> None:
    Path("binary.toml").write_bytes(b"\xff\xfe\x00")
    result = coalactl(*arguments)
    assert_one_line(result.code, result.err, word)


def test_a_method_and_groups_with_methods_exclude_each_other(coalactl: Command) -> None:
    result = coalactl("train", "--method", "m-fos", "--set", "population.meta=[{ method = 'coala-pg' }]")
    assert_one_line(result.code, result.err, "--method", "population.meta")
