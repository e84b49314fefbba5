"""The parts of the benchmark scripts; Python's standard library only."""
