"""TensorBoard: event files in the run directory, in the format of its own package; neither TensorFlow nor PyTorch.

TensorBoard forgets what stands in earlier files of a run from the step on at which a later file says that a session
starts. So what is told again after a kill stands there once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

from coalactl.tracking.contract import Row, TrackedRun


class TensorBoardTracker:
    """A new event file for each attempt."""

    def __init__(self, run: TrackedRun) -> None:
        self.first = run.told
        # TensorBoard reads them in the order of their names.
        self._file = (run.folder / f"events.out.tfevents.{time.time_ns()}.coalactl").open("xb")
        self._writer = RecordWriter(self._file)
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))
        start = SessionLog(status=SessionLog.START)
        self._write(Event(wall_time=time.time(), step=self.first, session_log=start))
        self._write(Event(wall_time=time.time(), summary=_hyperparameters(run)))
        self._file.flush()

    def log(self, rows: Sequence[Row]) -> None:
        """An event a row, on disk when it returns."""
        for row in rows:
            values = [Summary.Value(tag=name, simple_value=value) for name, value in row.values.items()]
            self._write(Event(wall_time=row.time, step=row.iteration, summary=Summary(value=values)))
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self, state: str, final: Row | None) -> None:
        """Of a finished run what it came to, and that its session has ended."""
        del state
        if final is not None:
            self.log([final])
            self._write(Event(wall_time=final.time, step=final.iteration, summary=_end(final.time)))
        self._file.close()

    def _write(self, event: Event) -> None:
        self._writer.write(event.SerializeToString())


def _hyperparameters(run: TrackedRun) -> Summary:
    """The configuration, as the tab HParams shows it."""
    start = plugin_data_pb2.SessionStartInfo(group_name=run.id)
    for key, value in {**run.config, **run.tags}.items():
        if isinstance(value, bool):
            start.hparams[key].bool_value = value
        elif isinstance(value, int | float):
            start.hparams[key].number_value = value
        else:
            start.hparams[key].string_value = value
    return _plugin_summary(metadata.SESSION_START_INFO_TAG, plugin_data_pb2.HParamsPluginData(session_start_info=start))


def _end(moment: float) -> Summary:
    end = plugin_data_pb2.SessionEndInfo(status=api_pb2.Status.Value("STATUS_SUCCESS"), end_time_secs=moment)
    return _plugin_summary(metadata.SESSION_END_INFO_TAG, plugin_data_pb2.HParamsPluginData(session_end_info=end))


def _plugin_summary(tag: str, data: plugin_data_pb2.HParamsPluginData) -> Summary:
    described = metadata.create_summary_metadata(data)
    return Summary(value=[Summary.Value(tag=tag, metadata=described, tensor=metadata.NULL_TENSOR)])
