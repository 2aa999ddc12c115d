"""What a person typed: read, checked, explained."""
