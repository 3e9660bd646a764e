"""One writer to a run directory: a lock of the operating system, which ends with its holder's life."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from coalactl.errors import ExitCode, UserError
from coalactl.runs.files import write_failures

# Files that a training has open beside its locks: the log, checkpoints and rows that are being written.
_OTHER_FILES = 128


class Holder(NamedTuple):
    """The process that writes to a run directory."""

    host: str
    pid: int


def allow_locks(count: int) -> None:
    """Lets this process hold so many locks more, each of which is an open file.

    Raises :class:`UserError` where the system does not allow it.
    """
    needed = len(os.listdir("/dev/fd")) + count + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    with suppress(OSError, ValueError):  # beyond what may be raised; macOS tells no such limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
        return
    raise UserError(
        f"{count} runs at once take about {needed} open files, and the system allows {soft}; "
        f"train fewer --seeds at once, or allow more (ulimit -n {needed})"
    )


@contextmanager
def hold_lock(lock_file: Path) -> Iterator[None]:
    """Hold the lock of a run or pack; raises :class:`UserError` (conflict) that names the process that has it.

    The file's text only tells who holds the lock. What locks is ``flock``: the system frees it when its holder dies,
    so that the text of a dead holder is no obstacle.
    """
    with write_failures(lock_file):
        descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        _take(descriptor, lock_file)
        _tell(descriptor, json.dumps(Holder(socket.gethostname(), os.getpid())._asdict()))
        try:
            yield
        finally:
            # Emptied, not removed: a second process that has opened the file already would lock one that is gone.
            _tell(descriptor, "")
    finally:
        os.close(descriptor)


def read_holder(lock_file: Path) -> Holder | None:
    """The process that holds the lock as far as can be told without touching it; None if it is free or died here."""
    try:
        content = json.loads(lock_file.read_text(encoding="utf-8"))
        holder = Holder(host=str(content["host"]), pid=int(content["pid"]))
    except (OSError, ValueError, KeyError, TypeError):  # no lock, an empty one, or one that is just being written
        return None
    if holder.host == socket.gethostname() and not is_alive(holder.pid):
        return None
    return holder


def _take(descriptor: int, lock_file: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise UserError(f"{lock_file} cannot be locked: {error.strerror}", ExitCode.WRITE_FAILED) from error
        holder = read_holder(lock_file)
        who = f"process {holder.pid} on {holder.host}" if holder else "another process"
        raise UserError(
            f"{lock_file.parent} is in use by {who}; wait for it or stop it first", ExitCode.RUN_CONFLICT
        ) from error


def _tell(descriptor: int, text: str) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)
    except OSError:  # the text is a courtesy: a full disk must neither refuse the lock nor hide why a run ended
        return


def is_alive(pid: int) -> bool:
    """Whether a process of that number lives on this host."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it lives and belongs to somebody else
        return True
    return True
