"""How a performance departs from the grid: loudness, timing, release and pedal of each note."""
