"""What is told when a training is done: the table or the JSON object, where the files are, what to type next."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from coalactl.errors import ExitCode
from coalactl.output import emit_json
from coalactl.paths import escaped, typed
from coalactl.runs.directory import RunDirectory
from coalactl.summary import Means, RunSummary, json_object, note_missing, summarize
from coalactl.terminal import OurConsole, duration
from coalactl.trained import Readers, checkpoint_of
from coalactl.training.request import TrainRequest
from coalactl.training.sentence import in_a_sentence
from coalactl.training.tables import pack_table, result_table, seeds_table
from coalactl.words import quantity


def report(runs: Sequence[RunDirectory], path: Path, request: TrainRequest) -> ExitCode:
    """Prints what finished runs came to, as the request asks."""
    summaries = [summarize(run) for run in runs]
    note_missing(runs, summaries)
    if request.json:
        digests = _digests(runs)
        objects = [json_object(*each) for each in zip(runs, summaries, digests, strict=True)]
        is_pack = path != runs[0].path
        emit_json({"runs": objects} if is_pack else objects[0])
    elif not request.quiet:
        show(runs, path, summaries)
    return ExitCode.OK


def show(runs: Sequence[RunDirectory], path: Path, summaries: Sequence[RunSummary]) -> None:
    """The table at the end of a run or pack, and what to type next."""
    console = OurConsole(highlight=False)
    first = summaries[0]
    if first.quartiles:
        console.table(seeds_table(first, runs[0].read_config()["run"]["seeds"]))
    else:
        seeds = [run.read_config()["run"]["seed"] for run in runs]
        for method, means in _by_method(summaries):
            alone = len(runs) == 1
            console.table(result_table(means[0], method) if alone else pack_table(seeds, means, method))
        config = runs[0].read_config()
        for method, means in _by_method(summaries):
            sentence = in_a_sentence(config, means)
            if sentence:
                console.print(f"{method}: {sentence}" if method else sentence, markup=False, soft_wrap=True)
    steps = sum(summary.steps for summary in summaries)
    played = f"{quantity(steps)} environment steps, " if steps else ""
    done = f"{first.iterations} iterations, {played}{duration(first.seconds)} of training"
    named = typed(path)
    # A run that has not come to its end goes on to the end that it was given.
    longer = f" --iterations {2 * first.iterations}" if first.iterations >= first.planned else ""
    reading = (
        f"import pandas; print(pandas.read_parquet({json.dumps(str(runs[0].metrics_dir), ensure_ascii=False)}).tail())"
    )
    lines = [
        done,
        f"files:       {path}",
        f"look again:  coalactl runs show {named}",
        f"train on:    coalactl train --resume {named}{longer}",
        f"read:        python -c {typed(reading)}",
    ]
    for line in lines:
        console.print(escaped(line), markup=False, soft_wrap=True)


def _by_method(summaries: Sequence[RunSummary]) -> Iterator[tuple[str, list[Means]]]:
    """What the seeds came to, for each method where the pool mixes several; else under no name."""
    methods = dict.fromkeys(method for summary in summaries for method in summary.by_method)
    for method in methods:
        yield method, [summary.by_method.get(method, Means({}, {})) for summary in summaries]
    if not methods:
        yield "", [Means(summary.untrained, summary.trained) for summary in summaries]


def parameters_digest(parameters: Any) -> str:
    """SHA-256 over names, shapes, dtypes and bytes of a pytree of arrays."""
    import jax
    import numpy as np

    digest = hashlib.sha256()
    leaves, _ = jax.tree_util.tree_flatten_with_path(parameters)
    named = {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}
    for name, leaf in sorted(named.items()):
        digest.update(f"{name} {leaf.shape} {leaf.dtype}\n".encode())
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()


def _digests(runs: Sequence[RunDirectory]) -> list[str]:
    """The digests of the final parameters, from the checkpoints."""
    readers: Readers = {}
    return [parameters_digest(checkpoint_of(run, readers=readers).parameters) for run in runs]
