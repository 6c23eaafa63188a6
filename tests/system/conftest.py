import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from house import BIN, SLOW, House  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "limit(seconds): how long this test may take (default 60)")


def pytest_collection_modifyitems(items):
    if not os.access(BIN, os.X_OK):
        pytest.exit(f"no program at {BIN}: build first or set KONTOR_BIN", 2)
    several = "PYTEST_XDIST_WORKER" in os.environ   # then what takes longest comes first
    items.sort(key=lambda i: ("test_kill" in str(i.fspath)) != several)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    mark = item.get_closest_marker("limit")
    seconds = int((mark.args[0] if mark else 60) * SLOW)

    def late(*_):
        raise TimeoutError(f"not done after {seconds} s")
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failed test shows the end of its house's log."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, House):
                report.sections.append(("kontor log", value.log()[-3000:]))


@pytest.fixture(scope="session")
def house():
    """One house for all tests that only add to it."""
    h = House(zone=ZONE)
    try:
        h.start()
        yield h
    finally:
        h.destroy()


@pytest.fixture
def new_house():
    """new_house(settings=[...], seal=..., zone=..., start=True): houses of a test's own."""
    made = []

    def make(start=True, **kw):
        h = House(**kw)
        made.append(h)
        return h.start() if start else h
    yield make
    errors = []
    for h in made:
        try:
            h.destroy()
        except AssertionError as e:
            errors.append(e)
    if errors:
        raise errors[0]


ZONE = """MX example.net 10 mx.example.net
A mx.example.net 127.0.0.1
MX two.example 10 down.two.example
MX two.example 20 mx.example.net
A down.two.example 127.0.0.77
NULLMX nomail.example
FAIL broken.example
MX slow.example 10 mx.slow.example
A mx.slow.example 127.0.0.2
"""
