"""What lists tell of runs, kept so that files that have not changed are not parsed again.

An index is derived and may be deleted. It stands in the user's cache directory, a file for each folder that is listed,
so that runs which are only to be read have one too. What is kept of a folder counts as long as the files that it was
taken from are the same: inode, size and the times of the last write and of the last change of any kind. What was
changed a moment ago is not kept: it may change again within one tick of the file system's clock.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from coalactl import __version__
from coalactl.environment import cache_directory

Facts = dict[str, Any]
Signature = list[list[int] | None]

# To be raised whenever other facts are kept, or read otherwise.
_LAYOUT = 1
# Seconds, of a file system's clock; some count in steps of two.
_TICK = 3.0
# Of fewer folders the files are read as soon as an index.
WORTH_KEEPING = 20


class Index:
    """Facts about folders below a root; everything that goes wrong with the file makes it an empty index."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._file = _place(root)
        self._kept = _read(self._file)
        self._now: dict[str, tuple[Signature, Facts]] = {}
        self._changed = False
        self._settled = time.time() - _TICK

    def facts(self, folder: Path, names: Sequence[str], read: Callable[[Path], Facts]) -> Facts:
        """What ``read`` makes of the files of these names in a folder, as JSON gives it back."""
        key = str(folder.relative_to(self._root))
        signature = self._signature(folder, names)
        if signature is None:
            return read(folder)
        kept = self._kept.get(key)
        if kept is None or kept[0] != signature:
            kept = (signature, read(folder))
            self._changed = True
        self._now[key] = kept
        return kept[1]

    def save(self) -> None:
        """Keeps what is known now, in one step; of several processes the last one's stands."""
        changed = self._changed or len(self._now) != len(self._kept)
        if self._file is None or not changed or len(self._now) < WORTH_KEEPING:
            return
        body = json.dumps(self._now, separators=(",", ":")).encode()
        temporary = self._file.with_name(f".{self._file.name}.{os.urandom(8).hex()}")
        with suppress(OSError):  # No room, or not ours to write: the next list takes as long.
            self._file.parent.mkdir(parents=True, exist_ok=True)
            try:
                temporary.write_bytes(_head(body) + body)
                os.replace(temporary, self._file)
            finally:
                temporary.unlink(missing_ok=True)

    def _signature(self, folder: Path, names: Sequence[str]) -> Signature | None:
        """What tells the files from changed ones; None where that cannot be told."""
        signature: Signature = []
        for name in names:
            try:
                # Opened and not only looked at: network file systems answer that from what they remember.
                descriptor = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            except FileNotFoundError:
                signature.append(None)
                continue
            except OSError:
                return None
            about = os.fstat(descriptor)
            os.close(descriptor)
            if about.st_ctime > self._settled:
                return None
            signature.append([about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns])
        return signature


def _place(root: Path) -> Path | None:
    """Where the index of a folder is; None where the user has no cache."""
    cache = cache_directory()
    name = hashlib.sha256(os.fsencode(os.path.realpath(root))).hexdigest()[:32]
    return cache and cache / "runs" / f"{name}.index"


def _read(file: Path | None) -> dict[str, tuple[Signature, Facts]]:
    """What was kept; nothing where the file is missing, damaged or another version's."""
    if file is None:
        return {}
    try:
        content = file.read_bytes()
    except OSError:
        return {}
    head, newline, body = content.partition(b"\n")
    if head + newline != _head(body):
        return {}
    kept: dict[str, tuple[Signature, Facts]] = json.loads(body)
    return kept


def _head(body: bytes) -> bytes:
    """The first line: who wrote what follows, and its digest."""
    return f"coalactl {__version__} index {_LAYOUT} {hashlib.sha256(body).hexdigest()}\n".encode()
