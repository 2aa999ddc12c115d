"""Piano models for musicgen-lab: folders of weights, found by their names and never imported."""
