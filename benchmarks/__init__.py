"""Benchmarks: each prints ours, the peer or the raw limit, and the ratio, in one run."""

import os

from app.child import ONE_THREAD

os.environ.update(ONE_THREAD)  # before numpy comes: solvers are measured as the product runs them
