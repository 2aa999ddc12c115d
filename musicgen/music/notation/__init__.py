"""Scores: quantised voices, MusicXML, engraving, and reading scores."""
