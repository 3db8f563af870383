"""`atoll bench`: load on a method of a running shop, as people and as programs see it."""
import json

ITEM = '{"itemId":1}'


def bench(shop, *args, check=0):
    done = shop.atoll("bench", "stock.GetItem", ITEM, "-d", "200ms", "--warmup", "20ms", "-q",
                      "-o", "json", *args, check=check)
    return json.loads(done.stdout)


def test_a_row_for_each_combination_with_percentiles_histogram_and_cpu_of_both_sides(shop):
    rows = bench(shop, "-c", "1,8", "--transport", "channel,http")
    assert [(row["transport"], row["concurrency"]) for row in rows] == [
        ("channel", 1), ("channel", 8), ("http", 1), ("http", 8)]
    for row in rows:
        assert row["service"] == "stock" and row["loop"] == "closed"
        assert row["calls"] > 0 and row["failed"] == row["unsent"] == row["lost"] == 0
        assert row["statuses"] == {"OK": row["calls"]}
        assert sum(step["count"] for step in row["histogram"]) == row["calls"]
        latency = row["latency_ns"]
        assert 0 < latency["min"] <= latency["p50"] <= latency["p90"] <= latency["p99"]
        assert latency["p99"] <= latency["p99_9"] <= latency["max"]
        assert latency["min"] <= latency["mean"] <= latency["max"]
        assert row["cpu_ns"]["client"] > 0 and row["cpu_ns"]["services"]["stock"] > 0
    assert all("door" in row["cpu_ns"]["services"] for row in rows if row["transport"] == "http")


def test_an_open_loop_keeps_its_rate_and_the_same_seed_makes_the_same_calls(shop):
    first, again, other = (bench(shop, "--rate", "1000", "--seed", seed)[0]
                           for seed in ("5", "5", "6"))
    assert first["loop"] == "open"
    due, due_again, due_other = (sum(row[k] for k in ("calls", "unsent", "lost"))
                                 for row in (first, again, other))
    assert due == due_again
    assert 100 < due < 320 and 100 < due_other < 320
    assert first["calls"] > 0 and other["calls"] > 0


def test_a_table_for_people_has_a_row_a_trial_and_the_talk_goes_to_stderr(shop):
    done = shop.atoll("bench", "stock.GetItem", ITEM, "-d", "100ms", "--warmup", "10ms",
                      "-c", "1,4", check=0)
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["TRANSPORT", "LOAD", "BYTES"] and len(lines) == 3
    assert "2 of 2: channel, 4 at once" in done.stderr


def test_failures_are_counted_told_once_and_make_the_exit_code(shop):
    done = shop.atoll("bench", "stock.GetItem", '{"itemId":999999}', "-d", "100ms", "--warmup",
                      "10ms", "-c", "2", "-o", "json", check=1)
    row = json.loads(done.stdout)[0]
    assert row["failed"] == row["calls"] > 0 and list(row["statuses"]) == ["NOT_FOUND"]
    assert "calls failed, the first: " in done.stderr


def test_a_payload_fills_the_named_field(shop):
    done = shop.atoll("bench", "product.ListProducts", "--payload", "1,4k", "--field",
                      "page_token", "-d", "50ms", "--warmup", "5ms", "-c", "1", "-o", "json")
    assert [row["request_bytes"] for row in json.loads(done.stdout)] == [3, 4096 + 3]


def test_what_cannot_be_measured_is_refused_with_what_to_do(shop):
    for args, code, words in [
            (["nope.Nothing"], 4, "atoll call --list"),
            (["stock.GetItem", "--payload", "64"], 4, "no field of type bytes or string"),
            (["stock.GetItem", "-c", "0"], 2, "no value from 1 to 65536"),
            (["stock.GetItem", "--transport", "tcp"], 2, "there are channel and http"),
            (["stock.GetItem", "-r", "5", "-c", "1,2"], 2, "with --rate, --concurrency is one"),
            (["stock.GetItem", "-d", "3"], 2, "no duration"),
            (["stock.GetItem", "{"], 2, "the request is no JSON")]:
        done = shop.atoll("bench", *args, check=code)
        assert words in done.stderr, done.stderr
