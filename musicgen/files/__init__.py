"""Atomic and checksummed files, hashes, locks, memory maps, worker pools, progress bars."""
