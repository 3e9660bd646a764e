"""How work ends: the exit code of every failure, and the one line that it is told in."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Callable
from typing import Any

from typer.exceptions import Abort, TyperException

from coalactl.errors import ExitCode, UserError, holds_traceback, in_words
from coalactl.output import note, results
from coalactl.paths import one_line
from coalactl.suggestions import nearest_options

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


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

    log = log_place()
    if log is None:
        log_to(user_log())
        log = log_place()
    line = f"{'' if holds_traceback(error) else 'unexpected error: '}{in_words(error)}"
    try:
        if log is None:
            raise OSError("no place for a log")
        with log.open("a", encoding="utf-8") as file:
            file.write("".join(traceback.format_exception(error)))
    except OSError:
        return f"{line}; no log could be written"
    return f"{line}; the traceback is in {log}"
