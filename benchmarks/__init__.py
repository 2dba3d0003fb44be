"""Benchmarks: each measures polyroute beside its peers in one run; `python -m benchmarks` runs all."""
