"""Raw scores of a forest by bit vectors, 64 rows at a time.

Every tree has one word of bits for each row, one bit for each leaf, the leftmost leaf lowest. A node whose condition is false takes
away the leaves on its left; the lowest bit that remains is the leaf of the row, whatever the order of the nodes (Lucchese et al.
2015, doi:10.1145/2766462.2767733). Numbers are compared as ranks among the forest's own thresholds, so that one compare of bytes
serves 64 rows (Ye et al. 2018, doi:10.1145/3219819.3219857).

Nothing here is reordered or contracted: the sums are LightGBM's sums. Indices come from tables that :mod:`streamer.classify.forest`
has built; the only thing from outside is the matrix, whose width is checked there.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 64
"""Rows that are evaluated together."""

ZERO = 1.0000000180025095e-35
"""LightGBM takes numbers up to this size, 1e-35 in single precision, for zero."""

PLAIN, NAN_LEFT, NAN_RIGHT, ZERO_LEFT, ZERO_RIGHT = range(5)
"""How a line of ranks treats missing values: what is missing, and to which side it goes."""

_INDEX = ir.IntType(32)


@intrinsic
def _lowest_bit(_context: Any, word: Any) -> Any:
    """Number of zeros below the lowest bit of a word that is not zero."""

    def code(_compiler: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return word(word), code


def _repeated(builder: Any, value: Any) -> Any:
    """The value in every lane of a vector."""
    vector = ir.VectorType(value.type, LANES)
    single = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(_INDEX, 0))
    return builder.shuffle_vector(single, single, ir.Constant(ir.VectorType(_INDEX, LANES), [0] * LANES))


@intrinsic
def _remaining_leaves(_context: Any, ranks: Any, lines: Any, thresholds: Any, masks: Any, first: Any, last: Any, out: Any) -> Any:
    """Writes to `out` the leaves that the nodes from `first` to before `last` leave to each of the 64 rows.

    Spelled as vectors, because the loop keeps its 64 words in registers over all nodes of a tree, which compilers do not find.
    """
    signature = types.void(ranks, lines, thresholds, masks, first, last, out)

    def code(compiler: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        *kinds, _, _, out_kind = signature.args
        *arrays, begin, stop, out_array = arguments
        rank, line, threshold, mask = (
            cgutils.create_struct_proxy(kind)(compiler, builder, value=array).data
            for kind, array in zip(kinds, arrays, strict=True)
        )
        target = cgutils.create_struct_proxy(out_kind)(compiler, builder, value=out_array).data
        rank_type, word_type = (compiler.get_value_type(kinds[k].dtype) for k in (0, 3))
        rank_vector, word_vector = ir.VectorType(rank_type, LANES), ir.VectorType(word_type, LANES)
        words = cgutils.alloca_once_value(builder, ir.Constant(word_vector, [-1] * LANES))
        with cgutils.for_range_slice(builder, begin, stop, ir.Constant(begin.type, 1)) as (node, _):
            place = builder.zext(builder.load(builder.gep(line, [node])), node.type)
            place = builder.mul(place, ir.Constant(node.type, LANES))
            row_ranks = builder.bitcast(builder.gep(rank, [place]), rank_vector.as_pointer())
            is_false = builder.icmp_unsigned(
                ">",
                builder.load(row_ranks, align=rank_type.width // 8),
                _repeated(builder, builder.load(builder.gep(threshold, [node]))),
            )
            before = builder.load(words)
            after = builder.and_(before, _repeated(builder, builder.load(builder.gep(mask, [node]))))
            builder.store(builder.select(is_false, after, before), words)
        builder.store(builder.load(words), builder.bitcast(target, word_vector.as_pointer()), align=word_type.width // 8)
        return compiler.get_dummy_value()

    return signature, code


@numba.njit(cache=True, nogil=True)
def _rank(matrix, row, count, inputs, thresholds, ranks):
    """Writes the lines of ranks of `count` ≤ 64 rows from `row` on; lanes without a row get any ranks.

    The rank of a number is how many of the input's thresholds lie below it, so ``number <= threshold[k]`` is ``rank <= k``.
    """
    column, half, first_threshold, first_line, missing = inputs
    number = np.zeros(LANES)
    below = np.zeros(LANES, np.uint64)
    is_nan = np.zeros(LANES, np.bool_)
    highest = ranks.dtype.type(~ranks.dtype.type(0))
    for place in range(len(column)):
        for lane in range(count):
            value = np.float64(matrix[row + lane, column[place]])
            is_nan[lane] = np.isnan(value)
            number[lane] = value if abs(value) > ZERO else 0.0
        below[:] = 0
        table = thresholds[first_threshold[place] : first_threshold[place + 1]]
        step = half[place]
        while step > 0:  # the table has 2·half − 1 entries, padded with infinity
            for lane in range(LANES):
                below[lane] += step if table[below[lane] + step - np.uint64(1)] < number[lane] else np.uint64(0)
            step >>= np.uint64(1)
        for line in range(first_line[place], first_line[place + 1]):
            kind = missing[line]
            aside = highest if kind in (NAN_RIGHT, ZERO_RIGHT) else ranks.dtype.type(0)
            for lane in range(LANES):
                is_missing = (is_nan[lane] and kind != PLAIN) or (number[lane] == 0.0 and kind >= ZERO_LEFT)
                ranks[line, lane] = aside if is_missing else ranks.dtype.type(below[lane])


@numba.njit(cache=True, nogil=True)
def raw_scores(matrix, inputs, thresholds, nodes, trees, leaf_values, scores):
    """Adds the forest's leaves to the scores of each row, tree by tree.

    Parameters
    ----------
    matrix : float32[n, columns] or float64[n, columns], C order
    inputs : tuple
        For each input that is split: its column, the first step of the search, where its thresholds and its lines of ranks begin;
        and for each line how it treats missing values.
    thresholds : float64[k]
        Of all inputs, rising, each table padded with infinity.
    nodes : tuple
        For each node: its line of ranks, its threshold's rank, and the word without the leaves on its left.
    trees : tuple of int64[trees + 1]
        Where the nodes and the leaves of each tree begin.
    leaf_values : float64[leaves]
        From left to right in each tree.
    scores : float64[n, outputs]
        Zeros; tree t adds to column ``t % outputs``.
    """
    lines, ranked, masks = nodes
    first_node, first_leaf = trees
    outputs = scores.shape[1]
    ranks = np.zeros((len(inputs[4]), LANES), ranked.dtype)
    words = np.zeros(LANES, masks.dtype)
    sums = np.zeros((outputs, LANES))
    for row in range(0, len(matrix), LANES):
        count = min(LANES, len(matrix) - row)
        _rank(matrix, row, count, inputs, thresholds, ranks)
        sums[:] = 0.0
        output = 0
        for tree in range(len(first_leaf) - 1):
            _remaining_leaves(ranks, lines, ranked, masks, first_node[tree], first_node[tree + 1], words)
            leaves = leaf_values[first_leaf[tree] : first_leaf[tree + 1]]
            of_output = sums[output]
            for lane in range(LANES):
                of_output[lane] += leaves[np.uint64(_lowest_bit(words[lane]))]
            output = output + 1 if output + 1 < outputs else 0
        for lane in range(count):
            for output in range(outputs):
                scores[row + lane, output] = sums[output, lane]
