"""Fixtures of the stories and of the fault tests: a running shop, for one test or for a whole file."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import harness  # noqa: E402  pylint: disable=wrong-import-position


def pytest_configure(config):
    config.addinivalue_line("markers", "timed: measures time; left out under sanitizers")
    config.addinivalue_line("markers", "root: needs root")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("root") and os.getuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root"))


def running_shop(kind):
    shop = harness.Shop(kind)
    try:
        shop.up()
        yield shop
    finally:
        left = shop.close()
    assert not left, f"the shop left behind: {left}"


@pytest.fixture(name="shop", scope="module")
def one_shop_for_the_file():
    """A running shop that the tests of a file share: each uses users and items of its own."""
    yield from running_shop("shop")


@pytest.fixture(name="own_shop")
def a_shop_for_one_test():
    """A running shop that the test may break."""
    yield from running_shop("own")


@pytest.fixture(name="system")
def systems_for_one_test():
    """Makes systems, which are ended and looked after: system("kind", yaml, files)."""
    made = []

    def make(kind, yaml=None, files=None, **more):
        made.append(harness.System(kind, yaml, files, **more))
        return made[-1]

    yield make
    left = [what for s in made for what in s.close()]
    assert not left, f"left behind: {left}"
