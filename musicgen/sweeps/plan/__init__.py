"""The plan of a sweep: its jobs, sizes and times."""
