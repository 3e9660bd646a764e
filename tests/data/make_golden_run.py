"""Makes ``golden-run-0.1/``, the run directory that later versions must go on with or refuse by its version.

``JAX_PLATFORMS=cpu python tests/data/make_golden_run.py`` replaces it; that is right only while the layout of a run
directory or of the training state is changed on purpose, and before the first release that has it.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from coalactl.cli import main
from coalactl.runs.directory import RunDirectory
from coalactl.runs.manifests import read_manifest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from processes import SMALL  # noqa: E402

GOLDEN = HERE / "golden-run-0.1"


def make() -> None:
    """Four iterations with a checkpoint at the end, the names of host and source left out."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / GOLDEN.name
        arguments = [*SMALL, "--iterations", "4", "--set", "run.checkpoint_every=4", "--out", str(path)]
        if main(["train", *arguments, "-q"]) != 0:
            raise SystemExit("the golden run did not train")
        run = RunDirectory(path)
        provenance = run.read_provenance()
        for attempt in (provenance, *provenance["attempts"]):
            attempt.update(host="host", source=None, platform={}, threads={}, flags={})
        run.write_provenance(provenance)
        for name in ("log.txt", "lock"):
            (path / name).unlink()
        shutil.rmtree(GOLDEN, ignore_errors=True)
        shutil.copytree(path, GOLDEN)
    size = sum(file.stat().st_size for file in GOLDEN.rglob("*") if file.is_file())
    arrays = read_manifest(RunDirectory(GOLDEN), 4).arrays
    (HERE / "golden-run-0.1.json").write_text(json.dumps({"parameters_digest": digest()}) + "\n")
    sys.stdout.write(f"{GOLDEN}: {size / 1000:.0f} kB, {len(arrays)} arrays\n")


def digest() -> str:
    """Of the parameters as they are stored."""
    from coalactl.configuration import validate
    from coalactl.runs.checkpoints import restore
    from coalactl.training.outcome import parameters_digest
    from coalactl_core.training.engine import build_engine

    run = RunDirectory(GOLDEN)
    _, state = restore(run, build_engine(validate(run.read_config())).run_template)
    return parameters_digest(state.meta.params)


if __name__ == "__main__":
    make()
