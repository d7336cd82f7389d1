"""Fixtures of the tests with servers and hosts that others wrote; see real_support.py."""

import contextlib

import pytest

import real_support as support


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(support.HERE):
            item.add_marker(pytest.mark.timeout(3 * support.DEADLINE))


@pytest.fixture(scope="session")
def open_server():
    """Starts servers, each kind once; all end with the session."""
    with contextlib.ExitStack() as stack:
        running = {}

        def start(name, make):
            if name not in running:
                running[name] = stack.enter_context(make())
            return running[name]

        yield start
