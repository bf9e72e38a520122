"""The same CLKs through anonlink and `samenloop-lab similar`, one core each, in turn.

Checks that pairs and similarities are equal and prints millions of pairs decided per second.
Random CLKs of 1,024 bits, a part of them near copies; with files as arguments those instead.
"""

import base64
import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import anonlink
import numpy
from bitarray import bitarray

RECORDS, BITS, ROUNDS = 10_000, 1024, 5


def random_files(folder: Path) -> list[Path]:
    random = numpy.random.default_rng(20261124)
    a, b = (random.integers(0, 256, (RECORDS, BITS // 8), dtype=numpy.uint8) for _ in range(2))
    for row in range(RECORDS // 5):
        noise = random.random(BITS) < 0.3 * row / (RECORDS // 5)
        b[row] = a[row] ^ numpy.packbits(noise)
    files = [folder / "a.json", folder / "b.json"]
    for file, rows in zip(files, (a, b)):
        clks = [base64.b64encode(row.tobytes()).decode() for row in rows]
        file.write_text(json.dumps({"clks": clks}))
    return files


def read(file: Path) -> list[bitarray]:
    clks = []
    for text in json.loads(file.read_text())["clks"]:
        clk = bitarray(endian="big")
        clk.frombytes(base64.b64decode(text))
        clks.append(clk)
    return clks


def ours(lab: str, files: list[Path], threshold: float, out: Path, extra: list[str]):
    command = [lab, "similar", "--a", files[0], "--b", files[1], "--threshold", str(threshold)]
    command += ["--threads", "1", "--repeat", str(ROUNDS), "--out", out, "--json", *extra]
    report = json.loads(subprocess.check_output(command))
    with open(out) as file:
        pairs = {(int(r["a"]), int(r["b"])): float(r["similarity"]) for r in csv.DictReader(file)}
    return report, pairs


def main(lab: str, given: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [Path(file) for file in given] or random_files(folder)
        a, b = (read(file) for file in files)
        comparisons = len(a) * len(b)
        print("threshold  pairs  equal  anonlink M/s  samenloop M/s  ratio  unpruned M/s  first bits")
        for threshold in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
            if threshold < 0.6 and not given:
                continue  # half of all random pairs are alike at 0.5: gigabytes of them
            theirs, best = None, float("inf")
            for _ in range(2):
                begin = time.perf_counter()
                theirs = anonlink.similarities.dice_coefficient((a, b), threshold, k=None)
                best = min(best, time.perf_counter() - begin)
            expected = {(i, j): s for s, i, j in zip(theirs[0], *theirs[1])}
            report, pairs = ours(lab, files, threshold, folder / "out.csv", [])
            plain, unpruned = ours(lab, files, threshold, folder / "out.csv", ["--no-pruning"])
            same = pairs == expected and unpruned == expected
            rate = [comparisons / s / 1e6 for s in (best, report["seconds"], plain["seconds"])]
            print(
                f"{threshold:9} {len(pairs):6} {str(same):>6} {rate[0]:13.0f} {rate[1]:14.0f}"
                f" {rate[1] / rate[0]:6.1f} {rate[2]:13.0f} {report['first_part_bits']:11}"
            )
            if not same:
                sys.exit("the pairs differ")


main(sys.argv[1], sys.argv[2:])
