"""Whatever is given, the answer is one line that names it and what is allowed; never a traceback, never a hang.

Cases are data: what is given, and the words that the line must hold. ``test_configuration_mistakes.py`` has more.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from command_line import Command, Result, assert_one_line
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from processes import SMALL

from coalactl.configuration_keys import known_keys

LONG = "n" * 300

# --- values: ``--set KEY=VALUE``, and a word of what is allowed -----------------------------------------------------

SIZES = [f"rollout.{key}" for key in ("meta_batch_size", "batch_size", "inner_episodes", "inner_episode_length")]
SIZES += ["network.width", "network.mlp_width", "meta.minibatches", "network.heads"]
FEW = ["network.depth", "meta.epochs", "naive.epochs"]
COUNTS = ["run.iterations", "run.log_every", "run.checkpoint_every"]
PROBABILITIES = [f"{who}.{key}" for who in ("meta", "naive") for key in ("discount", "td_lambda", "gae_lambda")]
PROBABILITIES += ["meta.episode_lambda", "naive.exploration"]
COEFFICIENTS = [
    f"{who}.{key}" for who in ("meta", "naive") for key in ("learning_rate", "entropy", "value_coefficient")
]
POSITIVES = [f"{who}.{key}" for who in ("meta", "naive") for key in ("reward_scale", "adam_epsilon", "max_grad_norm")]
POSITIVES += ["naive.clip"]
CHOICES = {
    "meta.method": "'coala-pg'",
    "meta.algorithm": "'ppo'",
    "meta.optimizer": "'adam'",
    "meta.value_targets": "'batch-unaware'",
    "meta.credit": "'td-errors'",
    "meta.batch_critic": "'none'",
    "naive.algorithm": "'a2c'",
    "naive.baseline": "'batch-mean'",
    "naive.optimizer": "'sgd'",
    "compute.scan": "'auto'",
}
SWITCHES = [
    *("meta.normalize_advantages", "naive.normalize_advantages", "population.stratified"),
    *("population.dynamic_naive", "compute.rematerialize"),
]
CHUNKS = [
    "compute.meta_batch_chunk",
    "compute.trajectory_chunk",
    "compute.naive_chunk",
    "compute.agent_chunk",
    "compute.run_chunk",
]

VALUES = [
    *((f"{key}=0", "use at least 1") for key in SIZES + FEW + COUNTS),
    *((f"{key}=1000001", "use at most 1000000") for key in SIZES),
    *((f"{key}=1001", "use at most 1000") for key in FEW),
    *((f"{key}=2147483648", "use less than 2147483648") for key in COUNTS),
    *((f"{key}=2.0", "use a whole number") for key in SIZES + FEW + COUNTS),
    *((f"{key}=1.01", "at most 1") for key in PROBABILITIES),
    *((f"{key}=-0.1", "at least 0") for key in PROBABILITIES + COEFFICIENTS),
    *((f"{key}=0", "above 0") for key in POSITIVES),
    *((f"{key}=inf", "out of range") for key in COEFFICIENTS),
    *((f"{key}=other", allowed) for key, allowed in CHOICES.items()),
    *((f"{key}=1", "true or false") for key in SWITCHES),
    *((f"{key}=1000001", "from 1 to 1000000 or 'auto'") for key in CHUNKS),
    ("run.keep=1", "at least 2"),
    ("run.keep=99999999999", "less than 2147483648"),
    ("population.meta=1001", "from 1 to 1000"),
    ("population.meta=[{ method = 'm-fos', count = 1000000000 }]", "at most 1000"),
    ("population.meta=[{ method = 'm-fos', settings = { method = 'm-fos' } }]", "settings hold no method"),
    ("population.meta=[{ method = 'm-fos', settings = { minibatches = 7 } }]", "meta.minibatches"),
    ("lola.look_aheads=0", "1"),
    ("lola.learning_rate=-1", "at least 0"),
    ("lola.optimizer=adamw", "'sgd' or 'adam'"),
    ("lola.memory=none", "'inner-episode' or 'meta-episode'"),
    ("meta.learning_rate={ 0 = 1.0, 9999999999 = 2.0 }", "below 2147483648"),
    ("meta.learning_rate={ 0 = 1.0, '²' = 2.0 }", "iterations"),
    ("meta.learning_rate={ 0 = 1.0, '00' = 2.0 }", "iterations"),
    (f"meta.learning_rate={{ 0 = 1{'0' * 400} }}", "finite"),
    ("meta.learning_rate={ 0 = true }", "numbers"),
    ("meta.learning_rate={}", "starts at iteration 0"),
    ("meta.learning_rate=1979-05-27", "a number or a schedule"),
    (f"meta.learning_rate=1{'0' * 400}", "a number or a schedule"),
    (f"meta.epochs={'9' * 5000}", "too long a value"),
    (f"meta.clip={'[' * 100_000}", "too long a value"),
    (f"meta.clip={'x' * 10_000}", "a number or a schedule"),
    (f"meta.{'x' * 10_000}=1", "no such key"),
    (f"{'x' * 10_000}", "no '='"),
    ("environment.payoffs=[[inf, 0], [1, 2]]", "a finite number"),
    ("environment.payoffs=[[nan, 0], [1, 2]]", "a finite number"),
    ("environment.name=", "no value"),
    ("environment.name=no-such", "matrix-game"),
    ("environment.name=json:dumps", "refuses its keys"),
    ("environment.name=no_such_module:Name", "cannot be loaded"),
    ("network.name=no-such", "hawk"),
    ("network.name=json:dumps", "builds no policy"),
    ("network.name=json:no_such", "cannot be loaded"),
    ("network.name=..:x", "cannot be loaded"),
    ("network.name=broken:Name", "cannot be loaded"),
    ("network.name=:", "cannot be loaded"),
    ("network.name=builtins:dict", "builds no policy"),
    ("population.fixed=[{ strategy = 'no-such', weight = 0.1 }]", "tit-for-tat"),
    ("population.fixed=[{ strategy = 'json:dumps', weight = 0.1 }]", "five probabilities"),
    ("population.fixed=[{ strategy = 'os:getcwd', weight = 0.1 }]", "five probabilities"),
    ("population.fixed=[{ strategy = 'tit-for-tat', weight = 0.0 }]", "more than 0"),
    ("méta.clip=1", "no such key"),
    ("meta..clip=1", "no key"),
]

# --- files ----------------------------------------------------------------------------------------------------------

FILES: list[tuple[bytes, str]] = [
    (b"a = " + b"[" * 100_000, "not valid TOML"),
    (b"[meta]\nepochs = " + b"9" * 5000, "not valid TOML"),
    (b"[meta]\n[meta]\n", "not valid TOML"),
    (b"\x00", "not valid TOML"),
    (b"\xff\xfe[meta]", "UTF-8"),
    (b"meta = []", "meta"),
    (b"[run]\nseed = '1'", "run.seed"),
    (b"[for.m-fos.metta]\nclip = 1", "metta"),
    (b"[future]\nkey = 1", "future"),
    (b"[network]\nwidth = 7\nheads = 2", "network.heads"),
]

# --- paths and arguments --------------------------------------------------------------------------------------------

PATHS = [
    *(("--out", path, code) for path, code in {"file": 2, "file/x": 2, "full": 2, "loop/x": 2, LONG: 2}.items()),
    *(("--out", path, 2) for path in ("/proc/x", "/dev/null", "/dev/null/x", "x/" * 2100, "dangling")),
    *(("--resume", path, 2) for path in ("missing", "file", "file/x", "full", "loop", "dangling", LONG, "/dev/null")),
    *(("--init-from", path, 2) for path in ("missing", "file", "full", "loop", "dangling", LONG, "/dev/null")),
]
ARGUMENTS = [
    *((["train", path], word) for path, word in {"folder.toml": "not a file", "loop.toml": "no such file"}.items()),
    (["train", f"{LONG}.toml"], "File name too long"),
    (["train", ""], "preset ''"),
    (["train", "--seed=1.5"], "--seed"),
    (["train", "--seed", "2147483648"], "--seed"),
    (["train", "--seeds", "10001"], "--seeds"),
    (["train", "--seeds", "-1"], "--seeds"),
    (["train", "--seed", "2147483647", "--seeds", "2", "-q"], "run.seed"),
    (["train", "--iterations", "-5"], "--iterations"),
    (["train", "--iterations", "2147483648"], "run.iterations"),
    (["train", "--json=1"], "--json"),
    (["train", "--set"], "--set"),
    (["train", "--set", ""], "--set"),
    (["train", "--out"], "--out"),
    (["train", "--out", "run-\udcff"], "run-\\udcff: not UTF-8"),
    (["train", "--set", "population.naive_from=\udcff"], "not UTF-8"),
    (["sweep", "--out", "\udcff"], "not UTF-8"),
    (["runs", "show", "\udcff"], "not UTF-8"),
    (["train", "--method", ""], "--method"),
    (["train", "--method", "COALA"], "--method"),
    (["train", "-x"], "-x"),
    (["--nope"], "--nope"),
    (["nope"], "nope"),
    ([""], "No such command"),
    (["presets", "nope"], "nope"),
    (["presets", "cp"], "Missing argument"),
    (["presets", "cp", "nope", "x.toml"], "nope"),
    (["presets", "cp", "ipd-mixed", "file/x"], "file/x"),
    (["presets", "cp", "ipd-mixed", LONG], "File name too long"),
    (["presets", "cp", "ipd-mixed", "/proc/x"], "/proc/x"),
    (["presets", "show", ""], "preset ''"),
    (["presets", "schema", "x"], "x"),
    (["runs", "show"], "Missing argument"),
    (["runs", "show", "a", "b"], "b"),
    (["runs", "show", LONG], "File name too long"),
    (["runs", "show", "loop"], "loop"),
    (["runs", "ls", "a", "b"], "b"),
    (["runs", "ls", LONG], "File name too long"),
    (["runs", "ls", "dangling"], "dangling"),
    (["doctor", "x"], "x"),
    (["doctor", "--nope"], "--nope"),
]


@pytest.fixture(autouse=True)
def _things_in_the_way() -> None:
    Path("file").write_text("mine")
    Path("full").mkdir()
    Path("full/thesis.tex").write_text("mine")
    Path("folder.toml").mkdir()
    for link, target in {"loop": "loop", "loop.toml": "loop.toml", "dangling": "nowhere"}.items():
        Path(link).symlink_to(target)


def test_there_are_many_cases() -> None:
    assert len(VALUES) + len(FILES) + len(PATHS) + len(ARGUMENTS) >= 200


@pytest.mark.parametrize(("assignment", "allowed"), VALUES, ids=[assignment[:40] for assignment, _ in VALUES])
def test_a_bad_value(
    coalactl: Command, assignment: str, allowed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text("def (:\n")
    monkeypatch.syspath_prepend(tmp_path)
    result = coalactl("train", "ipd-shaping-quick", "-q", "--out", "run", "--set", assignment)
    assert_one_line(result, assignment.partition("=")[0].partition(".")[0][:20], allowed)
    assert not Path("run").exists()


@pytest.mark.parametrize(("content", "word"), FILES, ids=[str(content[:25]) for content, _ in FILES])
def test_a_bad_file(coalactl: Command, content: bytes, word: str) -> None:
    Path("mine.toml").write_bytes(content)
    result = coalactl("train", "mine.toml", "-q", "--out", "run")
    assert_one_line(result, word)
    assert not Path("run").exists()


@pytest.mark.parametrize(("option", "path", "code"), PATHS, ids=[f"{option} {path[:20]}" for option, path, _ in PATHS])
def test_a_bad_path(coalactl: Command, option: str, path: str, code: int) -> None:
    result = coalactl("train", *SMALL, "--iterations", "1", "-q", option, path)
    assert_one_line(result, path.strip("/")[:20], code=code)
    assert Path("file").read_text() == "mine"


@pytest.mark.parametrize(("arguments", "word"), ARGUMENTS, ids=[" ".join(given)[:40] for given, _ in ARGUMENTS])
def test_bad_arguments(coalactl: Command, arguments: list[str], word: str) -> None:
    assert_one_line(coalactl(*arguments), word)


# --- anything at all ------------------------------------------------------------------------------------------------

VALUE = st.one_of(
    st.integers(-3, 9).map(str),
    st.sampled_from(["2147483648", "1e999", "-0.0", "1e-300", "nan", "inf", "true", "[]", "{}", "[1, 2]", "[[1, 2]]"]),
    st.sampled_from(["{ 0 = 1.0 }", "{ 0 = 1, 5 = 0.5, interpolation = 'linear' }", "[{ method = 'm-fos' }]"]),
    st.sampled_from(["auto", "adam", "sgd", "a2c", "ppo", "m-fos", "coala-pg", "returns", "sequential", "tit-for-tat"]),
    st.floats(width=32).map(repr),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
)
KEY = st.one_of(st.sampled_from(known_keys("sequence")), st.from_regex(r"[a-z_]{1,8}(\.[a-z_]{1,8})?", fullmatch=True))
OVERRIDES = st.lists(st.tuples(KEY, VALUE), min_size=1, max_size=4)


def assert_runs_or_is_refused(result: Result) -> None:
    assert "Traceback" not in result.err
    if result.code != 0:
        assert_one_line(result)


@pytest.mark.long
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(overrides=OVERRIDES)
def test_any_overrides_are_a_program_or_refused(coalactl: Command, overrides: list[tuple[str, str]]) -> None:
    words = [word for key, value in overrides for word in ("--set", f"{key}={value}")]
    assert_runs_or_is_refused(coalactl("train", *SMALL, *words, "--dry-run", "-q"))


_run_numbers = itertools.count()
NUMBERS = [*PROBABILITIES, *COEFFICIENTS, *POSITIVES, "meta.clip", "meta.value_clip", "meta.meta_opponent_weight"]


@pytest.mark.long
@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(numbers=st.dictionaries(st.sampled_from(NUMBERS), st.floats(width=32).map(repr), max_size=3))
def test_any_numbers_train_diverge_or_are_refused(train: Command, numbers: dict[str, str]) -> None:
    words = [word for key, value in numbers.items() for word in ("--set", f"{key}={value}")]
    result = train(*SMALL, *words, "--iterations", "2", "--out", f"run-{next(_run_numbers)}", "-q")
    assert result.code in (0, 2, 5), result.err
    if result.code:
        assert_one_line(result, code=result.code)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_folder_that_may_not_be_entered(coalactl: Command) -> None:
    Path("full").chmod(0)
    assert_one_line(coalactl("train", "--resume", "full"), "Permission denied")
    Path("full").chmod(0o700)
