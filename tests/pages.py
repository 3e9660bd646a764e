"""Documentation pages as a sequence of blocks that can be run.

A fenced block is ``sh`` or ``console`` (commands), ``python``, or ``toml``; other languages are text. A word after the
language is a file name: the block is written to that file instead of being run. In ``console`` blocks the lines that
start with ``$`` are commands, in ``sh`` blocks all lines are. A comment ``# exits with N`` names a command's exit code.

A notebook's cells are such blocks, lines that start with ``!`` commands. They run in one namespace of this process, as
in a kernel; one of Jupyter's would need some thirty packages more, and would train at the real sizes.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
LANGUAGES = ("sh", "console", "python", "toml")

_BLOCK = re.compile(
    r"^```(?P<language>\w+)(?: +(?P<file>[\w./-]+))?[^\n]*\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL
)
_INLINE = re.compile(r"`(coalactl train [^`]+)`")
_CAPITALS = re.compile(r"\b[A-Z]+\b")
_EXIT_CODE = re.compile(r"#.*exits with (\d+)")


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    file: str | None
    text: str


class ShellCommand(NamedTuple):
    """One command with the exit code that the page promises."""

    words: tuple[str, ...]
    exit_code: int


def pages() -> list[Path]:
    """All pages with commands: the README and ``docs/``."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [page for page in found if page.exists()]


def notebooks() -> list[Path]:
    """All notebooks of ``docs/``."""
    return sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def code_cells(notebook: Path) -> list[dict[str, Any]]:
    """The cells of a notebook that are run, in order."""
    return [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]


def blocks(page: Path) -> list[Block]:
    """The blocks of a page or a notebook that are run, in order."""
    if page.suffix == ".ipynb":
        return [block for cell in code_cells(page) for block in _blocks_of_cell("".join(cell["source"]))]
    found = [Block(*match.group("language", "file", "text")) for match in _BLOCK.finditer(page.read_text())]
    return [block for block in found if block.language in LANGUAGES]


def _blocks_of_cell(source: str) -> list[Block]:
    """Commands, then the rest."""
    lines = source.splitlines()
    shell = [line.removeprefix("!") for line in lines if line.startswith("!")]
    python = [line for line in lines if not line.startswith("!")]
    parts = {"sh": "\n".join(shell), "python": "\n".join(python)}
    return [Block(language, None, text) for language, text in parts.items() if text.strip()]


def commands(block: Block) -> list[ShellCommand]:
    """The commands of a block of shell lines."""
    text = block.text.replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    if block.language == "console":
        lines = [line.removeprefix("$").strip() for line in lines if line.startswith("$")]
    found = []
    for line in lines:
        words = shlex.split(line, comments=True)
        for command in _split(words):
            code = _EXIT_CODE.search(line)
            found.append(ShellCommand(tuple(command), int(code[1]) if code else 0))
    return found


def inline_commands() -> list[ShellCommand]:
    """Trainings that stand inside the text of all pages, but for those with a word in capitals to be replaced."""
    found = [text for page in pages() for text in _INLINE.findall(page.read_text())]
    return [ShellCommand(tuple(shlex.split(text)), 0) for text in dict.fromkeys(found) if not _CAPITALS.search(text)]


def trained_on_pages() -> set[str]:
    """The first arguments of trainings in blocks: presets, or files."""
    found = [command.words for page in pages() for block in blocks(page) for command in _commands_in(block)]
    trainings = [words for words in found if words[:2] == ("coalactl", "train") and "--dry-run" not in words]
    return {words[2] for words in trainings if len(words) > 2}


def _commands_in(block: Block) -> list[ShellCommand]:
    return commands(block) if block.language in ("sh", "console") else []


def _split(words: list[str]) -> list[list[str]]:
    """``a && b`` as two commands."""
    found: list[list[str]] = [[]]
    for word in words:
        if word == "&&":
            found.append([])
        else:
            found[-1].append(word)
    return [command for command in found if command]
