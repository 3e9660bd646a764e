"""Who works on a trial: one claim file for each, made by exclusive create, with host, process and heartbeat.

Claims keep workers from doing the same twice; what keeps two writers out of a run is the run's own lock. A claim may be
taken over when its process has died on this host, or when its heartbeat is older than :data:`STALE_AFTER`. On a network
file system this assumes that exclusive create, rename and ``flock`` work there, as they do on NFS from version 4 on,
and that the hosts' clocks agree to within half a minute.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from coalactl.runs.files import write_failures
from coalactl.runs.locking import is_alive
from coalactl.sweep.folder import SweepFolder

BEAT_EVERY = 10.0
STALE_AFTER = 60.0


class Claimant(NamedTuple):
    """A process that works on a trial."""

    host: str
    pid: int
    token: str
    """Of one process at one time: process numbers are used again."""
    heartbeat: float
    """Seconds since 1970."""

    @property
    def is_live(self) -> bool:
        """Whether its process still works, as far as can be told from here."""
        if self.host == socket.gethostname() and not is_alive(self.pid):
            return False
        return time.time() - self.heartbeat < STALE_AFTER


class Claims:
    """The claims of this process while entered, kept alive by a thread; all are given back at the end."""

    def __init__(self, folder: SweepFolder, beat_every: float = BEAT_EVERY) -> None:
        self._folder = folder
        self._token = uuid.uuid4().hex
        self._mine: set[str] = set()
        self._beat_every = beat_every
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="claims")

    def __enter__(self) -> Claims:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self.release(tuple(self._mine))

    def take(self, names: Sequence[str]) -> list[str]:
        """Those of the names that were free, or whose worker has died; they are this process's now."""
        taken = []
        with self._folder.exclusively(), write_failures(self._folder.claims_dir):
            for name in names:
                file = self._file(name)
                if (claimant := read_claim(file)) is not None and claimant.is_live:
                    continue
                file.unlink(missing_ok=True)
                with file.open("x", encoding="utf-8") as opened:
                    opened.write(self._content())
                taken.append(name)
        self._mine |= set(taken)
        return taken

    def release(self, names: Sequence[str]) -> None:
        """Gives claims back; one that another process has taken over stays its."""
        with self._folder.exclusively(), suppress(OSError):
            for name in names:
                if self._is_mine(name):
                    self._file(name).unlink(missing_ok=True)
        self._mine -= set(names)

    def _beat(self) -> None:
        while not self._ended.wait(self._beat_every):
            with self._folder.exclusively(), suppress(OSError):  # A full disk ends no training; it may have room again.
                for name in tuple(self._mine):
                    if self._is_mine(name):
                        beating = self._folder.claims_dir / f".{name}.{self._token}"
                        beating.write_text(self._content(), encoding="utf-8")
                        os.replace(beating, self._file(name))

    def _is_mine(self, name: str) -> bool:
        claimant = read_claim(self._file(name))
        return claimant is not None and claimant.token == self._token

    def _content(self) -> str:
        return json.dumps(Claimant(socket.gethostname(), os.getpid(), self._token, time.time())._asdict())

    def _file(self, name: str) -> Path:
        return self._folder.claims_dir / f"{name}.json"


def live_claims(folder: SweepFolder) -> dict[str, Claimant]:
    """Whose claims are those of processes that still work, by trial; needs no lock."""
    claims: Iterator[tuple[str, Claimant | None]] = (
        (file.stem, read_claim(file)) for file in folder.claims_dir.glob("*.json") if not file.name.startswith(".")
    )
    return {name: claimant for name, claimant in claims if claimant is not None and claimant.is_live}


def read_claim(file: Path) -> Claimant | None:
    """Whose claim is in a file; None if it is free, or half-written by a process that was killed."""
    try:
        content: Any = json.loads(file.read_text(encoding="utf-8"))
        return Claimant(str(content["host"]), int(content["pid"]), str(content["token"]), float(content["heartbeat"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
