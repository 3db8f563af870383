"""The shop as an ordinary user: it serves, and it is said which walls are missing."""
import os
import re
import shutil

import pytest

import harness

USER = (61234, 61234)


@pytest.fixture(name="theirs", scope="module")
def a_shop_of_an_ordinary_user():
    if harness.SANITIZED:
        pytest.skip("without cgroups memory is held by RLIMIT_AS, and a sanitizer's shadow needs TiB")
    if os.getuid() != 0:
        user, home = None, None
    else:
        user, home = USER, os.path.join(harness.SCRATCH, "home")
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(harness.LIBEXEC, os.path.join(home, "bin"))
    shop = harness.Shop("user", user=user)
    was = harness.ATOLL
    if user is not None:
        # The build folder may lie where only root may look.
        harness.ATOLL = os.path.join(home, "bin", "atoll")
        shop.env.update(HOME=home, ATOLL_LIBEXEC=os.path.join(home, "bin"))
        shop.env.pop("XDG_RUNTIME_DIR", None)
    try:
        shop.told_by_up = shop.up().stderr
        yield shop
        left = shop.close()
    finally:
        harness.ATOLL = was
    assert not left, f"left behind: {left}"
    if user is not None:
        assert not os.path.exists(f"/tmp/atoll-{user[0]}/atoll/{shop.name}")


def test_it_serves_as_it_does_for_root(theirs):
    assert theirs.http("POST", "/cart", {"itemId": 1, "quantity": 2}).json == {
        "success": True, "cartItems": [{"itemId": 1, "quantity": 2, "price": 995}]}
    assert theirs.http("POST", "/orders").status == 200


def test_every_service_runs_under_the_user(theirs):
    uid = USER[0] if os.getuid() == 0 else os.getuid()
    for name, row in theirs.instances().items():
        assert os.stat(f"/proc/{row['pid']}").st_uid == uid, name


def test_each_wall_that_is_missing_is_said_by_up_ps_and_doctor(theirs):
    said = [line.partition("wall missing: ")[2] for line in theirs.told_by_up.splitlines()
            if line.startswith("wall missing: ")]
    rows = theirs.ps()
    doctor = theirs.atoll("doctor", check=0).stdout
    for wall in ("All services run under your own user: no wall of user ids stands between them",
                 "CPU limits are not enforced", "Memory limits hold per process only",
                 "Process limits count all instances of a service together"):
        assert [line for line in said if line.startswith(wall)], (wall, theirs.told_by_up)
        for name, row in rows.items():
            assert [text for text in row["walls_missing"] if text.startswith(wall)], (wall, name)
    assert len(said) == len(set(said)), "a wall is said twice"
    for check, what in (("user ids", "all services run under your uid"), ("cgroups", "none"),
                        ("memory limit", "Memory limits hold per process only (RLIMIT_DATA)"),
                        ("cpu limit", "CPU limits are not enforced"),
                        ("pids limit", "Process limits count all instances of a service together (RLIMIT_NPROC)")):
        assert re.search(rf"^{check} +missing +{re.escape(what)}", doctor, re.M), (check, doctor)


def test_what_still_stands_is_the_empty_network(theirs):
    for name, row in theirs.ps().items():
        with open(f"/proc/{row['pid']}/net/dev", encoding="ascii") as f:
            assert [line.split(":")[0].strip() for line in f.readlines()[2:]] == ["lo"], name
