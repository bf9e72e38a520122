"""Peak memory and time of `samenloop-partner encode` on invented registrations of several sizes.

    cargo build --release -p samenloop-partner -p samenloop-tests --bin samenloop-partner
    python3 benches/peers/peak_memory.py target/release/samenloop-partner 10000 500000

The schema is the draft of the smallest file. Memory is the greatest resident set of the process
(`ru_maxrss`), seconds of all cores are its CPU time.
"""
import csv
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SYLLABLES = "van ber gen jan sen de vri es mul der bak ker hof man wil lem".split()
HEADERS = "voornaam,achternaam,geboortedatum,geslacht,geboorteplaats,postcode,gemeente,start,einde".split(",")


def write(path, rows):
    r = random.Random(7)

    def word(syllables):
        return "".join(r.choice(SYLLABLES) for _ in range(syllables)).capitalize()

    with open(path, "w", newline="") as target:
        out = csv.writer(target, lineterminator="\n")
        out.writerow(HEADERS)
        for _ in range(rows):
            born = f"{r.randrange(1930, 2008)}-{r.randrange(1, 13):02}-{r.randrange(1, 29):02}"
            postcode = f"{r.randrange(1000, 9999)}{chr(65 + r.randrange(26))}{chr(65 + r.randrange(26))}"
            out.writerow([word(2), word(3), born, r.choice("MV"), word(2), postcode, r.choice(["0014", "0059", "0060"]),
                          f"2024-{r.randrange(1, 13):02}", ""])


def run(command, threads=None):
    environment = dict(os.environ, **({"RAYON_NUM_THREADS": str(threads)} if threads else {}))
    begin = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        raise SystemExit(f"{command} ended with {status}")
    return usage.ru_maxrss / 1024, time.perf_counter() - begin, usage.ru_utime + usage.ru_stime


def main():
    program, sizes = os.path.abspath(sys.argv[1]), [int(size) for size in sys.argv[2:]] or [10_000, 500_000]
    with tempfile.TemporaryDirectory() as directory:
        at = Path(directory)
        for size in sizes:
            write(at / f"{size}.csv", size)
        run([program, "schema", "init", "--csv", at / f"{min(sizes)}.csv", "--round", "bench", "--out", at / "schema.toml"])
        run([program, "key", "new", "--out", at / "round.key"])
        for threads in sorted({1, os.cpu_count()}):
            for size in sizes:
                command = [program, "encode", "--schema", at / "schema.toml", "--key", at / "round.key", "--csv", at / f"{size}.csv",
                           "--out", at / "out.extract", "--force"]
                peak, seconds, cpu = run(command, threads)
                print(f"{threads} threads, {size} rows: {peak:.1f} MiB, {seconds:.1f} s, {size / seconds:,.0f} rows/s, "
                      f"{size / cpu:,.0f} rows per second of CPU")


if __name__ == "__main__":
    main()
