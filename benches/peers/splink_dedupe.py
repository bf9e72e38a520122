"""Deduplicates the files of `samenloop-lab synth` in plaintext with Splink on DuckDB.

Three blocking rules, name comparisons with the frequency of surnames, train, predict and cluster, as
Splink's documentation shows, on text in lower case without accents. Of the rules tried on 100,000 of
these records (either name with the date of birth; both names with the postcode) these found most; the
postcode alone finds a little more, and has blocks that a million records are too many for. Prints
seconds (reading and cleaning the files not counted), peak memory and the recall and precision of the
clusters' pairs.
"""

import json
import resource
import sys
import time
from pathlib import Path

import duckdb
import splink
import splink.comparison_library as cl
from splink import Linker, SettingsCreator, block_on

FIELDS = ["voornaam", "achternaam", "geboortedatum", "geslacht", "geboorteplaats", "postcode"]


def main(directory: str) -> None:
    database = duckdb.connect()
    files = [str(path) for path in sorted(Path(directory).glob("*.csv")) if path.stem != "part"]
    clean = "nullif(lower(strip_accents({0})), '') AS {0}"
    columns = ", ".join(clean.format(field) for field in FIELDS)
    database.execute(
        f"CREATE TABLE people AS SELECT row_number() OVER () AS unique_id, person_id, {columns}"
        " FROM read_csv(?, all_varchar = true, union_by_name = true)",
        [files],
    )
    begin = time.perf_counter()
    settings = SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=[
            block_on("geboortedatum"),
            block_on("achternaam", "voornaam"),
            block_on("postcode", "voornaam"),
        ],
        comparisons=[
            cl.NameComparison("voornaam"),
            cl.NameComparison("achternaam").configure(term_frequency_adjustments=True),
            cl.LevenshteinAtThresholds("geboortedatum", [1, 2]),
            cl.ExactMatch("geslacht"),
            cl.JaroWinklerAtThresholds("geboorteplaats", [0.9]),
            cl.LevenshteinAtThresholds("postcode", [1, 2]),
        ],
    )
    api = splink.DuckDBAPI(connection=database) if hasattr(splink, "DuckDBAPI") else None
    if api is None:
        from splink.backends.duckdb import DuckDBAPI

        api = DuckDBAPI(connection=database)
    try:
        linker = Linker("people", settings, api)
    except TypeError:
        linker = Linker(api.register("people"), settings)
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [block_on("achternaam", "voornaam", "geboortedatum")], recall=0.6
    )
    training.estimate_u_using_random_sampling(max_pairs=1e6)
    training.estimate_parameters_using_expectation_maximisation(
        block_on("achternaam", "geboortedatum")
    )
    training.estimate_parameters_using_expectation_maximisation(block_on("voornaam", "postcode"))
    pairs = linker.inference.predict(threshold_match_probability=0.5)
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
        pairs, threshold_match_probability=0.95
    )
    seconds = time.perf_counter() - begin
    table = clusters.physical_name
    def count(by: str) -> int:
        query = f"SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) n FROM {table} GROUP BY {by})"
        return int(database.execute(query).fetchone()[0])

    true, linked, right = count("person_id"), count("cluster_id"), count("person_id, cluster_id")
    print(
        json.dumps(
            {
                "splink": splink.__version__,
                "records": database.execute("SELECT count(*) FROM people").fetchone()[0],
                "seconds": round(seconds, 2),
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                "recall": round(right / true, 4),
                "precision": round(right / linked, 4),
            }
        )
    )


main(sys.argv[1])
