"""The parts of `real_clients.py`."""
