"""``--emit-slurm``: a script for ``sbatch`` whose array tasks are workers of one sweep folder."""

from __future__ import annotations

from pathlib import Path

from coalactl.errors import UserError
from coalactl.paths import typed
from coalactl.runs.files import reason

DEFAULT_TASKS = 4

_SCRIPT = """\
#!/usr/bin/env bash
# Array tasks that share the sweep in {folder}: submit with `sbatch {script}`.
# Edit cores, time, memory and devices to the cluster; the folder must be on a file system that all nodes share.
#SBATCH --job-name=coalactl-{name}
#SBATCH --array=0-{last}
#SBATCH --cpus-per-task=4
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@300
#SBATCH --requeue
set -uo pipefail

# A task that is preempted saves and exits with 75; queued again, it goes on. Others take over what it had claimed.
{command} sweep --resume {folder} --executor packed &
worker=$!
trap 'kill -TERM "$worker"' TERM
wait "$worker"
code=$?
while kill -0 "$worker" 2>/dev/null; do  # A signal ends the first wait, not the worker.
    wait "$worker"
    code=$?
done
if [ "$code" -eq 75 ] && command -v scontrol >/dev/null; then
    scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
fi
exit "$code"
"""


def write_script(file: Path, folder: Path, name: str, tasks: int, command: str) -> None:
    """Writes the script; raises :class:`UserError` where it cannot be, or is there already."""
    text = _SCRIPT.format(
        folder=typed(folder.absolute()),
        script=typed(file),
        name="".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name),
        last=tasks - 1,
        command=command,
    )
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
        file.chmod(0o755)
    except OSError as error:
        raise UserError(f"--emit-slurm {file}: cannot be written: {reason(error)}") from error
