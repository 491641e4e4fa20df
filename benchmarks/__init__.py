"""Benchmarks: each prints ours, the peer or the raw limit, and the ratio, in one run."""
