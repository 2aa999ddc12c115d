"""How codes are drawn one by one: what a prior reads, and which code is chosen."""
