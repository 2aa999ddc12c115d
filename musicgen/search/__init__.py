"""Search over settings: studies that resume, trials that are ordinary runs."""
