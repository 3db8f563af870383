"""Runs the programs of this folder: one trial at a time, a canary before each, every wait bounded."""
import concurrent.futures
import signal
import subprocess
import time

import figures

CANARY_TRIES = 4
PATIENCE = 8  # so many marked in a row, and no trial waits for a better moment any more
GRACE_SECONDS = 30  # beside what a program was asked to measure; it ends itself before that


def end(process):
    """Ends a process that we started, and what it left, by its id."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Failed(Exception):
    """A program ended badly or said nothing."""


def said(argv, seconds, env=None):
    """What a program printed, as figures; Failed when it did not end well in time."""
    with subprocess.Popen(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=env) as process:
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{' '.join(argv)}: nothing after {seconds:.0f} s") from None
        finally:
            end(process)
    found = figures.parse_line(out)
    if process.returncode != 0 or not found:
        raise Failed(f"{' '.join(argv)}: exit {process.returncode} {err.strip()[-300:]}")
    return found


class Trials:
    """All trials of a run, and what the canaries said."""

    def __init__(self, canary, hog, cpus, tries=CANARY_TRIES):
        self.trials = []
        self.failures = {}
        self.canary_program = canary
        self.hog_program = hog
        self.cpus = cpus
        self.best = {}
        self.tries = tries
        self.marked_in_a_row = 0

    def say(self, text):
        print(text, flush=True)

    def sing(self):
        found = said([self.canary_program, str(self.cpus[0]), str(self.cpus[-1])], GRACE_SECONDS)
        for key, value in found.items():
            self.best[key] = min(value, self.best.get(key, value))
        return found

    def canary(self):
        """(canary, marked): waits a little for a better moment, and says when there was none."""
        for attempt in range(self.tries if self.marked_in_a_row < PATIENCE else 1):
            if attempt > 0:
                time.sleep(0.02 * attempt)
            found = self.sing()
            if not figures.is_off(found, self.best):
                self.marked_in_a_row = 0
                return found, False
        self.marked_in_a_row += 1
        return found, True

    def calibrate(self):
        """So that the first trials, too, are judged by the machine at its best."""
        for _ in range(10):
            self.sing()

    def run(self, setting, name, turn, argv, ms, hog=False, env=None):
        """One trial; a program that fails is remembered, and not asked again in this setting."""
        if (setting, name) in self.failures:
            return None
        canary, marked = self.canary()
        neighbour = None
        try:
            if hog:
                neighbour = self.start_hog(ms)
            found = said(argv, ms / 1000 + GRACE_SECONDS, env)
        except Failed as why:
            self.failures[(setting, name)] = str(why)
            self.say(f"call: {name} ({setting}) failed: {why}")
            return None
        finally:
            if neighbour is not None:
                end(neighbour)
                neighbour.stdout.close()
        self.trials.append({"setting": setting, "name": name, "round": turn, "canary": canary,
                            "marked": marked, **found})
        return found

    def run_many(self, setting, name, turn, argvs, ms):
        """Programs at once, as one trial: their calls together, CPU time by call."""
        if (setting, name) in self.failures:
            return
        canary, marked = self.canary()
        try:
            with concurrent.futures.ThreadPoolExecutor(len(argvs)) as pool:
                found = list(pool.map(lambda argv: said(argv, ms / 1000 + GRACE_SECONDS), argvs))
        except Failed as why:
            self.failures[(setting, name)] = str(why)
            self.say(f"call: {name} ({setting}) failed: {why}")
            return
        self.trials.append({"setting": setting, "name": name, "round": turn, "canary": canary,
                            "marked": marked, **figures.together(found)})

    def start_hog(self, ms):
        hog = subprocess.Popen([self.hog_program, str(self.cpus[0]), str(ms + 10000)],
                               text=True, stdout=subprocess.PIPE)
        hog.stdout.readline()
        return hog
