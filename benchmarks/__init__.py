"""Measures the server against a naive peer and against the disk it runs on: `python -m benchmarks`."""
