"""A run exists whole or not at all, has one writer, and can be moved."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from directories import CONFIG, new_run

from coalactl.errors import ExitCode, UserError
from coalactl.runs import directory as directory_module
from coalactl.runs.directory import RunDirectory, Status, reserved
from coalactl.runs.files import write_json, write_text
from coalactl.runs.finding import find_runs
from coalactl.runs.pack import Pack


def test_config_comes_back_as_plain_data_with_every_bit_of_its_numbers(tmp_path: Path) -> None:
    config = new_run(tmp_path / "run").read_config()
    assert config["meta"] == CONFIG["meta"]
    assert config["environment"] == {"payoffs": [[1.0, -1.0], [2.0, 0.0]]}


def test_config_is_written_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def note(path: Path, text: str) -> None:
        seen.extend(sorted(entry.name for entry in path.parent.iterdir()))
        write_text(path, text)

    monkeypatch.setattr(directory_module, "write_text", note)
    run = new_run(tmp_path / "run")
    assert sorted([*seen, "config.toml"]) == sorted(entry.name for entry in run.path.iterdir())
    assert run.read_status() == Status(iterations=7, updated=run.read_status().updated)


def test_a_start_killed_before_its_config_can_be_repeated(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    run.config_file.unlink()
    (run.path / ".config.toml.tmp").write_text("kind = ")
    with pytest.raises(UserError, match=r"no config\.toml"):
        RunDirectory.open(run.path)
    assert new_run(run.path).read_config()["kind"] == "sequence"
    assert not (run.path / ".config.toml.tmp").exists()


def test_an_existing_run_is_refused_and_resume_is_named(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    with pytest.raises(UserError, match="--resume") as refused:
        new_run(run.path)
    assert refused.value.code == ExitCode.RUN_CONFLICT


def test_places_that_cannot_hold_a_run_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine")
    for place in ("file", "file/run", "full"):
        with pytest.raises(UserError) as refused:
            new_run(tmp_path / place)
        assert refused.value.code == ExitCode.USAGE
        assert str(tmp_path / place) in str(refused.value)
        assert "\n" not in str(refused.value)
    for missing in ("nowhere", "file", "full"):
        with pytest.raises(UserError) as refused:
            RunDirectory.open(tmp_path / missing)
        assert refused.value.code == ExitCode.USAGE


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_place_that_is_not_writable_is_refused(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    for place in ("closed", "closed/run"):
        with pytest.raises(UserError) as refused:
            new_run(tmp_path / place)
        assert refused.value.code == ExitCode.USAGE


def test_a_moved_run_still_opens_and_names_no_place(tmp_path: Path) -> None:
    before = new_run(tmp_path / "before")
    before.write_status(Status(state="finished", iteration=7, iterations=7, preset="ipd-shaping-quick", seed=3))
    with before.lock():
        pass
    os.rename(before.path, tmp_path / "after")
    after = RunDirectory.open(tmp_path / "after")
    assert after.read_status().preset == "ipd-shaping-quick"
    assert not [path for path in after.path.rglob("*") if path.is_file() and str(tmp_path) in path.read_text()]


def test_status_comes_back_and_what_is_not_a_number_becomes_none(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    status = Status(
        state="running", iteration=2, seconds=1.5, last={"reward_vs_naive": 0.1, "reward_vs_meta": float("nan")}
    )
    run.write_status(status)
    assert run.read_status().last == {"reward_vs_naive": 0.1, "reward_vs_meta": None}
    assert run.read_status().updated.endswith("+00:00")
    for damage in ("{", "[]", '{"state": "asleep"}', '{"iteration": "two"}'):
        run.status_file.write_text(damage)
        with pytest.raises(UserError, match=r"status\.json"):
            run.read_status()


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    write_json(tmp_path / "status.json", {"iteration": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "status.json", {"iteration": float("nan")})
    assert json.loads((tmp_path / "status.json").read_text()) == {"iteration": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


def test_a_full_disk_is_one_line_with_its_own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run(tmp_path / "run")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"status\.json failed: No space left on device") as failed:
        run.write_status(Status(iteration=5))
    assert failed.value.code == ExitCode.WRITE_FAILED
    assert run.read_status().iteration == 0


def test_starts_in_one_second_get_folders_of_their_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as starts:
        found = list(starts.map(lambda _: reserved(tmp_path / "runs", "preset"), range(24)))
    assert len(set(found)) == 24
    assert {path.name.partition("Z")[2] for path in found} >= {"", "-2"}
    assert sorted(found) == sorted((tmp_path / "runs").iterdir())
    assert new_run(found[0]).read_config()["kind"] == "sequence"


def test_runs_and_packs_are_found_newest_first(tmp_path: Path) -> None:
    new_run(tmp_path / "runs" / "old")
    Pack.create(tmp_path / "runs" / "pack", {0: CONFIG, 1: CONFIG}, {})
    new_run(tmp_path / "runs" / "group" / "new")
    (tmp_path / "runs" / "other").mkdir()
    order = ["group/new", "pack/seed-1", "pack/seed-0", "old"]
    for age, path in enumerate(order):
        os.utime(tmp_path / "runs" / path / "config.toml", (1e9 - age, 1e9 - age))
    found = [run.path.relative_to(tmp_path / "runs").as_posix() for run in find_runs(tmp_path / "runs")]
    assert found == order
    assert find_runs(tmp_path / "nowhere") == []


def test_linked_runs_are_found_once_and_links_that_lead_nowhere_are_told(tmp_path: Path) -> None:
    runs, disk = tmp_path / "runs", tmp_path / "disk"
    for place in (runs / "here", disk / "moved", disk / "more" / "a", disk / "more" / "b"):
        new_run(place)
    links = {"t0": disk / "moved", "folder": disk / "more", "inner": disk / "more" / "a", "alias": disk / "moved"}
    (runs / "z").mkdir()
    os.rename(runs / "here", runs / "z" / "here")
    links |= {
        "again": runs / "z" / "here",
        "circle": runs,
        "up": tmp_path,
        "gone": disk / "gone",
        ".#lock": disk / "gone",
    }
    for name, target in links.items():
        (runs / name).symlink_to(target)
    broken: list[Path] = []
    found = {run.path.relative_to(runs).as_posix() for run in find_runs(runs, broken.append)}
    assert found == {"z/here", "alias", "folder/a", "folder/b"}
    assert broken == [runs / "gone"]


def test_a_copy_changes_nothing_in_which_run_is_the_newest(tmp_path: Path) -> None:
    for name, started in {"b": "2026-01-02", "a": "2026-01-03", "c": "2026-01-01"}.items():
        RunDirectory.create(tmp_path / "runs" / name, CONFIG, {"started": f"{started}T00:00:00+00:00"})
    shutil.copytree(tmp_path / "runs", tmp_path / "copy", copy_function=shutil.copy)
    for root in ("runs", "copy"):
        assert [run.path.name for run in find_runs(tmp_path / root)] == ["a", "b", "c"]


def test_a_pack_is_the_runs_of_its_seeds(tmp_path: Path) -> None:
    path = tmp_path / "pack"
    Pack.create(path, {5: CONFIG, 4: CONFIG}, {})
    with pytest.raises(UserError, match="--resume") as refused:
        Pack.create(path, {5: CONFIG}, {})
    assert refused.value.code == ExitCode.RUN_CONFLICT
    with pytest.raises(UserError, match="pack"):
        RunDirectory.open(path)
    os.rename(path, tmp_path / "moved")
    pack = Pack.open(tmp_path / "moved")
    assert [run.path.name for run in pack.runs] == ["seed-5", "seed-4"]
    with pack.lock(), pytest.raises(UserError, match="in use"), pack.runs[1].lock():
        pass
    with pack.runs[1].lock(), pytest.raises(UserError, match="in use"), pack.lock():
        pass
    with pack.lock():
        pass


def test_a_pack_killed_at_its_start_can_be_repeated_unless_something_was_trained(tmp_path: Path) -> None:
    pack = Pack.create(tmp_path / "pack", {0: CONFIG, 1: CONFIG}, {})
    pack.pack_file.unlink()
    pack = Pack.create(tmp_path / "pack", {0: CONFIG, 2: CONFIG}, {})
    assert sorted(path.name for path in pack.path.glob("seed-*")) == ["seed-0", "seed-2"]
    pack.pack_file.unlink()
    (pack.runs[0].manifests_dir / "5.json").write_text("{}")
    with pytest.raises(UserError, match="not empty"):
        Pack.create(tmp_path / "pack", {0: CONFIG}, {})
    assert (pack.runs[0].manifests_dir / "5.json").exists()


def test_run_directories_load_no_heavy_package() -> None:
    code = (
        "import sys, coalactl.runs.directory, coalactl.runs.pack, coalactl.runs.manifests, coalactl.runs.provenance;"
        "print(sorted({'jax', 'pandas', 'numpy', 'orbax', 'pydantic', 'typer'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
