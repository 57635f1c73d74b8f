"""Benchmarks: one question per file, this package and its peers measured in one run."""
