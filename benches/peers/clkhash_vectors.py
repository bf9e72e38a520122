"""Writes tests/vectors/clkhash/{pitfalls,bad_values,bad_schemas}.json with an installed clkhash 0.18.3.

    scratch/bin/python benches/peers/clkhash_vectors.py tests/vectors/clkhash
"""
import copy
import json
import sys
from pathlib import Path

from clkhash import clk, schema
from clkhash.serialization import serialize_bitarray

SECRET = "secret"
NGRAM = {"type": "ngram", "n": 2}


def numeric(distance, resolution, precision=0):
    return {"type": "numeric", "thresholdDistance": distance, "resolution": resolution, "fractional_precision": precision}


def document(form, comparison=NGRAM, strategy=None, **hashing):
    strategy = strategy or {"bitsPerFeature": 50}
    return {"version": 3, "clkConfig": {"l": 256, "kdf": {"type": "HKDF"}},
            "features": [{"identifier": "f", "format": form, "hashing": {"comparison": comparison, "strategy": strategy, **hashing}}]}


TEXT, INTEGER = {"type": "string"}, {"type": "integer"}


def date(form):
    return {"type": "date", "format": form}


PITFALLS = [
    ("a whole number has a sign, spaces, underscores and digits of any script", document(INTEGER),
     ["13", "+13", " 13 ", "1_3", "0013", "١٣", "𝟏𝟑", "\u00a013", "-0", "-13"]),
    ("a composed letter is not its parts", document(TEXT), ["é", "e\u0301", "A", "a", " a"]),
    ("bits per feature go to the first tokens", document(TEXT, strategy={"bitsPerFeature": 3}), ["abcdef", "a"]),
    ("numbers round half to even and halves of the grid up", document(TEXT, numeric(0.5, 2, 3)),
     ["0.0005", "0.0015", "-0.0005", "2.6745", "1e3", "1_0.2_5", "", "42", "42.0"]),
    ("whole numbers are exact beyond a double", document(TEXT, numeric(3, 1)),
     ["9" * 40, "-" + "9" * 40, "9007199254740993", "16", "17", "-17", "7.9", "-7.9"]),
    ("a large distance is compared as a double", document(TEXT, numeric(10 ** 18 + 1, 2)),
     ["1", "500000000000000000", "500000000000000001", "-3", "123456789012345678901234567890"]),
    ("a year before 1000 loses its zeros", document(date("%Y-%m-%d")), ["0123-01-12", "0001-12-31", "2003-2-1"]),
    ("two digits of a year turn at 69", document(date("%d/%m/%y")), ["1/2/68", "1/2/69", "01/02/00"]),
    ("names of months and days in any case", document(date("%a %d %B %Y")), ["mon 03 JANUARY 2022", "Sun 3 may 2001"]),
    ("space in a format is any space", document(date("%d %b %Y")), ["3 jan  2022", "3\tJan\u00a02022"]),
    ("weeks and days of the year", document(date("%Y %j")), ["2020 366", "2021 060", "2021 1"]),
    ("weeks from Sunday", document(date("%Y %U %w")), ["2020 00 1", "2020 52 0", "2021 10 6"]),
    ("weeks of ISO", document(date("%G-W%V-%u")), ["2020-W53-5", "2019-W01-1", "2019-W01-7"]),
    ("a time and an offset do not count", document(date("%Y-%m-%dT%H:%M:%S%z")),
     ["2003-02-01T10:11:12+01:00", "2003-02-01T10:11:12Z", "2003-02-01T23:59:59-0130"]),
    ("a sentinel is compared raw and what replaces it is not brought into form",
     document(INTEGER, missingValue={"sentinel": "0013", "replaceWith": "+13"}), ["0013", "13", "+13"]),
    ("a sentinel without replacement is hashed", document(INTEGER, missingValue={"sentinel": "NA"}), ["NA", "7"]),
    ("a pattern fits the whole value, as Python's re", document({"type": "string", "pattern": r"(?i)[a-z][\w'-]*(?<!-)$"}),
     ["Jan", "jan", "O'Brien", "s-ß", "a1²"]),
    ("case is of all letters", document({"type": "string", "case": "upper"}), ["ÉÉN", "12", "", "Σ"]),
    ("utf-16 has a mark in every token", document({"type": "string", "encoding": "utf-16"}), ["Jan", "😀"]),
    ("utf-32 too", document({"type": "string", "encoding": "utf-32"}), ["Jan", "😀"]),
    ("numbers of JSON with a point are whole where clkhash says so",
     document({"type": "string", "minLength": 1.0}, strategy={"bitsPerToken": 20.0}), ["Jan"]),
]

BAD_VALUES = [
    (document(INTEGER), ["", "abc", "1__3", "_1", "1_", "+ 13", "1.0", "\x1c13", "1" * 4301], "whole number"),
    (document({"type": "integer", "minimum": 5, "maximum": 10}), ["4", "-" + "9" * 30], "at least"),
    (document({"type": "integer", "minimum": 5, "maximum": 10}), ["11", "9" * 30], "at most"),
    (document(date("%d-%m-%Y")), ["", "2003-02-01", "29-02-1900", "1-2-2003 ", "00-01-2003", "1-13-2003", "1-2-0000"], "date"),
    (document(date("%Y-%m-%d %H:%M:%S")), ["2003-02-01 23:59:60", "2003-02-01 24:00:00"], "date"),
    (document(date("%m-%d")), ["02-29"], "date"),
    (document({"type": "string", "encoding": "ascii"}), ["é"], "ascii"),
    (document({"type": "string", "case": "upper"}), ["Jan", "ß", "ǅ"], "upper case"),
    (document({"type": "string", "case": "lower"}), ["Jan", "İ"], "lower case"),
    (document({"type": "string", "minLength": 2}), ["", "é"], "at least 2"),
    (document({"type": "string", "maxLength": 1}), ["e\u0301"], "at most 1"),
    (document({"type": "string", "pattern": "a|ab"}), ["abc", "", "a\n"], "pattern"),
    (document({"type": "string", "pattern": "[[a]$"}), ["b", "a\n"], "pattern"),
    (document({"type": "enum", "values": ["M", "V"]}), ["m", "", "M "], "one of the values"),
    (document(TEXT, numeric(1, 1)), ["abc", "1e", "0x10", "nan", "inf", "1e400", "1__0.5"], ""),
]

FEATURE = ["features", 0]
COMPARISON, STRATEGY, FORMAT = FEATURE + ["hashing", "comparison"], FEATURE + ["hashing", "strategy"], FEATURE + ["format"]
HASH = FEATURE + ["hashing", "hash"]
NONE = object()
BAD_SCHEMAS = [
    (["version"], 4, "version"), (["version"], "3", "version"), (["version"], NONE, "the schema"), (["version"], True, "version"),
    (["clkConfig"], NONE, "the schema"), (["clkConfig"], [], "clkConfig"), (["clkConfig", "l"], 0, "clkConfig.l"),
    (["clkConfig", "l"], 1024.5, "clkConfig.l"), (["clkConfig", "l"], "1024", "clkConfig.l"), (["clkConfig", "l"], NONE, "clkConfig"),
    (["clkConfig", "l"], 1000, "features[0].hashing.hash"), (["clkConfig", "xorFolds"], -1, "clkConfig.xorFolds"),
    (["clkConfig", "xor_folds"], "2", "clkConfig.xor_folds"), (["clkConfig", "xor_folds"], -1, "clkConfig.xor_folds"),
    (["clkConfig", "kdf"], NONE, "clkConfig"), (["clkConfig", "kdf", "type"], "legacy", "clkConfig.kdf.type"),
    (["clkConfig", "kdf", "hash"], "MD5", "clkConfig.kdf.hash"), (["clkConfig", "kdf", "salt"], "a", "clkConfig.kdf.salt"),
    (["clkConfig", "kdf", "salt"], "YWI", "clkConfig.kdf.salt"), (["clkConfig", "kdf", "info"], 7, "clkConfig.kdf.info"),
    (["clkConfig", "kdf", "keySize"], 0, "clkConfig.kdf.keySize"), (["clkConfig", "kdf", "keySize"], 65, "features[0].hashing.hash"),
    (["clkConfig", "kdf", "keySize"], 5000, "clkConfig.kdf"), (["features"], {}, "features"), (FEATURE, "f", "features[0]"),
    (FEATURE + ["identifier"], NONE, "features[0]"), (FEATURE + ["identifier"], 7, "features[0].identifier"),
    (FEATURE + ["ignored"], "yes", "features[0].ignored"), (FORMAT, NONE, "features[0]"), (FEATURE + ["hashing"], NONE, "features[0]"),
    (FORMAT + ["type"], "float", "features[0].format.type"), (FORMAT + ["encoding"], "latin-1", "features[0].format.encoding"),
    (FORMAT + ["case"], "title", "features[0].format.case"), (FORMAT + ["minimum"], 3, "features[0].format"),
    (FORMAT + ["maxLength"], 0, "features[0].format.maxLength"), (FORMAT, {"type": "string", "pattern": "a", "case": "lower"}, "features[0].format"),
    (FORMAT, {"type": "string", "pattern": "(a"}, "features[0].format.pattern"),
    (FORMAT, {"type": "string", "pattern": "\\p{L}"}, "features[0].format.pattern"),
    (FORMAT, {"type": "string", "pattern": "a**"}, "features[0].format.pattern"),
    (FORMAT, {"type": "string", "pattern": "(?<n>a)"}, "features[0].format.pattern"),
    (FORMAT, {"type": "string", "pattern": "b(?i)a"}, "features[0].format.pattern"),
    (FORMAT, {"type": "date"}, "features[0].format"), (FORMAT, {"type": "date", "format": "%q"}, "features[0].format.format"),
    (FORMAT, {"type": "date", "format": "%"}, "features[0].format.format"), (FORMAT, {"type": "date", "format": "%d%d"}, "features[0].format.format"),
    (FORMAT, {"type": "enum", "values": [1]}, "features[0].format.values[0]"), (FORMAT, {"type": "enum"}, "features[0].format"),
    (FEATURE + ["hashing", "ngram"], 2, "features[0].hashing"), (FEATURE + ["hashing", "weight"], 1, "features[0].hashing"),
    (COMPARISON, NONE, "features[0].hashing"), (COMPARISON + ["type"], "fuzzy", "features[0].hashing.comparison.type"),
    (COMPARISON + ["n"], 0, "features[0].hashing.comparison.n"), (COMPARISON + ["n"], 2.0, "features[0].hashing.comparison.n"),
    (COMPARISON + ["positional"], 1, "features[0].hashing.comparison.positional"),
    (COMPARISON, {"type": "numeric", "thresholdDistance": 0, "resolution": 1}, "features[0].hashing.comparison.thresholdDistance"),
    (COMPARISON, {"type": "numeric", "thresholdDistance": 1, "resolution": 0}, "features[0].hashing.comparison.resolution"),
    (COMPARISON, {"type": "numeric", "thresholdDistance": 0.01, "resolution": 1}, "features[0].hashing.comparison"),
    (COMPARISON, {"type": "numeric", "thresholdDistance": 1e300, "resolution": 1, "fractional_precision": 99}, "features[0].hashing.comparison"),
    (STRATEGY, {}, "features[0].hashing.strategy"), (STRATEGY, {"k": 20}, "features[0].hashing.strategy"),
    (STRATEGY, {"bitsPerToken": 1, "bitsPerFeature": 1}, "features[0].hashing.strategy"),
    (STRATEGY, {"bitsPerToken": 0}, "features[0].hashing.strategy.bitsPerToken"),
    (STRATEGY, {"bitsPerToken": 1.5}, "features[0].hashing.strategy.bitsPerToken"),
    (HASH, {"type": "sha256"}, "features[0].hashing.hash.type"), (HASH, {}, "features[0].hashing.hash"),
    (HASH, {"type": "blakeHash", "prevent_singularity": False}, "features[0].hashing.hash.prevent_singularity"),
    (HASH, {"type": "doubleHash", "prevent_singularity": "yes"}, "features[0].hashing.hash.prevent_singularity"),
    (FEATURE + ["hashing", "missingValue"], {}, "features[0].hashing.missingValue"),
    (FEATURE + ["hashing", "missingValue"], {"sentinel": "", "replaceWith": None}, "features[0].hashing.missingValue.replaceWith"),
]


def clks(linkage, values):
    rows = [[value] for value in values]
    return [serialize_bitarray(clk) for clk in clk.generate_clks(rows, schema.from_json_dict(copy.deepcopy(linkage)), SECRET, max_workers=1)]


def refused(linkage, value):
    try:
        clks(linkage, [value])
    except Exception:
        return
    raise SystemExit(f"clkhash takes {value!r} with {json.dumps(linkage)}")


def changed(linkage, path, value):
    linkage = copy.deepcopy(linkage)
    at = linkage
    for step in path[:-1]:
        at = at[step]
    if value is NONE:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return linkage


def main():
    out = Path(sys.argv[1])
    good = [{"name": name, "schema": linkage, "values": values, "clks": clks(linkage, values)} for name, linkage, values in PITFALLS]
    for linkage, values, _ in BAD_VALUES:
        for value in values:
            refused(linkage, value)
    bad = [{"schema": linkage, "values": values, "rule": rule} for linkage, values, rule in BAD_VALUES]
    schemas = []
    for path, value, place in BAD_SCHEMAS:
        linkage = changed(document({"type": "string"}), path, value)
        refused(linkage, "1.5")
        schemas.append({"schema": linkage, "place": place})
    for name, content in [("pitfalls", good), ("bad_values", bad), ("bad_schemas", schemas)]:
        (out / f"{name}.json").write_text(json.dumps(content, ensure_ascii=True, indent=1) + "\n")


if __name__ == "__main__":
    main()
