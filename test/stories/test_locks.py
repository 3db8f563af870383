"""Three instances count in one file under a named lock: owners are killed and stopped, the keeper of
the locks is killed, and no count is lost or made twice.
"""
import json
import os
import shutil
import signal

import pytest

import harness
from harness import wait_for

COUNTER = os.path.join(harness.BUILD, "test", "locks", "counter")
YAML = """
locks:
  counter: {}
  leased: {lease: 400ms}
services:
  count:
    command: ./counter counter 1
    uses: [lock:counter]
    deploy: {replicas: 3}
  late:
    command: ./counter leased 15
    uses: [lock:leased]
    deploy: {replicas: 2}
  stranger:
    command: ./counter leased 1
    uses: [late]
  forgetful:
    command: ./counter leased 1
    uses: [lock:counter]
"""
NONE = """
services:
  stranger:
    command: ./counter counter 1
"""
OWNER_DIED = 1


class Counting:
    """The state directory of one service."""

    def __init__(self, system, service):
        self.dir = os.path.join(system.dir, ".atoll", "state", service)

    def read(self, name):
        try:
            with open(os.path.join(self.dir, name), encoding="ascii") as f:
                return f.read()
        except OSError:
            return ""

    def journal(self):
        """[token, instance, flags, count] of each count, the last only when it is whole."""
        return [(int(token), who, int(flags), int(count)) for token, who, flags, count in
                (line.split() for line in self.read("journal").split("\n")[:-1])]

    def after(self, n, more=10):
        """The journal, once it has so many more than n lines."""
        return wait_for(f"{more} more counts", lambda: len(j := self.journal()) >= n + more and j, 8)

    def judge(self):
        journal = self.journal()
        tokens = [line[0] for line in journal]
        assert self.read("wrong") == ""
        assert all(a < b for a, b in zip(tokens, tokens[1:])), "a token did not rise"
        counts = [line[3] for line in journal]
        assert all(a < b for a, b in zip(counts, counts[1:])), "a count was made twice"


@pytest.fixture(name="counting")
def a_system_that_counts(system):
    made = system("locks", YAML)
    shutil.copy(COUNTER, os.path.join(made.dir, "counter"))
    made.up("-d")
    return made


def catch_owner(counting, state):
    """Stops the instance that holds the lock, in the middle of it. Its name and pid."""
    def stop():
        owner = state.read("owner")
        row = counting.ps().get(owner)
        if not row:
            return None
        os.kill(row["pid"], signal.SIGSTOP)
        if state.read("owner") == owner:
            return owner, row["pid"]
        os.kill(row["pid"], signal.SIGCONT)
        return None
    return wait_for("an owner between lock and unlock", stop)


@pytest.mark.root
def test_owners_die_and_stop_and_the_keeper_dies_and_the_count_is_right(counting):
    state, late = Counting(counting, "count"), Counting(counting, "late")

    journal = state.after(0, 30)
    assert {line[1] for line in journal} == {"count.1", "count.2", "count.3"}

    # An owner is killed between lock and unlock: the next one is told so, once.
    _, pid = catch_owner(counting, state)
    n = len(state.journal())
    os.kill(pid, signal.SIGKILL)
    journal = state.after(n)
    assert [line[2] for line in journal[n:n + 2]] == [OWNER_DIED, 0], journal[n - 1:n + 3]

    # An owner is stopped: with a lease the lock moves on, and what it still writes is refused.
    owner, pid = catch_owner(counting, late)
    n = len(late.journal())
    journal = late.after(n, 3)
    assert journal[n][2] == OWNER_DIED
    assert owner not in [line[1] for line in journal[n:]]
    shown = json.loads(counting.atoll("locks", "-o", "json", check=0).stdout)
    assert {row["lock"] for row in shown} <= {"counter", "leased"} and shown
    os.kill(pid, signal.SIGCONT)
    wait_for("the late write to be refused", lambda: late.read("fenced") == owner)

    # The keeper is killed: who holds keeps, who waits is asked again, tokens go on rising.
    keeper = counting.ps()["keeper.1"]
    n = len(state.journal())
    os.kill(keeper["pid"], signal.SIGKILL)
    state.after(n + 1)
    assert counting.ps()["keeper.1"]["restarts"] == 1

    # Who may not have a lock heard what to write where.
    said = counting.atoll("logs", "stranger", "forgetful", check=0).stdout
    assert ('no lock: PERMISSION_DENIED: "stranger" may not use any lock: add "lock:NAME" to `uses` of '
            'service stranger (atoll.yaml:16)') in said
    assert ('no lock: PERMISSION_DENIED: "forgetful" may not use the lock leased: add "lock:leased" to `uses` of '
            'service forgetful (atoll.yaml:19)') in said

    state.judge()
    late.judge()
    assert "not unlocked" not in counting.atoll("logs", "count", check=0).stdout


@pytest.mark.root
def test_without_locks_there_is_no_keeper_and_who_asks_hears_what_to_declare(system):
    made = system("locks", NONE)
    shutil.copy(COUNTER, os.path.join(made.dir, "counter"))
    made.up("-d")
    assert "keeper.1" not in made.ps()
    said = wait_for("a refusal", lambda: made.atoll("logs", "stranger", check=0).stdout)
    assert "no lock: PERMISSION_DENIED: \"" in said and "declares no locks: add `locks: {NAME: {}}`" in said
    asked = made.atoll("locks", check=4)
    assert "declares no locks" in asked.stderr
