"""The processes of one training: the first writes and tells, all compute, and what one alone knows is agreed on.

All run one program in step: who waits for the others in a collective must be sure that they come. So how many
iterations a call has, whether to stop, and failures of the first process are made known to all before anybody acts on
them.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import numpy as np

from coalactl.configuration import plain
from coalactl.environment import prepare_jax
from coalactl.errors import ExitCode, UserError
from coalactl.processes import DETECTED, LOST, ProcessGroup
from coalactl.training.signals import StopSignals
from coalactl_core.configuration.kinds import Experiment

# A process that is dead is noticed after so many seconds, even where nothing is exchanged.
_HEARTBEAT_SECONDS = 30
_GRACE_SECONDS = 2
# What the libraries that connect processes say of themselves in their errors.
_OF_PEERS = ("Gloo", "NCCL", "oordination service", "heartbeat", "Barrier", "DEADLINE_EXCEEDED", "UNAVAILABLE")


class Peers:
    """One process among those of its training; by default it is alone, and nothing is exchanged."""

    def __init__(self, index: int = 0, count: int = 1) -> None:
        self.count = count
        self.leads = index == 0

    def agree(self, code: ExitCode | None, count: int) -> tuple[ExitCode | None, int]:
        """A signal that any process has got, and the first one's count of iterations."""
        if self.count == 1:
            return code, count
        from jax.experimental.multihost_utils import process_allgather

        of_all = process_allgather(np.asarray([code or 0, count], np.int32))
        stop = int(of_all[:, 0].max())
        return ExitCode(stop) if stop else None, int(of_all[0, 1])

    def led(self, work: Callable[[], str | None]) -> str:
        """What the first process does for all, and its result; a :class:`UserError` in it is everybody's."""
        if self.count == 1:
            return work() or ""
        message: dict[str, Any] = {}
        if self.leads:
            try:
                message = {"result": work() or ""}
            except UserError as error:
                message = {"line": str(error), "code": int(error.code)}
        message = json.loads(_broadcast(json.dumps(message).encode()))
        if "line" in message:
            raise UserError(message["line"], ExitCode(message["code"]))
        return str(message["result"])

    @contextmanager
    def held(self, context: AbstractContextManager[None]) -> Iterator[None]:
        """The context, entered by the first process for all."""
        with ExitStack() as stack:
            self.led(lambda: stack.enter_context(context))
            yield

    def check_same(self, what: str, text: str) -> None:
        """Raises :class:`UserError` in all processes unless all have the same text; all have come here then."""
        if self.count == 1:
            return
        from jax.experimental.multihost_utils import process_allgather

        digests = process_allgather(np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8))
        if (digests != digests[0]).any():
            raise UserError(f"the processes of this training have different {what}; give all the same arguments")

    def check_devices(self, devices: int | str) -> None:
        """Raises :class:`UserError` unless each process has as many of the devices."""
        if int(devices) % self.count:
            raise UserError(f"compute.devices: {devices} is no multiple of the {self.count} processes; use one that is")

    def here(self, tree: Any) -> Any:
        """What this process has of arrays that all have."""
        if self.count == 1:
            return tree
        import jax

        return jax.tree.map(lambda leaf: leaf if leaf.is_fully_addressable else leaf.addressable_data(0), tree)


ALONE = Peers()


def check_sharing(peers: Peers, experiments: Sequence[Experiment]) -> None:
    """Raises :class:`UserError` in all processes unless they train the same, and can share it."""
    if peers.count == 1:
        return
    if experiments[0].kind == "analytical":
        raise UserError("--coordinator: an analytical experiment trains in one process")
    peers.check_same("configurations", json.dumps([plain(experiment) for experiment in experiments], sort_keys=True))
    peers.check_devices(experiments[0].compute.devices)


@contextmanager
def joined(group: ProcessGroup | None, stop: StopSignals, devices: int | None = None) -> Iterator[Peers]:
    """Connects with the other processes of the group while entered; raises :class:`UserError` where they are lost.

    ``devices``: of all together where they are CPUs, by default one a core.
    """
    if group is None:
        yield ALONE
        return
    peers: Peers | None = None
    try:
        with stop.leaving_at_once():
            own = max(1, devices // group.processes) if devices and group.processes else None
            prepare_jax(own, connects=True)
            import jax

            _connect(group)
            peers = Peers(jax.process_index(), jax.process_count())
        yield peers
        jax.distributed.shutdown()
    except UserError:
        # Most are everybody's; with the first process its peers lose their connection, and would tell of that instead.
        if peers is not None and peers.leads:
            time.sleep(_GRACE_SECONDS)
        raise
    except Exception as error:  # JAX, Gloo and NCCL have no class for a lost peer; what names none goes on as it is.
        if not any(word in str(error) for word in _OF_PEERS):
            raise
        raise UserError(LOST, ExitCode.FAILED) from error


def _connect(group: ProcessGroup) -> None:
    import jax

    # It would take SIGTERM for itself.
    jax.config.update("jax_enable_preemption_service", False)
    detected = group.coordinator == DETECTED
    try:
        jax.distributed.initialize(
            None if detected else group.coordinator,
            group.processes,
            group.process_id,
            cluster_detection_method=None if detected else "deactivate",
            heartbeat_timeout_seconds=_HEARTBEAT_SECONDS,
        )
    except ValueError as error:
        raise UserError(
            f"--coordinator {DETECTED}: no Slurm, Open MPI or Kubernetes says who takes part ({error}); "
            "use --coordinator HOST:PORT --processes N --process-id I"
        ) from error


def _broadcast(text: bytes) -> bytes:
    """The first process's bytes, in all."""
    from jax.experimental.multihost_utils import broadcast_one_to_all

    size = int(broadcast_one_to_all(np.int32(len(text))))
    padded = np.frombuffer(text[:size].ljust(size, b" "), np.uint8)
    return np.asarray(broadcast_one_to_all(padded)).tobytes()
