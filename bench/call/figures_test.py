#!/usr/bin/python3
"""Promises of figures.py, as sentences."""
import os
import re
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import figures  # noqa: E402

GOOD = {"spin_ns": 100, "eventfd_ns": 1000, "pingpong_ns": 200}


def trial(name, value, turn=0, marked=False, pingpong=200, setting="one"):
    return {"setting": setting, "name": name, "round": turn, "marked": marked,
            "canary": {**GOOD, "pingpong_ns": pingpong}, "median_ns": value, "rate": 1e9 / value}


class Figures(unittest.TestCase):
    def test_a_line_is_read_by_its_keys(self):
        self.assertEqual(figures.parse_line("call median_ns=12 rate=3.5"),
                         {"median_ns": 12, "rate": 3.5})
        self.assertEqual(figures.parse_line("nothing here"), {})

    def test_a_canary_is_off_when_either_is_slow(self):
        self.assertFalse(figures.is_off({"spin_ns": 110, "eventfd_ns": 1300}, GOOD))
        self.assertTrue(figures.is_off({"spin_ns": 120, "eventfd_ns": 1000}, GOOD))
        self.assertTrue(figures.is_off({"spin_ns": 100, "eventfd_ns": 1400}, GOOD))

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
                              (figures.bar("a", 0.25, "count", 0), "short")]:
            self.assertEqual(reader.match(line)[5], verdict, line)

    def test_a_verdict_judges_the_value_that_is_printed(self):
        self.assertEqual(figures.bar("a", 1.351, "x", 1.35), "bar a 1.35 x 1.35 ok")


if __name__ == "__main__":
    unittest.main()
