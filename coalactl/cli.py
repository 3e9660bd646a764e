"""The ``coalactl`` command: its subcommands, and how failures end: one line on stderr and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.exceptions import Abort, TyperException

from coalactl.commands import presets, runs
from coalactl.commands.bench import bench
from coalactl.commands.check import check
from coalactl.commands.doctor import doctor
from coalactl.commands.eval import evaluate
from coalactl.commands.report import report
from coalactl.commands.reproduce import reproduce
from coalactl.commands.sweep import sweep
from coalactl.commands.train import train
from coalactl.commands.watch import watch
from coalactl.errors import ExitCode, UserError, holds_traceback, in_words
from coalactl.output import emit, note, open_streams, release_stdout, results, settle_streams
from coalactl.paths import check_words, one_line
from coalactl.suggestions import nearest_options

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)

app = typer.Typer(
    name="coalactl",
    help="Multi-agent reinforcement learning with agents that are aware of each other's learning.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _examples(*lines: str) -> str:
    """The end of a command's help; the mark keeps its lines as they are."""
    return "\b\nExamples:\n" + "\n".join(f"  coalactl {line}" for line in lines)


_COMMANDS: tuple[tuple[str, Callable[..., None], tuple[str, str]], ...] = (
    ("train", train, ("train --out runs/first", "train ipd-mixed-quick --seeds 5 --set meta.learning_rate=1e-3")),
    ("sweep", sweep, ("sweep ipd-shaping --dry-run", "sweep my-sweep.toml --out runs/my-sweep --executor process")),
    ("eval", evaluate, ("eval runs/first --pool naive", "eval runs/a runs/b --pool cross")),
    ("watch", watch, ("watch runs/first", "watch runs/first --format gif")),
    ("report", report, ("report runs/first runs/second --out report", "report --check report")),
    ("reproduce", reproduce, ("reproduce ls", "reproduce fig5a fig5b --out runs/fig5")),
    ("check", check, ("check my-own.toml", "check ipd-mixed-quick --set environment.name=my_game:MyGame")),
    ("doctor", doctor, ("doctor", "doctor --json")),
    ("bench", bench, ("bench", "bench --size ipd-16 --json")),
)
for _name, _command, _lines in _COMMANDS:
    app.command(_name, epilog=_examples(*_lines))(_command)
app.add_typer(presets.app, name="presets", epilog=_examples("presets ls", "presets cp ipd-shaping-quick my-own.toml"))
app.add_typer(
    runs.app, name="runs", epilog=_examples("runs ls --status failed --limit 5", "runs compare runs/first runs/second")
)


@app.callback(invoke_without_command=True)
def about(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Multi-agent reinforcement learning with agents that are aware of each other's learning."""
    if version:
        from coalactl import __version__

        emit(f"coalactl {__version__}")
    elif context.invoked_subcommand is None:
        emit(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code; every failure ends in one line."""
    open_streams()
    try:
        return _run(arguments)
    finally:
        release_stdout()
        settle_streams()


def _run(arguments: Sequence[str] | None) -> int:
    with suppress(OSError):  # Environments, networks and strategies may be named as module:Name from where the user is.
        sys.path.append(os.getcwd())
    given = list(sys.argv[1:] if arguments is None else arguments)
    return ending(lambda: _follow(given))


def _follow(words: list[str]) -> object:
    check_words(words)
    return app(args=words, prog_name="coalactl", standalone_mode=False)


def ending(work: Callable[[], object]) -> int:
    """The exit code of some work, a failure of which is told in one line."""
    try:
        result = work()
        results().flush()
    except TyperException as error:
        return _fail(_usage_line(error), error.exit_code)
    except UserError as error:
        return _fail(one_line(str(error)), error.code)
    except (Abort, KeyboardInterrupt):
        return _fail("interrupted", ExitCode.INTERRUPTED)
    except BrokenPipeError:  # The reader of our output has gone (`| head`).
        return ExitCode.OK
    except Exception as error:  # noqa: BLE001  The last resort: whatever it is, the user gets one line and the log the traceback.
        return _fail_unforeseen(error)
    return result if isinstance(result, int) else ExitCode.OK


def _fail(line: str, code: int) -> int:
    note(f"coalactl: {line}")
    return int(code)


def _usage_line(error: TyperException) -> str:
    context = getattr(error, "ctx", None)
    where = context.command_path if context is not None else "coalactl"
    if hasattr(error, "possibilities") and hasattr(error, "option_name"):  # Typer's class for it is its own.
        return f"No such option: {error.option_name}{_instead(error.option_name, context)} (see '{where} --help')"
    return f"{one_line(error.format_message())} (see '{where} --help')"


def _instead(option: str, context: Any) -> str:
    """Options that may have been meant, or how values without an option are set."""
    options = [] if context is None else [name for each in context.command.params for name in each.opts]
    if close := nearest_options(option, (name for name in options if name.startswith("--"))):
        return f"; did you mean {' or '.join(close)}?"
    return "; values of the configuration are set by --set KEY=VALUE" if "--set" in options else ""


def _fail_unforeseen(error: Exception) -> int:
    """Where nothing nearer to the failure has said what it means."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        where = f" {error.filename}" if error.filename else ""
        return _fail(f"writing{where} failed: {error.strerror}; what was saved before stands", ExitCode.WRITE_FAILED)
    if "RESOURCE_EXHAUSTED" in str(error):  # JAX's word for memory
        remedy = "take smaller rollout, population or network sizes, or smaller compute.*_chunk"
        return _fail(f"not enough memory: {in_words(error)}; {remedy}", ExitCode.FAILED)
    return _fail(_with_traceback(error), ExitCode.FAILED)


def _with_traceback(error: Exception) -> str:
    """One line about an error that nobody foresaw; its traceback goes to the log of the run, or of the user.

    What fails inside of a callback into Python is the code of a game, not ours.
    """
    from coalactl.environment import log_place, log_to, user_log

    place = log_place()
    if place is None:
        log_to(user_log())
        place = log_place()
    line = f"{'' if holds_traceback(error) else 'unexpected error: '}{in_words(error)}"
    try:
        if place is None:
            raise OSError("no place for a log")
        with place.open("a", encoding="utf-8") as file:
            file.write("".join(traceback.format_exception(error)))
    except OSError:
        return f"{line}; no log could be written"
    return f"{line}; the traceback is in {place}"
