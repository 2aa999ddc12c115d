"""Tables as values, and how numbers and tables are written."""
