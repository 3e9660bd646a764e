"""One writer to a run directory: a lock of the operating system, which ends with its holder's life."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from coalactl.errors import ExitCode, UserError
from coalactl.runs.files import write_failures

# How a file system says that it has no locks: Lustre without the option, NFS without its daemon, some of FUSE.
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)
_HELD = (errno.EAGAIN, errno.EACCES)
# Seconds for which a writer tries again: a reader that asks whether the lock is held has it for a moment.
_PATIENCE = 0.5
_TRY_EVERY = 0.02
# Files that a training has open beside its locks: the log, checkpoints and rows that are being written.
_OTHER_FILES = 128


class Holder(NamedTuple):
    """The process that writes to a run directory."""

    host: str
    pid: int


class NoLocksError(UserError):
    """The file system has no locks, which keep a second process from writing to a run."""


_UNNAMED = Holder("an unknown host", 0)


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
    """The process that holds the lock; None if it is free.

    The lock tells whether it is held, not the text: a dead holder's text may name another host (of a container that
    has gone) or a process whose number somebody else has now. The text counts where the lock cannot be asked.
    """
    holder = _told_holder(lock_file)
    held = _is_held(lock_file)
    if held is None:
        dead = holder is not None and holder.host == socket.gethostname() and not is_alive(holder.pid)
        return None if dead else holder
    return (holder or _UNNAMED) if held else None


def _told_holder(lock_file: Path) -> Holder | None:
    """Who the text names."""
    try:
        content = json.loads(lock_file.read_text(encoding="utf-8"))
        return Holder(host=str(content["host"]), pid=int(content["pid"]))
    except (OSError, ValueError, KeyError, TypeError):  # no lock, an empty one, or one that is just being written
        return None


def _is_held(lock_file: Path) -> bool | None:
    """Whether a process has the lock; None if that cannot be told. To ask is to share it for a moment."""
    try:
        descriptor = os.open(lock_file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError:  # not ours to read
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return True if error.errno in _HELD else None
    finally:
        os.close(descriptor)
    return False


def lock_open_file(descriptor: int, lock_file: Path, operation: int) -> None:
    """``flock``; raises BlockingIOError where another process has the lock, :class:`UserError` where there is none."""
    try:
        fcntl.flock(descriptor, operation)
    except OSError as error:
        if error.errno in _HELD:
            raise BlockingIOError from error
        if error.errno in _NO_LOCKS:
            raise NoLocksError(
                f"{lock_file.parent} is on a file system without locks ({error.strerror}), which keep a second process "
                "from writing there; use one that has them, or have this one mounted with them "
                "(Lustre: -o flock; NFS: its lock daemon)"
            ) from error
        raise UserError(f"{lock_file} cannot be locked: {error.strerror}", ExitCode.WRITE_FAILED) from error


def _take(descriptor: int, lock_file: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return lock_open_file(descriptor, lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                holder = _told_holder(lock_file)
                who = f"process {holder.pid} on {holder.host}" if holder else "another process"
                line = f"{lock_file.parent} is in use by {who}; wait for it or stop it first"
                raise UserError(line, ExitCode.RUN_CONFLICT) from error
        time.sleep(_TRY_EVERY)


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
