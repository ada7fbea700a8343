"""The parts of `live_matrix.py`."""
