"""One writer to a run directory: a lock of the operating system, which ends with its holder's life."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from coalactl.errors import ExitCode, UserError
from coalactl.runs.files import write_failures

# How a file system says that it has no locks: Lustre without the option, NFS without its daemon, some of FUSE.
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)


class Holder(NamedTuple):
    """The process that writes to a run directory."""

    host: str
    pid: int


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


def lock_open_file(descriptor: int, lock_file: Path, operation: int) -> None:
    """``flock``; raises BlockingIOError where another process has the lock, :class:`UserError` where there is none."""
    try:
        fcntl.flock(descriptor, operation)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            raise BlockingIOError from error
        if error.errno in _NO_LOCKS:
            raise UserError(
                f"{lock_file.parent} is on a file system without locks ({error.strerror}), which keep a second process "
                "from writing there; use one that has them, or have this one mounted with them "
                "(Lustre: -o flock; NFS: its lock daemon)"
            ) from error
        raise UserError(f"{lock_file} cannot be locked: {error.strerror}", ExitCode.WRITE_FAILED) from error


def _take(descriptor: int, lock_file: Path) -> None:
    try:
        lock_open_file(descriptor, lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
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
