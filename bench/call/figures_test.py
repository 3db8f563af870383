#!/usr/bin/python3
"""Promises of figures.py, as sentences."""
import os
import re
import subprocess
import sys
import time
import unittest
import xml.etree.ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import figures  # noqa: E402
import idle  # noqa: E402
import table  # noqa: E402

GOOD = {"waited_percent": 0, "spin_ns": 100, "eventfd_ns": 1000, "pingpong_ns": 200}


def trial(name, value, turn=0, marked=False, pingpong=200, setting="one"):
    return {"setting": setting, "name": name, "round": turn, "marked": marked,
            "canary": {**GOOD, "pingpong_ns": pingpong}, "median_ns": value, "rate": 1e9 / value}


class Figures(unittest.TestCase):
    def test_a_line_is_read_by_its_keys(self):
        self.assertEqual(figures.parse_line("call median_ns=12 rate=3.5"),
                         {"median_ns": 12, "rate": 3.5})
        self.assertEqual(figures.parse_line("nothing here"), {})

    def test_a_canary_is_off_when_anything_is(self):
        self.assertFalse(figures.is_off({**GOOD, "spin_ns": 110, "eventfd_ns": 1300}, GOOD))
        self.assertTrue(figures.is_off({**GOOD, "spin_ns": 120}, GOOD))
        self.assertTrue(figures.is_off({**GOOD, "eventfd_ns": 1400}, GOOD))
        self.assertTrue(figures.is_off({**GOOD, "waited_percent": 30}, GOOD))

    def test_marked_trials_count_only_when_the_others_are_too_few(self):
        few = [trial("a", 5, marked=True)] + [trial("a", 9, i) for i in range(3)]
        many = few + [trial("a", 9, 3)]
        self.assertEqual(figures.best(few, "one", "a"), 5)
        self.assertEqual(figures.best(many, "one", "a"), 9)

    def test_the_best_of_nothing_is_nothing(self):
        self.assertIsNone(figures.best([], "one", "a"))
        self.assertIsNone(figures.best([trial("a", 5)], "one", "a", "allocations"))
        self.assertIsNone(figures.ratio(None, 1))
        self.assertIsNone(figures.ratio(1, None))
        self.assertIsNone(figures.median_ratio([trial("a", 5)], "one", "a", "b", "rate"))

    def test_pairs_are_of_one_round(self):
        trials = [trial("a", 10, 0), trial("b", 5, 0), trial("a", 20, 1), trial("b", 7, 2)]
        self.assertEqual(figures.pairs(trials, "one", "a", "b", "median_ns"), [(10, 5)])

    def test_one_strange_round_does_not_move_a_median_ratio(self):
        trials = []
        for turn, ours in enumerate([10, 11, 900, 10, 9]):
            trials += [trial("a", ours, turn), trial("b", 10, turn)]
        self.assertEqual(figures.median_ratio(trials, "one", "a", "b", "median_ns"), 1)

    def test_bins_part_where_there_is_a_gap(self):
        self.assertEqual(figures.bins([500, 110, 100, 520]), [[100, 110], [500, 520]])
        self.assertEqual(figures.bins([]), [])

    def test_a_bin_does_not_creep_from_one_state_to_the_other(self):
        self.assertEqual(figures.bins([100, 140, 190, 260]), [[100, 140], [190, 260]])

    def test_a_difference_is_never_taken_across_two_states_of_the_machine(self):
        # Ours met the fast state once only; its best there must not meet the cell's slow state.
        trials = [trial("a", 700, 0, pingpong=500), trial("b", 500, 0, pingpong=510),
                  trial("a", 750, 1, pingpong=520), trial("b", 150, 1, pingpong=100),
                  trial("a", 400, 2, pingpong=105), trial("a", 710, 3, pingpong=500)]
        found = figures.binned_difference(trials, "one", "a", "b")
        self.assertEqual([(f[0], f[1]) for f in found], [(200, 4), (250, 2)])

    def test_a_state_that_only_one_has_met_gives_no_difference(self):
        trials = [trial("a", 700, pingpong=500), trial("b", 100, pingpong=100)]
        self.assertEqual(figures.binned_difference(trials, "one", "a", "b"), [])

    def test_a_bar_is_what_the_runner_reads(self):
        reader = re.compile(r"^bar (\S+) ([\d.]+) (\S+) (\S+) (ok|short)$")
        for line, verdict in [(figures.bar("a", 1.349, "x", 1.35), "ok"),
                              (figures.bar("a", 1.36, "x", 1.35), "short"),
                              (figures.bar("a", 29.9, "x", 30, at_least=True), "short"),
                              (figures.bar("a", 30, "x", 30, at_least=True), "ok"),
                              (figures.bar("a", -12, "ns", 300), "ok"),
                              (figures.bar("a", 0, "count", 0), "ok"),
                              (figures.bar("a", 0.00002, "count", 0), "short"),
                              (figures.bar("a", 0.25, "count", 0), "short")]:
            self.assertEqual(reader.match(line)[5], verdict, line)

    def test_a_verdict_judges_the_value_that_is_printed(self):
        self.assertEqual(figures.bar("a", 1.351, "x", 1.35), "bar a 1.35 x 1.35 ok")

    def test_programs_together_share_their_cpu_by_calls(self):
        found = figures.together([{"calls": 1, "rate": 10, "cpu_ns": 400},
                                  {"calls": 3, "rate": 30, "cpu_ns": 200}])
        self.assertEqual(found, {"calls": 4, "rate": 40, "cpu_ns": 250})


class Table(unittest.TestCase):
    TRIALS = [trial("call", 5000), trial("cell3", 4000), trial("grpc", 50000),
              trial("call", 800, setting="pipelined")]

    def test_who_was_not_measured_has_no_row(self):
        self.assertEqual([name for name, *_ in table.rows(self.TRIALS)], ["call", "cell3", "grpc"])

    def test_three_digits_are_enough(self):
        self.assertEqual([table.short(v) for v in (None, 0.1234, 5.678, 99.96, 1234, 56789, 2.5e6)],
                         ["-", "0.123", "5.68", "100", "1234", "56.8k", "2.5M"])

    def test_the_axis_holds_every_value(self):
        self.assertEqual(table.axis([5, 50]), (0, 2))
        self.assertEqual(table.axis([10, 10]), (1, 2))
        self.assertEqual(table.along(10, 0, 2), 0.5)

    def test_the_plot_is_well_formed_and_names_everybody(self):
        plot = table.svg(table.rows(self.TRIALS), "a machine with 2 < 3 CPUs")
        words = "".join(xml.etree.ElementTree.fromstring(plot).itertext())
        for label in ("atoll", "raw: futex", "gRPC C++", "2 < 3"):
            self.assertIn(label, words)

    def test_the_table_tells_versions_and_what_is_missing(self):
        lines = table.text(table.rows(self.TRIALS), {"grpc": "1.51"})
        self.assertTrue(lines[-1].endswith("1.51"))
        self.assertIn("50", lines[-1].split())
        self.assertIn("-", lines[-1].split())


class Idle(unittest.TestCase):
    def test_a_process_that_wakes_is_seen_and_one_that_sleeps_is_not(self):
        waker = [sys.executable, "-c", "import time\nwhile True: time.sleep(0.01)"]
        with subprocess.Popen(waker) as busy, subprocess.Popen(["sleep", "60"]) as quiet:
            try:
                time.sleep(0.5)
                before = [idle.look_at(p.pid) for p in (busy, quiet)]
                time.sleep(0.3)
                after = [idle.look_at(p.pid) for p in (busy, quiet)]
            finally:
                busy.kill()
                quiet.kill()
        seen = idle.difference(before[0], after[0])
        self.assertGreater(seen["voluntary"], 0)
        self.assertGreater(seen["run_ns"], 0)
        self.assertEqual(idle.difference(before[1], after[1]),
                         {"run_ns": 0, "voluntary": 0, "involuntary": 0})

    def test_a_new_thread_counts_from_its_beginning(self):
        self.assertEqual(idle.difference({"a": (5, 1, 1)}, {"a": (7, 1, 1), "b": (3, 2, 0)}),
                         {"run_ns": 5, "voluntary": 2, "involuntary": 0})


if __name__ == "__main__":
    unittest.main()
