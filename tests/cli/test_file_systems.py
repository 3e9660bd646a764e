"""File systems with less than usual: without a way to synchronise folders (CIFS, FUSE), or without locks."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Command, assert_one_line
from processes import SMALL, free_address, group_of, start
from sweeps import write_sweep

from coalactl.runs.checkpoints import steps
from coalactl.runs.directory import RunDirectory
from coalactl.runs.files import sync

# As CIFS answers, to Python and to the libraries that write checkpoints alike.
SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/stat.h>
int fsync(int file) {
    struct stat about;
    if (fstat(file, &about) == 0 && S_ISDIR(about.st_mode)) { errno = EINVAL; return -1; }
    return ((int (*)(int)) dlsym(RTLD_NEXT, "fsync"))(file);
}
"""
EIGHT = ["train", *SMALL, "--iterations", "8", "--set", "run.checkpoint_every=4", "--out", "run", "--quiet"]


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("cc") is None, reason="needs the C compiler of a Linux")
@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.long)])
@pytest.mark.long
def test_where_folders_cannot_be_synchronised_a_training_does_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    (tmp_path / "shim.c").write_text(SHIM)
    library = tmp_path / "shim.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "shim.c", "-ldl"], check=True)
    monkeypatch.setenv("LD_PRELOAD", str(library))
    many = ["--set", "rollout.meta_batch_size=4", *group_of(free_address(), processes)] if processes > 1 else []
    started = [start(*EIGHT, *many, *([str(index)] if many else [])) for index in range(processes)]
    for process in started:
        _, err = process.communicate(timeout=240)
        assert (process.returncode, err) == (0, "")
    assert steps(RunDirectory("run")) == [4, 8]


def test_a_file_that_cannot_be_synchronised_is_a_failed_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EINVAL if stat.S_ISDIR(os.fstat(descriptor).st_mode) else errno.EIO, "refused")

    monkeypatch.setattr(os, "fsync", refuse)
    sync(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="refused"):
        sync(tmp_path / "file")


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_there_are_no_locks_the_remedy_is_named(
    train: Command, sweep: Command, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert_one_line(train(*EIGHT[1:]), "run is on a file system without locks", "mounted with them")
    assert not Path("run").exists()
    assert_one_line(train(*EIGHT[1:], "--seeds", "2"), "run is on a file system without locks")
    assert not Path("run").exists()
    Path("run").mkdir()
    Path("run/log.txt").write_text("of a start that was killed")
    assert_one_line(train(*EIGHT[1:]), "run is on a file system without locks")
    assert Path("run/log.txt").exists()
    refused = sweep(write_sweep(), "--out", "swept", "--quiet")
    assert_one_line(refused, "swept/claims is on a file system without locks", "mounted with them")
