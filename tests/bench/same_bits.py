"""Every feature by compiled and by loaded kernels: ``python -m tests.bench.same_bits``; takes a minute or two.

Two processes share an empty folder for compiled kernels: the first compiles, the second loads. Both compute all features of real
packets where they are at hand, else of simulated ones, and must agree to the last bit.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from streamer.bench.packets import sample
from streamer.codec.framing import Framing
from streamer.compile_cache import VARIABLE
from streamer.data.batch import AlertBatch
from streamer.features import compute, families_of
from streamer.pipeline import Pipeline
from tests.conftest import real_data_folder

SURVEYS = ("ztf", "lsst", "pulsar")
BATCH = 256


def batches(survey: str) -> Iterator[AlertBatch]:
    """The packets of a survey, understood."""
    packets = sample(survey, real_data_folder())
    pipeline = Pipeline(Framing(packets.schemas), {}, allow_private=True)
    for raw in packets.batches(BATCH):
        yield from (part.alerts for part in pipeline(raw).scored)


def print_sums() -> None:
    """One line for each survey and family, with the checksum of its features."""
    for survey in SURVEYS:
        alerts = list(batches(survey))
        bands = alerts[0].bands
        for family in families_of(bands):
            names = [feature.name for feature in family.outputs(bands)]
            checksum = hashlib.sha256(b"".join(compute(each, names).tobytes() for each in alerts)).hexdigest()
            print(f"{survey:8} {family.name:16} {len(names):4} features of {sum(map(len, alerts)):5} alerts  {checksum[:16]}")


def main() -> int:
    """Run both processes; 1 if they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--here", action="store_true", help="print the checksums of this process, with whatever kernels there are")
    if parser.parse_args().here:
        print_sums()
        return 0
    with tempfile.TemporaryDirectory() as cache:
        process = [sys.executable, "-m", "tests.bench.same_bits", "--here"]
        compiled, loaded = (
            subprocess.run(process, env=os.environ | {VARIABLE: cache}, check=True, stdout=subprocess.PIPE, text=True).stdout
            for _ in range(2)
        )
    print(compiled)
    print("the same from loaded kernels" if loaded == compiled else f"but from loaded kernels:\n{loaded}")
    return int(loaded != compiled)


if __name__ == "__main__":
    sys.exit(main())
