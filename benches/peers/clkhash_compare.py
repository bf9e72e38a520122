"""Compares `samenloop-lab clkhash` with Python's clkhash 0.18.3 on seeded random schemas and values.

    python3.11 -m venv scratch && scratch/bin/pip install clkhash==0.18.3
    scratch/bin/python benches/peers/clkhash_compare.py target/debug/samenloop-lab [seed] [cases]

Every case is a schema, sometimes spoilt, and a few rows. Either both refuse it, or both give the same
CLKs; the command ends with 1 at the first difference. A few refusals of samenloop are wanted and are
counted apart (see WANTED).
"""
import csv
import json
import random
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

from clkhash import clk, schema
from clkhash.serialization import serialize_bitarray

SECRET = "a secret with é"
# Texts in the refusals of samenloop where clkhash goes on: what it does not know, and schemas that
# clkhash refuses only when the first value that is not empty comes.
WANTED = ["is not known to this program", "needs at least one feature", "blakeHash needs a filter", "blakeHash takes keys",
          "the format has", "goes with %G", "%G needs", "fractional_precision is too small",
          "no token can be kept"]

NAMES = ["", "Jan", "de Vries", "Łukasz Żółć", "é", "e\u0301", "O'Brien", "VAN DIJK", "straße", "ΣΊΣΥΦΟΣ",
         "σίσυφος", "x" * 40, "a,b", 'say "so"', "two\nlines", "😀", "12", "ij", "ǅ", "\u00a0", "null"]
NUMBERS = ["0", "-0", "+13", " 13", "1_000", "007", "١٢٣", "12.5", "-7", "1e3", "", "abc", "9" * 30, "-" + "8" * 25,
           "0.0005", "0.0015", "2.6745", "-0.0005", "inf", "nan", "1__0", "_1", "3.", ".5", "1_0.2_5", "\u00a042",
           "𝟗", "1" * 4301, "123456789.987654321", "5", "6", "7", "24.99", "16"]
DATES = ["2003-02-01", "1-2-2003", "29-02-2000", "29-02-1900", "0123-01-12", "31-12-1969", "01/02/03", "68-01-01",
         "69-01-01", "2003-2-1", "12 Mar 2001", "12 march 2001", "Mon 03 Jan 2022", "2020 060", "2021 366", "2020 366",
         "2020-W53-5", "2019-W01-1", "2020 00 1", "2020 52 0", "", "2003-02-30", "20030201", "2003-02-01 23:59:60",
         "2003-02-01 11:59 pm", "2003-02-01T10:11:12+01:00", "2003-02-01T10:11:12Z", "٢٠٠٣-٠٢-٠١", " 1-1-2001",
         "2003-02-01 ", "1-13-2001", "2001-1-31", "0001-01-01", "0000-01-01", "9999-12-31", "Tue Feb  1 10:11:12 2022"]
FORMATS = ["%Y-%m-%d", "%d-%m-%Y", "%d/%m/%y", "%y-%m-%d", "%d %b %Y", "%d %B %Y", "%a %d %b %Y", "%Y %j", "%G-W%V-%u",
           "%Y %U %w", "%Y %W %w", "%Y%m%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %I:%M %p", "%Y-%m-%dT%H:%M:%S%z", "%x", "%c",
           "%d-%d", "%", "%q", "%Y-%V", "%m-%d", "%Y-%m-%d%%", "  %d-%m-%Y"]
PATTERNS = [r"[A-Z][a-z]+", r"\w+", r"(?i)jan", r"(a|b)*", r".*", r"(?P<x>.)(?P=x)*", r"[^\d\s]*", r"\d{2,}", r"x{40}",
            r"(?<=a)b", r"J.n$", r"\AJan\Z", r"[[a]+", r"a{,3}", r"x{", r"(?a)\w*", r"[\w'\- ]*", r"*a", r"a**", r"(?<x>a)", r"\p{L}+",
            r"[z-a]", r"(", r")", r"(?P<1>a)", r"\1", r"(a)\1", r"[]a]+", r"\bJan\b", r"(?s:.*)", r"(?m)^.*$", r"(?x) J a n # name",
            r"(?:(J)|x)(?(1)an|x*)", r"\x4a\u0061n", r"(?!Jan).*", r"[a-zA-Z &&~~]*", r"(?>x*)x", r"x*+x", r"\Jan", r"(?<=a+)b", r"(?#c)Jan", r"\012"]


def string_format(r):
    kind = r.random()
    if kind < 0.35:
        return {"type": "string", "pattern": r.choice(PATTERNS)}
    out = {"type": "string"}
    for key, values in [("encoding", ["ascii", "utf-8", "utf-16", "utf-32"]), ("case", ["upper", "lower", "mixed"]),
                        ("minLength", [0, 1, 3]), ("maxLength", [1, 5, 100])]:
        if r.random() < 0.2:
            out[key] = r.choice(values)
    return out


def feature(r, version, place):
    if r.random() < 0.12:
        return {"identifier": f"f{place}", "ignored": True}, NAMES
    kind = r.choice(["string", "string", "integer", "date", "enum", "numeric"])
    if kind == "string":
        form, values = string_format(r), NAMES
    elif kind == "integer":
        form, values = {"type": "integer"}, NUMBERS
        if r.random() < 0.2:
            form["minimum"] = r.choice([-10, 0, 5])
        if r.random() < 0.2:
            form["maximum"] = r.choice([10, 1000, 20])
    elif kind == "date":
        form, values = {"type": "date", "format": r.choice(FORMATS)}, DATES
    elif kind == "enum":
        form, values = {"type": "enum", "values": ["M", "V", "", "Jan"]}, ["M", "V", "", "Jan", "x"]
    else:
        form, values = {"type": "string"}, NUMBERS
    hashing = {}
    if version == 1:
        hashing["ngram"] = r.choice([1, 2, 3])
        if r.random() < 0.4:
            hashing["weight"] = r.choice([0, 0.5, 1, 0.05, 0.025, 0.55, 2, 1.5])
        if r.random() < 0.3:
            hashing["positional"] = r.random() < 0.5
    else:
        if version == 2:
            hashing["ngram"] = r.choice([1, 2, 3])
            if r.random() < 0.3:
                hashing["positional"] = r.random() < 0.5
            hashing["strategy"] = r.choice([{"k": r.choice([1, 20, 40, 10.0])}, {"numBits": r.choice([1, 7, 200])}])
        else:
            if kind == "numeric":
                comparison = {"type": "numeric", "thresholdDistance": r.choice([1, 8, 0.5, 2.5, 1e-3, 1e20, 3, 1e300]),
                              "resolution": r.choice([1, 2, 5])}
                if r.random() < 0.7:
                    comparison["fractional_precision"] = r.choice([0, 1, 3, 10])
            elif r.random() < 0.2:
                comparison = {"type": "exact"}
            else:
                comparison = {"type": "ngram", "n": r.choice([1, 2, 3, 5])}
                if r.random() < 0.4:
                    comparison["positional"] = r.random() < 0.6
            hashing["comparison"] = comparison
            hashing["strategy"] = r.choice([{"bitsPerToken": r.choice([1, 20, 33, 70, 5.0])},
                                            {"bitsPerFeature": r.choice([1, 7, 200, 300])}])
        if r.random() < 0.6:
            hashing["hash"] = r.choice([{"type": "blakeHash"}, {"type": "doubleHash"},
                                        {"type": "doubleHash", "prevent_singularity": True}])
    if r.random() < 0.5:
        hashing["missingValue"] = {"sentinel": r.choice(["", "null", "Jan"])}
        if r.random() < 0.5:
            hashing["missingValue"]["replaceWith"] = r.choice(["", "x", "12", "é"])
    return {"identifier": f"f{place}", "format": form, "hashing": hashing}, values


def linkage(r):
    version = r.choice([1, 2, 3, 3, 3])
    kdf = {"type": "HKDF"}
    if r.random() < 0.3:
        kdf["hash"] = r.choice(["SHA256", "SHA512"])
    if r.random() < 0.3:
        kdf["salt"] = r.choice(["", "c2FsdA==", "c2FsdA", "c2 FsdA==xx", "c2FsdB==", "a", "ab=c="])
    if r.random() < 0.3:
        kdf["info"] = "aW5mbw=="
    if r.random() < 0.3:
        kdf["keySize"] = r.choice([1, 16, 32, 64, 65])
    config = {"l": r.choice([1024, 1024, 512, 8, 64, 1000, 1, 20]), "kdf": kdf}
    if r.random() < 0.2:
        config["xor_folds"] = r.choice([0, 1, 2, True])
    if r.random() < 0.1:
        config["xorFolds"] = r.choice([0, 2])
    if version == 1:
        config["k"] = r.choice([1, 10, 30])
        config["hash"] = r.choice([{"type": "blakeHash"}, {"type": "doubleHash"},
                                   {"type": "doubleHash", "prevent_singularity": True}])
    features = [feature(r, version, place) for place in range(r.choice([1, 1, 2, 3]))]
    return {"version": version, "clkConfig": config, "features": [f for f, _ in features]}, [v for _, v in features]


def nodes(value):
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def spoil(r, document):
    node = r.choice([node for node in nodes(document) if node])
    key = r.choice(list(node))
    act = r.random()
    if act < 0.3:
        del node[key]
    elif act < 0.7:
        node[key] = r.choice([None, True, 0, -1, 1.5, 3.0, "x", [], {}, 2])
    else:
        node[r.choice(["extra", "description", "weight", "ignored", "positional", "hash", "type"])] = r.choice(
            [None, True, False, 1, "x", {"type": "blakeHash"}])


def theirs(document, rows):
    try:
        linkage = schema.from_json_dict(json.loads(json.dumps(document)))
        clks = clk.generate_clks(rows, linkage, SECRET, validate=True, max_workers=1)
        return [serialize_bitarray(clk) for clk in clks], ""
    except Exception:
        return None, traceback.format_exc(limit=1)


def ours(program, directory, document, rows):
    paths = {name: directory / name for name in ("schema.json", "secret", "rows.csv", "out.json")}
    paths["schema.json"].write_text(json.dumps(document))
    paths["secret"].write_text(SECRET)
    with open(paths["rows.csv"], "w", newline="") as out:
        csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    command = [program, "clkhash", "--schema", paths["schema.json"], "--secret-file", paths["secret"],
               "--csv", paths["rows.csv"], "--header", "none"]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode not in (0, 1):
        raise SystemExit(f"exit code {run.returncode}: {run.stderr}")
    return (json.loads(run.stdout)["clks"] if run.returncode == 0 else None), run.stderr


def compare(program, directory, case, document, rows, count):
    (their, why), (our, message) = theirs(document, rows), ours(program, directory, document, rows)
    if their == our:
        count["refused" if their is None else "both"] += 1
        count["rows"] += len(their or [])
    elif our is None and any(text in message for text in WANTED):
        count["wanted"] += 1
    else:
        print(f"case {case}: {json.dumps(document)}\nrows {rows!r}\nclkhash:   {their} {why}\nsamenloop: {our} {message}")
        raise SystemExit(1)


def main():
    program, seed, cases = sys.argv[1], int((sys.argv + ["1"])[2]), int((sys.argv + ["", "2000"])[3])
    count = dict.fromkeys(['both', 'rows', 'refused', 'wanted'], 0)
    with tempfile.TemporaryDirectory() as directory:
        for case in range(cases):
            r = random.Random(f"{seed}/{case}")
            document, values = linkage(r)
            if r.random() < 0.3:
                spoil(r, document)
            rows = [[r.choice(of) for of in values] for _ in range(20)]
            taken = [row for row in rows if theirs(document, [row])[0] is not None]
            # All that clkhash takes in one file, and one row that it refuses in another.
            for some in [taken] if taken else []:
                compare(program, Path(directory), case, document, some, count)
            for row in [row for row in rows if row not in taken][:1]:
                compare(program, Path(directory), case, document, [row], count)
    print(f"seed {seed}: {count['both']} files with the same CLKs ({count['rows']} rows), {count['refused']} refused by both, "
          f"{count['wanted']} refused here on purpose")


if __name__ == "__main__":
    main()
