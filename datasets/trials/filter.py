"""Which trials (or neurons) satisfy an expression such as ``outcome == 'hit' and rt < 0.4``.

The expression is parsed, never executed: only comparisons, ``and``, ``or``,
``not``, column names, constants and lists of constants are understood; anything
else is refused. As in any comparison, a missing number (NaN) satisfies ``!=`` only.
"""

from __future__ import annotations

import ast
import keyword
import operator
import re
import unicodedata
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np

from ltr.datasets.trials.labels import label_column
from ltr.errors import RecordingError, nearest

MAX_VALUES = 20  # of a column, to be named one by one
MAX_LENGTH = 1000  # keeps nesting far below the recursion limit
MAX_WHOLE = 2**63 - 1
MAX_NUMBER = 1e300  # beyond, a whole number has no float
GRAMMAR = "comparisons (== != < <= > >= in, not in) of columns with numbers or quoted text, joined by and, or, not"
_OPERATORS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ORDERINGS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def matching_rows(expression: str, columns: Mapping[str, np.ndarray], *, what: str = "trials") -> np.ndarray:
    """Rows for which an expression over columns holds.

    Args:
        expression: e.g. ``"outcome == 'hit' and 0.1 < rt < 0.4"``, ``"block in [1, 2]"``,
            ``"not early"``; a name that is no plain word stands in backticks.
        columns: one value a row: bool, numbers or text (object of str).
        what: what the rows are, for messages.

    Returns:
        True where the expression holds, one a row.

    Raises:
        RecordingError: it cannot be parsed, uses anything else, or names an unknown column.

    Example:
        >>> matching_rows("rt < 0.4 and side != 'left'", {"rt": np.array([0.1, 0.9]), "side": np.array(["r", "r"])})
        array([ True, False])
    """
    # names in backticks become plain words for the parser and are turned back by _Evaluator
    quoted: dict[str, str] = {}

    def plain_word(match: re.Match[str]) -> str:
        word = f"_column_{len(quoted)}"
        quoted[word] = match.group(1)
        return word

    if len(expression) > MAX_LENGTH:
        raise RecordingError(
            f"the {what} filter has {len(expression)} characters.", allowed=f"up to {MAX_LENGTH}", fix="shorten it"
        )
    text = re.sub(r"`([^`]+)`", plain_word, expression).strip()
    try:
        with warnings.catch_warnings():
            # the parser's advice on odd literals would reach the terminal
            warnings.simplefilter("ignore", SyntaxWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        odd = [name for name in columns if name in text and (not name.isidentifier() or keyword.iskeyword(name))]
        hint = "write == to compare, not =" if re.search(r"[^=!<>]=[^=]", text) else "check quotes and brackets"
        hint = f"write `{odd[0]}` with its backticks" if odd else hint
        raise RecordingError(
            f"the {what} filter cannot be read: {expression!r} ({getattr(error, 'msg', error)}).",
            allowed=GRAMMAR,
            fix=hint,
        ) from error
    evaluator = _Evaluator(expression, columns, quoted, what)
    return evaluator.truth(tree.body)


def nothing_matches(
    expression: str, columns: Mapping[str, np.ndarray], *, what: str = "trials", where: str = ""
) -> RecordingError:
    """The error for an expression that holds for no row: which values the columns that it names do have."""
    hints = []
    for name, values in columns.items():
        if name in expression and len(values):
            labels = sorted(set(label_column(values).tolist()) - {""})
            if labels:
                few = len(labels) <= MAX_VALUES
                hints.append(f"{name}: {', '.join(labels)}" if few else f"{name}: {labels[0]} to {labels[-1]}")
    n_rows = max((len(values) for values in columns.values()), default=0)
    rows = f"{n_rows} {what}{f' in {where}' if where else ''}"
    return RecordingError(
        f"no {what.rstrip('s')} is left: none of the {rows} satisfies {expression!r}.",
        allowed="; ".join(hints),
        fix="change the filter",
    )


class _Evaluator:
    """Walks a parsed expression; every node type that is not listed here is refused."""

    def __init__(
        self, expression: str, columns: Mapping[str, np.ndarray], quoted: Mapping[str, str], what: str
    ) -> None:
        self.expression, self.quoted, self.what = expression, quoted, what
        # the parser brings plain words into this form: a micro sign becomes the Greek letter
        self.columns = {unicodedata.normalize("NFKC", name): values for name, values in columns.items()} | {**columns}
        self.n_rows = len(next(iter(columns.values()))) if columns else 0

    def refuse(self, problem: str, *, fix: str) -> NoReturn:
        raise RecordingError(f"the {self.what} filter {self.expression!r} {problem}.", allowed=GRAMMAR, fix=fix)

    def truth(self, node: ast.expr) -> np.ndarray:
        """Rows for which ``node`` holds."""
        if isinstance(node, ast.BoolOp):
            join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
            return join.reduce([self.truth(value) for value in node.values])
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return ~self.truth(node.operand)
        if isinstance(node, ast.Compare):
            return self.comparison(node)
        if isinstance(node, ast.Name):
            values = self.value(node)
            if values.dtype.kind == "b":
                return values.copy()
            self.refuse(f"uses '{node.id}' as true or false, but it is not", fix=f"compare it: {node.id} == ...")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr):
            self.refuse("uses & or |", fix="write 'and' or 'or'")
        return self.refuse("holds something that is not a comparison", fix="write for example: outcome == 'hit'")

    def comparison(self, node: ast.Compare) -> np.ndarray:
        """Rows for which a comparison, possibly chained, holds."""
        result = np.ones(self.n_rows, dtype=bool)
        left = self.value(node.left)
        for sign, right_node in zip(node.ops, node.comparators, strict=True):
            if isinstance(sign, ast.In | ast.NotIn):
                if not isinstance(right_node, ast.List | ast.Tuple):
                    self.refuse("has no list after 'in'", fix="write the values in brackets: in ['a', 'b']")
                found = np.zeros(self.n_rows, dtype=bool)
                for element in right_node.elts:
                    found |= self.compare(left, ast.Eq(), self.value(element))
                result &= ~found if isinstance(sign, ast.NotIn) else found
                continue
            right = self.value(right_node)
            result &= self.compare(left, sign, right)
            left = right
        return result

    def compare(self, left: np.ndarray, sign: ast.cmpop, right: np.ndarray) -> np.ndarray:
        if type(sign) not in _OPERATORS:
            self.refuse("uses 'is'", fix="write == or !=")
        texts = {side.dtype.kind in "OU" for side in (left, right)}
        if len(texts) == 2:
            self.refuse("compares text with a number", fix="put text in quotes, numbers without")
        if texts == {True} and isinstance(sign, _ORDERINGS):
            self.refuse("orders text with < or >", fix="use ==, != or 'in' for text")
        return np.broadcast_to(_OPERATORS[type(sign)](left, right), self.n_rows).astype(bool)

    def value(self, node: ast.expr) -> np.ndarray:
        """A column, one number of a column of lists, or a constant without dimensions."""
        place = ""
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            asked = node.slice.value
            if type(asked) is int:
                node, place = node.value, f"[{asked}]"
        if isinstance(node, ast.Name):
            name = self.quoted.get(node.id, node.id) + place
            if name not in self.columns:
                hint = nearest(name, self.columns) or f"the columns are {', '.join(self.columns)};"
                self.refuse(
                    f"names '{name}', which is no column with one value a row",
                    fix=f"{hint} if it is text, put it in quotes: '{name}'",
                )
            return self.columns[name]
        sign = 1
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            sign, node = -1, node.operand
        if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str):
            if isinstance(node.value, str):
                if sign == 1:
                    return np.array(node.value, dtype=object)
            elif abs(node.value) <= MAX_NUMBER:
                # whole numbers stay whole: large ids have no neighbours as floats
                whole = isinstance(node.value, int) and abs(node.value) <= MAX_WHOLE
                return np.array(sign * (int(node.value) if whole else float(node.value)))
        return self.refuse(
            "compares something that is neither a column nor a constant", fix="use columns and constants"
        )
