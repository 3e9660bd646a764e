"""Trackers as their own packages read them back: of each name, the steps and values in the order they stand there."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Told = dict[str, list[tuple[int, float]]]


def when_all_is_told(name: str) -> None:
    """Waits for the threads that still tell a tracker, though the training has given it up."""
    for thread in threading.enumerate():
        if thread.name == f"tracker {name}":
            thread.join()


def in_tensorboard(run: Path) -> Told:
    """Of all event files, as TensorBoard reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(run / "tracking" / "tensorboard"), size_guidance={"scalars": 0})
    read.Reload()
    return {name: [(each.step, each.value) for each in read.Scalars(name)] for name in read.Tags()["scalars"]}


def in_wandb(run: Path) -> Told:
    """Of the one file that there must be to upload, record by record."""
    told: Told = {}
    for record in wandb_records(run):
        if record.WhichOneof("record_type") == "history":
            items = {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            for name, value in items.items():
                if name[0] != "_":
                    told.setdefault(name, []).append((items["_step"], value))
    return told


def wandb_records(run: Path) -> Iterator[Any]:
    """A log of blocks, as LevelDB writes it, behind a header of seven bytes."""
    from wandb.proto import wandb_internal_pb2

    (file,) = run.glob("tracking/wandb/wandb/*/run-*.wandb")
    content, place, part = file.read_bytes(), 7, b""
    while place + 7 <= len(content):
        left = 2**15 - place % 2**15
        if left < 7:
            place += left
            continue
        size, kind = struct.unpack_from("<HB", content, place + 4)
        part += content[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # a whole record, or the last part of one
            record = wandb_internal_pb2.Record()
            record.ParseFromString(part)
            part = b""
            yield record


def in_mlflow(run: Path) -> Told:
    """Of the run's own run in its store."""
    client, found = mlflow_run(run)
    return {
        name: [(each.step, each.value) for each in client.get_metric_history(found.info.run_id, name)]
        for name in found.data.metrics
    }


def mlflow_run(run: Path) -> Any:
    """The client, and the run whose tag is the ID of the mark."""
    from mlflow import MlflowClient

    pack = run.parent if (run.parent / "pack.json").exists() else run
    client = MlflowClient(tracking_uri=f"sqlite:///{(pack / 'tracking/mlflow/mlflow.db').absolute()}")
    mark = json.loads((run / "tracking/mlflow/mark.json").read_text())
    experiments = [each.experiment_id for each in client.search_experiments()]
    (found,) = client.search_runs(experiments, f"tags.`coalactl.id` = '{mark['id']}'")
    return client, found


READERS = {"tensorboard": in_tensorboard, "wandb": in_wandb, "mlflow": in_mlflow}
