"""The way in: `make demo` may be typed twice, and the set-up says nothing when nothing is missing."""
import os
import re
import shutil
import subprocess

import pytest

import harness


@pytest.fixture(name="tree")
def a_copy_of_what_make_demo_needs():
    """The real Makefile, tools and shop on ports of their own, over the build that is tested."""
    if harness.SANITIZED:
        pytest.skip("shows what a user gets, which is not a sanitizer build")
    shop = harness.Shop("makedemo")
    root = os.path.join(shop.dir, "tree")
    os.makedirs(os.path.join(root, "examples"))
    shutil.copy(os.path.join(harness.ROOT, "Makefile"), root)
    shutil.copytree(os.path.join(harness.ROOT, "tools"), os.path.join(root, "tools"))
    shutil.copytree(harness.SHOP, os.path.join(root, "examples", "shop"),
                    ignore=shutil.ignore_patterns(".atoll"))
    shop.dir = os.path.join(root, "examples", "shop")  # where the system then lives
    shop.root = root
    yield shop
    left = shop.close()
    assert not left, left


def make_demo(shop):
    env = {k: v for k, v in shop.env.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
    done = subprocess.run(["make", "demo", f"BUILD={harness.BUILD}"], cwd=shop.root, env=env,
                          capture_output=True, text=True, timeout=300, check=False)
    shop.look()
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_make_demo_twice_finds_the_shop_up_and_changes_no_process(tree):
    first = make_demo(tree)
    pids = {name: row["pid"] for name, row in tree.ps().items()}
    assert '"quantity":2' in first and "is up already" not in first
    assert f"serves on 127.0.0.1:{tree.door}" in first
    second = make_demo(tree)
    assert "The shop is up already." in second and '"quantity":4' in second, second
    assert {name: row["pid"] for name, row in tree.ps().items()} == pids
    for said in (first, second):
        assert len(re.findall(r"^cart +cart\.[12] +ready ", said, re.M)) == 2, said
    assert tree.http("GET", "/cart").json["items"][0]["quantity"] == 4


def test_the_set_up_says_nothing_when_nothing_is_missing():
    """The build that runs this test needed all of it."""
    done = subprocess.run([os.path.join(harness.ROOT, "tools", "setup"), "build"],
                          capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_set_up_names_what_it_does_not_know():
    done = subprocess.run([os.path.join(harness.ROOT, "tools", "setup"), "everything"],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "build|test|bench|interop" in done.stderr
