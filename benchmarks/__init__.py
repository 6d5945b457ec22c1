"""What README.md and docs/ quote, measured again by `python -m benchmarks` (or `make bench`)."""
