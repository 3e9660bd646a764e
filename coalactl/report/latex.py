"""A table as LaTeX that fits the width and height of a page, in papers of one column and of two.

Words wrap: they stand in the columns that ``tabularx`` makes as wide as there is room. A table of many rows is cut into
several floats.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby
from textwrap import wrap

from coalactl.report.tables import MOST_TOLD, Table

_HEADER = r"% needs \usepackage{booktabs,tabularx}; in a paper of one column table* is a table"
_NARROWEST, _LETTER = 345, 4.2
"""Points: the text of LaTeX's ``article`` at 10 points, and about what a letter takes in a table."""
_MOST_LINES = 48
"""On a page, below a caption."""
_WORD, _PART = 16, 8
"""Letters of the longest word that stays whole, and how long its parts are otherwise."""

_SPECIAL = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"${character}$" for character in "<>|"},
    '"': "''",
    "±": r"$\pm$",
    "−": "$-$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "∞": r"$\infty$",
    "‖": r"$\Vert$",
    "→": r"$\to$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
}


def to_latex(table: Table) -> str:
    """Floating tables; rows of one setting stand below its name."""
    parts = list(_parts(table))
    return (
        "\n".join(
            [
                _HEADER,
                *("\n".join(_float(table, rows, number, len(parts))) for number, rows in enumerate(parts, start=1)),
            ]
        )
        + "\n"
    )


def _float(table: Table, rows: Sequence[Sequence[str]], number: int, count: int) -> Iterator[str]:
    by_setting = _by_setting(table)
    columns = table.shown_columns[by_setting:]
    words = table.words - by_setting
    shape = r">{\raggedright\arraybackslash}X" * words + "r" * (len(columns) - words)
    title = table.title if count == 1 else f"{table.title} ({number} of {count})"
    yield r"\begin{table*}"
    yield r"  \centering\footnotesize\setlength{\tabcolsep}{4pt}"
    yield f"  \\caption{{{escaped(f'{title}. {table.note}' if table.note and number == 1 else title)}}}"
    yield f"  \\label{{tab:{table.name}{f'-{number}' if number > 1 else ''}}}"
    yield f"  \\begin{{tabularx}}{{\\textwidth}}{{@{{}}{shape}@{{}}}}"
    yield r"    \toprule"
    yield _row(columns)
    if not by_setting:
        yield r"    \midrule"
        yield from map(_row, rows)
    for setting, own in groupby(rows, key=lambda row: row[0]) if by_setting else ():
        yield r"    \midrule"
        yield f"    \\multicolumn{{{len(columns)}}}{{@{{}}p{{\\textwidth}}@{{}}}}{{\\emph{{{escaped(setting)}}}}} \\\\"
        yield from (_row(row[1:]) for row in own)
    yield r"    \bottomrule"
    yield r"  \end{tabularx}"
    if number == count and table.legend:
        yield from _legend(table)
    yield r"\end{table*}"


def _legend(table: Table) -> Iterator[str]:
    if len(table.legend) > MOST_TOLD:
        yield r"  \par\smallskip\raggedright Names are those of Table~\ref{tab:settings}."
        return
    for short, full in table.legend.items():
        yield f"  \\par\\smallskip\\raggedright \\emph{{{escaped(short)}}}: {escaped(full)}."


def _by_setting(table: Table) -> int:
    """1 where the first column is the setting, whose name then stands above its rows."""
    return int(table.shown_columns[0] == "setting" and table.name != "settings")


def _parts(table: Table) -> Iterator[list[tuple[str, ...]]]:
    """The rows by float, by the lines that they take."""
    by_setting, letters = _by_setting(table), _letters_beside_numbers(table)
    part: list[tuple[str, ...]] = []
    lines, setting = 0, ""
    for row in table.shown:
        taken = max(len(wrap(cell, letters)) if len(cell) > letters else 1 for cell in row[by_setting : table.words])
        taken += by_setting and row[0] != setting
        if part and lines + taken > _MOST_LINES:
            yield part
            part, lines = [], by_setting
        part.append(row)
        lines += taken
        setting = row[0]
    yield part


def _letters_beside_numbers(table: Table) -> int:
    """How many fit into a column of words in the narrowest paper."""
    cells = zip(*(row[table.words :] for row in (table.shown_columns, *table.shown)), strict=True)
    numbers = sum(_LETTER * max(map(len, column)) for column in cells)
    words = table.words - _by_setting(table)
    room = _NARROWEST - numbers - 8 * (len(table.shown_columns) - _by_setting(table))
    return max(1, int(room / words / _LETTER))


def _row(cells: Sequence[str]) -> str:
    return f"    {' & '.join(map(escaped, cells))} \\\\"


def escaped(text: str) -> str:
    """As LaTeX prints it; words may break behind punctuation that a letter follows, and where they are long."""
    pieces = re.split(r"(?<=[./:+=@_])(?=[^\W\d_])", " ".join(text.split()))
    return r"\allowbreak{}".join("".join(map(_word, re.split(r"([^\W_]+)", piece))) for piece in pieces)


def _word(text: str) -> str:
    long = len(text) > _WORD and text.isalnum() and not text.isdigit()
    parts = [text[start : start + _PART] for start in range(0, len(text), _PART)] if long else [text]
    return r"\-".join("".join(map(_letter, part)) for part in parts)


def _letter(character: str) -> str:
    """Greek letters and symbols are mathematics; other letters are for LaTeX of 2018 or later, which reads UTF-8."""
    greek = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", unicodedata.name(character, ""))
    if character in _SPECIAL or not greek:
        return _SPECIAL.get(character, character)
    name = greek[2].lower().replace("lamda", "lambda")
    return f"$\\{name if greek[1] == 'SMALL' else name.capitalize()}$"
