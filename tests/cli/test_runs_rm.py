"""Runs, packs and sweeps go as a whole or not at all; labels move with them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_line import Command, assert_one_line
from report_runs import sequence_pack

from coalactl.errors import ExitCode
from coalactl.runs.directory import RunDirectory
from coalactl.runs.pack import Pack
from coalactl.sweep.claims import Claims
from coalactl.sweep.folder import SweepFolder

SEEDS: dict[int, dict[str, float]] = {0: {}, 1: {}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, a pack and a sweep, made once."""
    root = tmp_path_factory.mktemp("made") / "runs"
    sequence_pack(root / "two", "coala-pg", SEEDS)
    sequence_pack(root / "swept" / "trials" / "m-fos-1", "m-fos", SEEDS)
    (root / "swept" / "sweep.toml").write_text('preset = "ipd-shaping-quick"')
    for name in ("claims", "failures", "final"):
        (root / "swept" / name).mkdir()
    for place in ("swept/claims", "two", "swept/trials/m-fos-1"):
        (root / place / "lock").touch()
    shutil.copytree(root / "two" / "seed-0", root / "one")
    return root


@pytest.fixture(autouse=True)
def _runs(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "runs")


def everything() -> list[str]:
    return sorted(str(path) for path in Path().rglob("*") if path.suffix != ".index")


def used(path: Path) -> int:
    """Bytes of a folder on disk."""
    return sum(os.lstat(each).st_blocks * 512 for each in (path, *path.rglob("*")))


@pytest.mark.parametrize(("name", "count"), [("one", 1), ("two", 2), ("swept", 2)])
def test_what_is_named_goes_as_a_whole_and_nothing_else(coalactl: Command, name: str, count: int) -> None:
    path, before, bytes_ = Path("runs", name), everything(), used(Path("runs", name))
    dry = coalactl("runs", "rm", path, "--dry-run", "--json")
    assert everything() == before
    gone = coalactl("runs", "rm", path, "--json")
    assert gone.code == 0, gone.err
    assert gone.json["removed"] == dry.json["would_remove"]
    assert [(row["runs"], row["bytes"]) for row in gone.json["removed"]] == [(count, bytes_)]
    assert everything() == [each for each in before if Path(each) != path and path not in Path(each).parents]


def test_several_at_once_and_what_is_told(coalactl: Command) -> None:
    told = coalactl("runs", "rm", "runs/one", "runs/two", "runs/one/", "runs/../runs/one", "--dry-run").out
    sizes = [used(Path("runs", name)) / 1e3 for name in ("one", "two")]
    assert told == f"would remove runs/one: {sizes[0]:.1f} kB\nwould remove runs/two: 2 runs, {sizes[1]:.1f} kB\n"
    assert coalactl("runs", "rm", "runs/one", "runs/two").out == told.replace("would remove", "removed")
    assert os.listdir("runs") == ["swept"]


def test_a_file_with_a_name_elsewhere_frees_nothing(coalactl: Command) -> None:
    Path("runs/one/big").write_bytes(bytes(100_000))
    (whole,) = coalactl("runs", "rm", "runs/one", "--dry-run", "--json").json["would_remove"]
    os.link("runs/one/big", "runs/one/again")
    assert coalactl("runs", "rm", "runs/one", "--dry-run", "--json").json["would_remove"] == [whole]
    os.link("runs/one/big", "elsewhere")
    (linked,) = coalactl("runs", "rm", "runs/one", "--dry-run", "--json").json["would_remove"]
    assert whole["bytes"] - linked["bytes"] >= 100_000


@contextmanager
def claimed() -> Iterator[None]:
    with Claims(SweepFolder("runs/swept")) as claims:
        claims.take(["m-fos-1"])
        yield


IN_USE = {
    "one": lambda: RunDirectory("runs/one").lock(),
    "two": lambda: RunDirectory("runs/two/seed-1").lock(),
    "two/": lambda: Pack("runs/two", []).lock(),
    "swept": lambda: RunDirectory("runs/swept/trials/m-fos-1/seed-0").lock(),
    "swept/": claimed,
}


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
@pytest.mark.parametrize("name", IN_USE)
def test_what_is_in_use_is_refused(coalactl: Command, name: str, options: list[str]) -> None:
    with IN_USE[name]():
        before = everything()
        others = [f"runs/{other}" for other in ("one", "two", "swept") if other != name.strip("/")]
        refused = coalactl("runs", "rm", *others, f"runs/{name}", *options)
        assert_one_line(refused, "in use", str(os.getpid()), code=ExitCode.RUN_CONFLICT)
        assert everything() == before
    assert coalactl("runs", "rm", f"runs/{name}").code == 0


REFUSED: dict[str, tuple[str, Callable[[], object]]] = {
    "runs": ("no run, pack or sweep", lambda: None),
    "runs/nothing": ("there is no such run", lambda: None),
    "runs/one/config.toml": ("no run, pack or sweep", lambda: None),
    "runs/one/metrics": ("no run, pack or sweep", lambda: None),
    "runs/two/seed-0": ("a part of the pack", lambda: None),
    "runs/swept/trials/m-fos-1": ("a part of the sweep", lambda: None),
    "link": ("rm link", lambda: Path("link").symlink_to("runs/one")),
    "runs/one": ("holds inner", lambda: os.rename("runs/two/seed-1", "runs/one/inner")),
    "runs/two": ("holds mine", lambda: os.rename("runs/one", "runs/two/mine")),
    "runs/swept": ("holds mine", lambda: os.rename("runs/one", "runs/swept/mine")),
}


@pytest.mark.parametrize("path", REFUSED)
def test_what_is_no_run_of_its_own_is_refused(coalactl: Command, path: str) -> None:
    words, prepare = REFUSED[path]
    prepare()
    before = everything()
    for options in ([], ["--dry-run"]):
        others = [] if "one" in path or "inner" in words or "mine" in words else ["runs/one"]
        assert_one_line(coalactl("runs", "rm", *others, path, *options), words)
        assert everything() == before


def test_a_run_behind_a_linked_folder_goes_and_what_its_links_lead_to_stays(coalactl: Command) -> None:
    Path("disk").mkdir()
    Path("disk/kept").touch()
    os.rename("runs/one", "disk/one")
    Path("disk/one/link").symlink_to("../../runs/two")
    Path("linked").symlink_to("disk")
    assert coalactl("runs", "rm", "linked/one").code == 0
    assert os.listdir("disk") == ["kept"]
    assert Path("runs/two/seed-0/config.toml").exists()


def test_where_one_cannot_go_all_stay(coalactl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    before, rename = everything(), os.rename

    def refuse(source: Path, target: Path) -> None:
        if Path(source).name == "two":
            raise PermissionError(13, "Permission denied")
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse)
    refused = coalactl("runs", "rm", "runs/one", "runs/two")
    assert_one_line(refused, "runs/two cannot be removed: Permission denied", code=ExitCode.WRITE_FAILED)
    assert everything() == before


def test_what_ends_it_half_way_leaves_no_run(coalactl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(shutil, "rmtree", fail)
    refused = coalactl("runs", "rm", "runs/two")
    assert_one_line(refused, "removed in part", "what is left is in", code=ExitCode.WRITE_FAILED)
    (left,) = Path("runs").glob(".removed-*")
    assert str(left) in refused.err
    assert {row["run_dir"] for row in coalactl("runs", "ls", "--json").json} == {"runs/one", "runs/swept"}


# --- labels ---------------------------------------------------------------------------------------------------------


def test_labels_are_given_listed_taken_away_and_move_along(coalactl: Command) -> None:
    told = coalactl("runs", "tag", "runs/one", "runs/two", "--add", "paper", "--add", "a.1")
    assert (told.code, told.out) == (0, "runs/one: a.1, paper\nruns/two: a.1, paper\n")
    assert coalactl("runs", "tag", "runs/swept", "--add", "old").code == 0
    assert coalactl("runs", "tag", "runs/two/seed-1", "--add", "best").code == 0
    os.rename("runs/two", "runs/moved")

    def listed(*words: str) -> list[str]:
        return [row["run_dir"][5:] for row in coalactl("runs", "ls", *words, "--json").json]

    assert sorted(listed("--tag", "paper")) == ["moved", "one"]
    assert listed("--tag", "best", "--all") == listed("--tag", "best") == ["moved", "moved/seed-1"]
    assert listed("--tag", "old", "--all")[:2] == ["swept", "swept/trials/m-fos-1"]
    assert "moved/seed-0" in listed("--tag", "paper", "--all")
    assert listed("--tag", "pap") == []
    heading, *lines = coalactl("runs").out.splitlines()
    assert "tags" in heading
    assert {line.split()[0] for line in lines if "  a.1, paper  " in line} == {"runs/moved", "runs/one"}
    less = coalactl("runs", "tag", "runs/one", "--remove", "paper", "--remove", "nope", "--add", "b")
    assert (less.out, less.err) == ("runs/one: a.1, b\n", "runs/one has no label 'nope'\n")
    coalactl("runs", "tag", "runs/one", "--remove", "a.1", "--remove", "b")
    assert coalactl("runs", "tag", "runs/one", "runs/moved", "--json").json == [
        {"run_dir": "runs/one", "tags": []},
        {"run_dir": "runs/moved", "tags": ["a.1", "paper"]},
    ]
    assert not Path("runs/one/tags.json").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["runs/one", "--add", "two words"], "'two words' is no label"),
        (["runs/one", "--add", "a,b"], "'a,b' is no label"),
        (["runs/one", "--add", ""], "'' is no label"),
        (["runs/one", "--add", "x" * 41], "is no label"),
        (["runs/one", "--add", "a", "--remove", "a"], "give one of them"),
        (["runs/one", "runs", "--add", "a"], "runs is no run, pack or sweep"),
        (["runs/one", "nowhere", "--add", "a"], "nowhere: there is no such run"),
    ],
)
def test_what_is_no_label_or_no_run_changes_nothing(coalactl: Command, words: list[str], told: str) -> None:
    assert_one_line(coalactl("runs", "tag", *words), told)
    assert not Path("runs/one/tags.json").exists()


def test_damaged_labels_are_told_and_hide_no_run(coalactl: Command) -> None:
    Path("runs/one/tags.json").write_text('{"tags": 5}')
    assert_one_line(coalactl("runs", "tag", "runs/one", "--add", "a"), "tags.json is damaged", code=ExitCode.DAMAGED)
    assert "runs/one" in coalactl("runs").out
    Path("runs/one/tags.json").unlink()
    Path("runs/one/tags.json").symlink_to("elsewhere")
    assert_one_line(coalactl("runs", "tag", "runs/one", "--add", "a"), "symbolic link", code=ExitCode.DAMAGED)
    assert not Path("elsewhere").exists()


def test_a_run_that_is_worked_on_takes_labels(coalactl: Command) -> None:
    with RunDirectory("runs/one").lock():
        assert coalactl("runs", "tag", "runs/one", "--add", "a").out == "runs/one: a\n"
