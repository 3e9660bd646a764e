"""What happens to files: damage is found and named, the newest whole checkpoint used, nothing followed out of a run."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Command
from damaged import assert_refused, assert_whole, go_on, rewrite
from processes import SMALL, assert_same_rows, leftovers

from coalactl.runs.checkpoints import steps
from coalactl.runs.directory import RunDirectory
from coalactl.runs.manifests import DamagedCheckpointError, check_files, read_manifest

_made: dict[str, Path] = {}


@pytest.fixture
def made(train: Command, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Copies of runs and packs: ``cut`` has checkpoints at 4 and 6 of eight iterations, ``whole`` has done them."""

    def copy(name: str, *more: str) -> str:
        key = " ".join((name, *more))
        if key not in _made:
            end = {"cut": "6", "whole": "8"}[name]
            arguments = [*SMALL, *more, "--iterations", end, "--set", "run.checkpoint_every=2"]
            _made[key] = tmp_path_factory.mktemp("made") / name
            assert train(*arguments, "--out", str(_made[key]), "-q").code == 0
        shutil.copytree(_made[key], name)
        return name

    return copy


# --- checkpoints ----------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_each_of_many_flipped_bits_in_each_file_of_a_real_checkpoint_is_found(made: Callable[..., str]) -> None:
    run = RunDirectory.open(made("cut"))
    manifest = read_manifest(run, 6)
    assert len(manifest.files) > 5
    draws = random.Random(0)
    for name in manifest.files:
        path = run.checkpoints_dir / "6" / name
        kept = path.read_bytes()
        for _ in range(25):
            content = bytearray(kept)
            content[draws.randrange(len(content))] ^= 1 << draws.randrange(8)
            path.write_bytes(content)
            with pytest.raises(DamagedCheckpointError, match=path.name):
                check_files(run, manifest)
        path.write_bytes(kept)
    check_files(run, manifest)


@pytest.mark.long
def test_a_resume_names_the_file_uses_the_checkpoint_before_and_ends_the_same(
    made: Callable[..., str], train: Command
) -> None:
    folder = Path(made("cut")) / "checkpoints" / "6"
    path = max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    content = bytearray(path.read_bytes())
    content[7] ^= 16
    path.write_bytes(content)
    result = go_on(train)
    assert f"checkpoint 6 of cut is damaged: checkpoints/6/{path.name}" in result.err
    assert "resumed at iteration 4" in Path("cut/log.txt").read_text()
    assert_whole(result, made, train)


@pytest.mark.long
def test_in_a_pack_all_go_back_to_the_newest_step_that_is_whole_in_each(
    made: Callable[..., str], train: Command
) -> None:
    shutil.rmtree(Path(made("cut", "--seeds", "2")) / "seed-1" / "checkpoints" / "6" / "d")
    result = go_on(train)
    assert "seed-1 is damaged" in result.err
    assert_whole(result, made, train, "cut", "--seeds", "2")


@pytest.mark.long
def test_with_none_left_the_code_is_4_and_nothing_is_deleted(made: Callable[..., str], train: Command) -> None:
    run = RunDirectory(made("cut"))
    for step in (4, 6):
        (run.checkpoints_dir / str(step) / "_METADATA").write_text("{}")
    before = sorted(run.path.rglob("*"))
    assert_refused(go_on(train), 4, "no whole checkpoint is left", "_METADATA")
    assert sorted(run.path.rglob("*")) == before


@pytest.mark.parametrize("kind", ["manifest", "run directory"])
def test_another_format_is_refused_with_both_versions_and_the_way_out(
    made: Callable[..., str], train: Command, coalactl: Command, kind: str
) -> None:
    run = RunDirectory(made("cut"))
    if kind == "manifest":
        rewrite(run, 6, lambda content: content.update(format=99))
        words = ["6.json has format 99"]
    else:
        provenance = run.read_provenance()
        assert provenance["format"] == 2
        provenance["attempts"][-1]["packages"]["coalactl"] = "7.0.0"
        run.write_provenance({**provenance, "format": 99})
        run.write_config({**run.read_config(), "future": {"key": 1}})
        words = ["cut has format 99", "coalactl 7.0.0"]
        assert_refused(coalactl("runs", "show", "cut"), 4, *words)
    assert_refused(go_on(train), 4, *words, "reads formats 1 and 2", "go on with it by", "start a new run")


# --- metric parts ---------------------------------------------------------------------------------------------------


SPANS = ["0 to 1", "2 to 3", "4 to 5"]
EACH_GONE = [(folder, place, "gone") for folder in ("metrics", "episodes") for place in range(3)]


@pytest.mark.parametrize(("folder", "place", "damage"), [*EACH_GONE, ("metrics", 2, "torn"), ("episodes", 0, "torn")])
def test_a_part_that_is_gone_or_torn_is_named_and_its_rows_made_again_or_the_run_refused(
    made: Callable[..., str], train: Command, coalactl: Command, folder: str, place: int, damage: str
) -> None:
    part = sorted(Path(made("cut"), folder).iterdir())[place]
    part.unlink() if damage == "gone" else part.write_bytes(part.read_bytes()[:-10])
    words = (
        f"the rows of iterations {SPANS[place]} are missing in {folder}/" if damage == "gone" else f"{part} is damaged"
    )
    if damage == "gone":
        shown = coalactl("runs", "show", "cut")
        assert (shown.code, f"cut is damaged: {words}" in shown.err) == (0, True)
        assert coalactl("runs", "show", "cut", "--json").json["missing"] == words
    before = sorted(Path("cut").rglob("*"))
    result = go_on(train)
    assert f"checkpoint 6 is passed over: {words}" in result.err.replace("cut is damaged: ", "")
    if place == 2:  # what the checkpoint before needs is there
        assert_whole(result, made, train)
        assert coalactl("runs", "show", "cut").err == ""
    else:
        assert_refused(result, 4, "no whole checkpoint is left", words, "--init-from cut")
        assert sorted(Path("cut").rglob("*")) == before


@pytest.mark.long
def test_in_a_pack_all_go_back_to_where_the_rows_of_each_are_whole(made: Callable[..., str], train: Command) -> None:
    Path(made("cut", "--seeds", "2"), "seed-1", "episodes", "000000004-000000006.parquet").unlink()
    result = go_on(train)
    assert "passed over: cut/seed-1 is damaged: the rows of iterations 4 to 5 are missing in episodes/" in result.err
    assert_whole(result, made, train, "cut", "--seeds", "2")


def test_rows_that_were_never_logged_are_not_missed(made: Callable[..., str], train: Command) -> None:
    sparse = ["--set", "run.log_every=4", "--set", "run.checkpoint_every=1", "--set", "run.keep=9"]
    assert train(*SMALL, *sparse, "--iterations", "7", "--out", "cut", "-q").code == 0
    for step in (7, 6, 5, 4, 3):  # each is the newest once
        result = train("--resume", "cut", "--iterations", "7", "--json")
        assert (result.code, "damaged" in result.err) == (0, False), result.err
        (RunDirectory("cut").manifests_dir / f"{step}.json").unlink()
        RunDirectory("cut").write_status(RunDirectory("cut").read_status()._replace(state="running"))


# --- links ----------------------------------------------------------------------------------------------------------

LINKED = [
    *("config.toml", "provenance.json", "status.json", "log.txt", "lock"),
    *("metrics", "episodes", "checkpoints", "manifests"),
]


@pytest.mark.parametrize("name", LINKED)
def test_a_link_out_of_a_run_is_refused_and_not_followed(made: Callable[..., str], train: Command, name: str) -> None:
    path = Path(made("cut")) / name
    path.rename("outside")
    path.symlink_to(Path("outside").absolute())
    before = {file: file.read_bytes() for file in [Path("outside"), *Path("outside").rglob("*")] if file.is_file()}
    assert_refused(go_on(train), 4, f"cut/{name} is a symbolic link")
    after = {file: file.read_bytes() for file in [Path("outside"), *Path("outside").rglob("*")] if file.is_file()}
    assert after == before


@pytest.mark.long
def test_a_linked_metric_part_or_run_of_a_pack_is_refused(made: Callable[..., str], train: Command) -> None:
    part = next(Path(made("cut")).glob("metrics/*.parquet"))
    part.rename("part")
    part.symlink_to(Path("part").absolute())
    assert_refused(go_on(train), 4, part.name, "symbolic link")
    shutil.rmtree("cut")
    seed = Path(made("cut", "--seeds", "2")) / "seed-1"
    seed.rename("elsewhere")
    seed.symlink_to(Path("elsewhere").absolute())
    assert_refused(go_on(train), 4, "cut/seed-1 is a symbolic link")


def test_a_run_that_is_reached_through_a_link_is_as_good_as_any(made: Callable[..., str], train: Command) -> None:
    Path("link").symlink_to(made("cut"))
    assert train("--resume", "link", "--iterations", "7", "-q").code == 0
    assert steps(RunDirectory("cut"))[-1] == 7


# --- the small files ------------------------------------------------------------------------------------------------

BAD_JSON = ["", "{", "[]", "null", "[" * 100_000, '{"state": []}', '{"last": 5}', '{"last": {"reward_vs_naive": "x"}}']


@pytest.mark.parametrize("text", BAD_JSON, ids=[text[:20] for text in BAD_JSON])
def test_a_damaged_status_is_told_and_hinders_nothing(
    made: Callable[..., str], train: Command, coalactl: Command, text: str
) -> None:
    Path(made("cut"), "status.json").write_text(text)
    assert coalactl("runs", "ls", ".", "--json").json[0]["status"] == "damaged status"
    assert coalactl("runs", "ls", ".").code == 0
    result = go_on(train)
    assert "cut/status.json is damaged" in result.err
    if text == BAD_JSON[0]:
        assert_whole(result, made, train)


def test_a_damaged_provenance_hinders_nothing_once_there_is_a_checkpoint(
    made: Callable[..., str], train: Command
) -> None:
    path = Path(made("cut"), "provenance.json")
    path.write_text("{")
    result = go_on(train)
    assert "cut/provenance.json is damaged" in result.err
    assert_whole(result, made, train)
    assert len(json.loads(path.read_text())["attempts"]) == 1
    shutil.rmtree("cut/manifests")
    path.write_text("{")
    RunDirectory("cut").write_status(RunDirectory("cut").read_status()._replace(state="running"))
    assert_refused(go_on(train), 4, "provenance.json is damaged")  # nobody knows whether it began at --init-from


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("config.toml", b"kind = ", 2),
        ("config.toml", b"\xff\xfe", 2),
        ("config.toml", b"a = " + b"[" * 100_000, 2),
        ("config.toml", b"[meta]\nclip = -1\n", 2),
        ("metrics/000000000-000000002.parquet", b"PAR1", 4),
        ("metrics/000000000-000000002.parquet", b"", 4),
    ],
)
def test_a_damaged_configuration_or_metric_part_is_named(
    made: Callable[..., str], train: Command, name: str, content: bytes, code: int
) -> None:
    Path(made("cut"), name).write_bytes(content)
    assert_refused(go_on(train), code, f"cut/{name}")


@pytest.mark.parametrize("text", ["", '{"seeds": 3}', '{"seeds": [0, "a"]}', '{"seeds": [0, 1, 2]}'])
def test_a_damaged_pack_file_is_told(made: Callable[..., str], train: Command, text: str) -> None:
    Path(made("cut", "--seeds", "2"), "pack.json").write_text(text)
    assert_refused(go_on(train), 2 if "1, 2" in text else 4, "cut/")


def test_what_a_copy_may_leave_out_is_made_again(made: Callable[..., str], train: Command) -> None:
    run = RunDirectory(made("cut"))
    for file in (run.lock_file, run.log_file, run.status_file):
        file.unlink()
    result = go_on(train)
    assert_whole(result, made, train)
    for folder in (run.checkpoints_dir, run.manifests_dir, run.metrics_dir, run.episodes_dir):
        shutil.rmtree(folder)  # as if nothing had been saved yet, and empty folders not copied
    run.write_status(run.read_status()._replace(state="running"))
    again = go_on(train)
    assert again.json["parameters_digest"] == result.json["parameters_digest"]
    assert_same_rows("cut", "whole")


def test_what_killed_writers_leave_is_cleared_away_by_the_next_start(made: Callable[..., str], train: Command) -> None:
    run = RunDirectory(made("cut"))
    for path in (run.path, run.metrics_dir, run.episodes_dir, run.manifests_dir):
        (path / ".half.tmp").write_text("half")
    (run.metrics_dir / ".folder.tmp").mkdir()
    (run.checkpoints_dir / "8.orbax-checkpoint-tmp").mkdir()
    (run.checkpoints_dir / "9").mkdir()
    assert leftovers("cut")
    assert_whole(go_on(train), made, train)


def test_no_file_is_pickled_or_names_the_place_of_the_run(made: Callable[..., str], train: Command) -> None:
    place = Path(made("cut")).absolute()
    (place / "checkpoints" / "6" / "manifest.ocdbt").unlink()
    assert go_on(train, str(place)).code == 0
    files = [path for path in place.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert "is damaged" in (place / "log.txt").read_text()
    for path in files:
        content = path.read_bytes()
        assert str(place.parent).encode() not in content, path
        assert not content.startswith((b"\x80\x04", b"\x80\x05")), path
