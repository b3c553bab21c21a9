"""A plugin for pytest that writes one line for each test: its name, its outcome, and why it failed.

The file named by CONFORMANCE_RESULTS gets `name<TAB>passed|failed|skipped<TAB>reason`. A test whose
preparation or clean-up fails has failed.

Tests list the buckets of their account, so every worker has accounts of its own: worker N takes the Nth of
the files in CONFORMANCE_SETTINGS.
"""

import os

if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    settings = os.environ["CONFORMANCE_SETTINGS"].split(":")
    os.environ["S3TEST_CONF"] = settings[int(worker.removeprefix("gw"))]

outcomes = {}


def pytest_runtest_logreport(report):
    name = report.nodeid.rsplit("::", 1)[-1]
    known = outcomes.get(name)
    if known and known[0] == "failed":
        return
    if report.outcome == "failed":
        outcomes[name] = ("failed", f"{report.when}: {reason(report)}")
    elif report.outcome == "skipped" or known is None or report.when == "call":
        outcomes[name] = (report.outcome, "")


def pytest_sessionfinish(session):
    if hasattr(session.config, "workerinput"):
        return  # a worker's reports reach the one that started it
    with open(os.environ["CONFORMANCE_RESULTS"], "w", encoding="utf-8") as results:
        for name, (outcome, why) in sorted(outcomes.items()):
            results.write(f"{name}\t{outcome}\t{why}\n")


def reason(report):
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr)
    return " ".join(text.split())[:300]
