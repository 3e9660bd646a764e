"""``--executor ray``: each worker of a sweep is a Ray task, on a cluster that the user started or a local one.

A task runs a worker process (:mod:`coalactl.sweep.child`) on its node and waits for it: claims in the sweep folder say
who works on what, as for other executors. So the folder must be on a file system that all nodes see under the same
path, and all nodes must have this version of coalactl. The worker is a process of its own because it needs a fresh JAX
and answers signals, while Ray uses its processes again and keeps their signals to itself.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from coalactl.errors import ExitCode, UserError
from coalactl.sweep.child_process import ChildProcess
from coalactl.sweep.crew import Ended, supervise
from coalactl.sweep.overview import Observer
from coalactl.sweep.view import SweepView
from coalactl.training.signals import StopSignals

_PREFIXES = ("JAX_", "XLA_", "COALACTL_")
_OBJECT_STORE = 80 * 2**20  # bytes, about the least that Ray takes: what tasks give back is a line of text.
_FINEST = 10_000  # Ray counts resources in ten-thousandths.
_POLL = 0.2
_ANSWER_WITHIN = 10.0


class Share(NamedTuple):
    """What a task asks for; below 1 several tasks share one."""

    cpus: float
    gpus: float


def check_ray() -> None:
    """Raises :class:`UserError` where Ray is not installed, or nothing answers at ``$RAY_ADDRESS``.

    Ray itself would try for minutes.
    """
    _find_ray()
    address = os.environ.get("RAY_ADDRESS", "")
    if address in ("", "auto", "local"):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_WITHIN).close()
    except (OSError, ValueError, OverflowError) as error:
        words = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise UserError(f"--executor ray: no cluster answers at RAY_ADDRESS={address}: {words}") from error


def run_ray(observer: Observer, view: SweepView, stop: StopSignals, jobs: int | None = None) -> ExitCode:
    """So many tasks, by default one for each GPU of the cluster, or CPU where there are none.

    Raises :class:`UserError` as :func:`supervise` does, or where no cluster answers.
    """
    ray = _find_ray()
    with stop.leaving_at_once():
        _connect(ray)
    try:
        nodes = [_amounts(node["Resources"]) for node in ray.nodes() if node["Alive"]]
        jobs = jobs or default_jobs(nodes)
        share = share_of(nodes, jobs)
        view.message(f"Ray tasks: {jobs} of {share.cpus:g} CPUs and {share.gpus:g} GPUs, nodes: {len(nodes)}")
        return supervise(_Tasks(ray, observer, jobs, share), jobs, observer, view, stop)
    finally:
        ray.shutdown()


def default_jobs(nodes: Sequence[Share]) -> int:
    """One for each GPU of the cluster, or CPU where there are none; raises :class:`UserError` without either."""
    jobs = int(sum(node.gpus for node in nodes)) or int(sum(node.cpus for node in nodes))
    if not jobs:
        raise UserError("--executor ray: the cluster has no CPUs; start a node with some, or give --jobs")
    return jobs


def share_of(nodes: Sequence[Share], jobs: int) -> Share:
    """The largest shares at which the nodes hold so many tasks at once."""
    gpus = _largest([(node.gpus, jobs) for node in nodes], jobs)
    cpus = _largest([(node.cpus, _places(node.gpus, gpus) if gpus else jobs) for node in nodes], jobs)
    return Share(cpus=cpus, gpus=gpus)


def _largest(nodes: Sequence[tuple[float, int]], jobs: int) -> float:
    """Of nodes with an amount and the most tasks they may hold: the largest share; 0 where no share will do."""
    whole = range(int(max((amount for amount, _ in nodes), default=0)), 0, -1)
    parts = (math.floor(_FINEST / count) / _FINEST for count in range(2, jobs + 1))
    for share in (*whole, *parts):
        if sum(min(_places(amount, share), most) for amount, most in nodes) >= jobs:
            return float(share)
    return 0.0


def _places(amount: float, share: float) -> int:
    return int(amount * _FINEST) // round(share * _FINEST)


def _amounts(resources: Mapping[str, float]) -> Share:
    return Share(cpus=resources.get("CPU", 0.0), gpus=resources.get("GPU", 0.0))


def _find_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise UserError('--executor ray: Ray is not installed; pip install "coalactl[ray]"') from error
    return ray


def _connect(ray: Any) -> None:
    """To the cluster at ``$RAY_ADDRESS``, or one that runs on this machine, else to a new one of this process."""
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    handlers = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
    address = os.environ.get("RAY_ADDRESS")
    try:
        try:
            ray.init(address="auto", **quiet)
        except ConnectionError:
            if address:
                raise
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Nothing about the user's work leaves the machine.
            ray.init(address="local", include_dashboard=False, object_store_memory=_OBJECT_STORE, **quiet)
    except Exception as error:  # Ray raises errors of its own, of gRPC and of the system; each means: no cluster.
        where = f"at RAY_ADDRESS={address}" if address else "on this machine"
        raise UserError(f"--executor ray: no cluster to be had {where}: {_line(error)}") from error
    finally:
        for signum, handler in handlers.items():  # Ray's own would end this process without saving.
            with suppress(ValueError, TypeError):  # Not from here, or not ours to set.
                signal.signal(signum, handler)


class _Tasks:
    """The workers as Ray tasks; a dead one is for the supervisor to replace, not for Ray to run again."""

    def __init__(self, ray: Any, observer: Observer, jobs: int, share: Share) -> None:
        self._ray = ray
        self._tasks: dict[int, Any] = {}
        self._told = False
        variables = {name: value for name, value in os.environ.items() if name.startswith(_PREFIXES)}
        if 0 < share.gpus < 1:
            variables["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
        self._arguments = (str(observer.folder.path.absolute()), jobs, max(1, int(share.cpus)), os.getcwd(), variables)
        self._remote = ray.remote(_work).options(
            num_cpus=share.cpus, num_gpus=share.gpus, max_retries=0, scheduling_strategy="SPREAD", name="coalactl sweep"
        )

    def start(self, number: int) -> None:
        self._tasks[number] = self._remote.remote(number, *self._arguments)

    def is_at_work(self) -> bool:
        return bool(self._tasks)

    def ended(self) -> list[Ended]:
        if not self._tasks:
            return []
        ready, _ = self._ray.wait(list(self._tasks.values()), num_returns=len(self._tasks), timeout=0)
        numbers = [number for number, task in self._tasks.items() if task in ready]
        return [self._outcome(number, self._tasks.pop(number)) for number in numbers]

    def forward(self, _code: ExitCode) -> None:
        """Running tasks have their workers save; those that wait for room never begin."""
        if not self._told:
            self._told = True
            for task in self._tasks.values():
                self._ray.cancel(task)

    def close(self) -> None:
        self.forward(ExitCode.PREEMPTED)
        if self._tasks:
            self._ray.wait(list(self._tasks.values()), num_returns=len(self._tasks), timeout=None)
        self._tasks.clear()

    def _outcome(self, number: int, task: Any) -> Ended:
        errors = self._ray.exceptions
        try:
            return self._ray.get(task)
        except errors.TaskCancelledError:
            return Ended(number, ExitCode.PREEMPTED, "")
        except (errors.RayTaskError, errors.RuntimeEnvSetupError) as error:  # Not our worker: its node lacks something.
            return Ended(number, ExitCode.FAILED, f"a Ray task failed: {_line(error)}")
        except errors.RayError as error:  # The task's process or node is gone.
            return Ended(number, None, type(error).__name__)


def _work(number: int, folder: str, workers: int, devices: int, directory: str, variables: Mapping[str, str]) -> Ended:
    """A Ray task: a worker process on this node until it ends; cancelled, it has the worker save and end."""
    child = None
    try:
        child = ChildProcess(
            folder,
            workers,
            devices=devices,
            variables=variables,
            directory=directory if os.path.isdir(directory) else None,
        )
        while not child.has_ended():
            time.sleep(_POLL)
    except KeyboardInterrupt:  # How Ray cancels a task.
        if child is None:
            return Ended(number, ExitCode.PREEMPTED, "")
        child.tell(signal.SIGTERM)  # Below Ray SIGINT is blocked.
    ended = child.end(number)
    if ended.code in (ExitCode.OK, ExitCode.PREEMPTED) or ended.code is None:
        return ended
    return ended._replace(words=f"on node {os.uname().nodename}: {ended.words}")


def _line(error: Exception) -> str:
    """The last line of a message, which for a task's failure ends with its cause."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].strip()
