"""How fast `samenloop-lab clkhash` is beside Python's clkhash 0.18.3: same schema, same rows, both on one
thread, in one run.

    cargo build --release -p samenloop-lab
    python3.11 benches/peers/clkhash_speed.py target/release/samenloop-lab [repetitions]

It installs clkhash from PyPI into a scratch environment, unless it is started from one that has it. The
rows are FEBRL4 a and b (10,000), each shortest time counts. Python's time is that of hashing rows that
are in memory; samenloop's is the whole process, which reads the file, hashes it and writes the CLKs.
A second line does the same with every value made unique, so that nothing that either program keeps of
earlier values helps.
"""
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SCHEMA = REPOSITORY / "tests/vectors/clkhash/febrl4_schema_v3.json"

try:
    from clkhash import bloomfilter, clk, schema
    from clkhash.serialization import serialize_bitarray
except ImportError:
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([sys.executable, "-m", "venv", scratch], check=True)
        python = Path(scratch) / "bin/python"
        subprocess.run([python, "-m", "pip", "install", "-q", "clkhash==0.18.3"], check=True)
        sys.exit(subprocess.run([python, *sys.argv]).returncode)


def rows():
    found = []
    for name in ("a", "b"):
        with open(REPOSITORY / f"tests/data/febrl4/{name}.csv", newline="") as source:
            reader = csv.reader(source)
            truth = next(reader).index("true_id")
            found += [[value.strip() for place, value in enumerate(row) if place != truth] for row in reader]
    return found


def unique(rows):
    """The same rows with other values in every row: letters and digits shifted by the row's number."""
    def shift(text, by):
        letters, digits = "abcdefghijklmnopqrstuvwxyz", "0123456789"
        for alphabet in (letters, digits):
            step = by % len(alphabet)
            text = text.translate(str.maketrans(alphabet, alphabet[step:] + alphabet[:step]))
            by //= len(alphabet)
        return text
    return [row[:1] + [shift(value, place) for value in row[1:]] for place, row in enumerate(rows)]


def theirs(linkage, data, repetitions):
    best = float("inf")
    for _ in range(repetitions):
        # What an earlier repetition has kept is forgotten: a file is hashed once.
        for function in vars(bloomfilter).values():
            if hasattr(function, "cache_clear"):
                function.cache_clear()
        begin = time.perf_counter()
        found = clk.generate_clks(data, linkage, "secret", max_workers=1)
        found = [serialize_bitarray(each) for each in found]
        best = min(best, time.perf_counter() - begin)
    return best, found


def ours(program, directory, data, repetitions):
    csv_file, secret, out = directory / "rows.csv", directory / "secret", directory / "out.json"
    secret.write_text("secret")
    with open(csv_file, "w", newline="") as target:
        csv.writer(target, lineterminator="\n").writerows(data)
    command = [program, "clkhash", "--schema", SCHEMA, "--secret-file", secret, "--csv", csv_file, "--out", out, "--header", "none"]
    best = float("inf")
    for _ in range(repetitions):
        begin = time.perf_counter()
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        best = min(best, time.perf_counter() - begin)
    return best, json.loads(out.read_text())["clks"]


def main():
    program, repetitions = os.path.abspath(sys.argv[1]), int((sys.argv + ["", "5"])[2])
    with open(SCHEMA) as source:
        linkage = schema.from_json_file(source)
    data = rows()
    with tempfile.TemporaryDirectory() as directory:
        for name, data in [("as they are", data), ("every value unique", unique(data))]:
            (python, expected), (rust, found) = theirs(linkage, data, repetitions), ours(program, Path(directory), data, repetitions)
            if expected != found:
                raise SystemExit(f"{name}: the CLKs differ")
            print(f"{name}: {len(data)} records, clkhash {len(data) / python:,.0f}/s, samenloop {len(data) / rust:,.0f}/s, "
                  f"{python / rust:.1f} times as fast")


if __name__ == "__main__":
    main()
