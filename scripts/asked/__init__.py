"""The parts of questions.py: each asks a run one question and measures the answer."""
