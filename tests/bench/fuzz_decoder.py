"""The decoder on many mutated packets: ``python -m tests.bench.fuzz_decoder --count 1000000 --seed 1``.

Half of them are simulated packets; the other half, where the survey data are at hand, real ones of every writer schema. Prints what
became of them; ends with an AssertionError if one is accepted that the library does not read to the same values.
"""

from __future__ import annotations

import argparse

from tests.conftest import real_data_folder
from tests.fuzzing import Counts, Target, fuzz, real_targets, simulated_targets


def main() -> None:
    """Fuzz every target and print the counts of each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="mutated packets")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    folder = real_data_folder()
    real = real_targets(folder) if (folder / "README.md").is_file() else []
    kinds = {"simulated": simulated_targets(), "real": real}
    kinds = {kind: targets for kind, targets in kinds.items() if targets}
    total = Counts()
    for kind, targets in kinds.items():
        counts = _fuzzed(targets, arguments.count // len(kinds), arguments.seed)
        total.add(counts)
        print(f"{kind}, {len(targets)} writer schemas: {counts}")
    print(f"all: {total}")


def _fuzzed(targets: list[Target], count: int, seed: int) -> Counts:
    counts = Counts()
    for target in targets:
        counts.add(fuzz(target, -(-count // len(targets)), seed))
    return counts


if __name__ == "__main__":
    main()
