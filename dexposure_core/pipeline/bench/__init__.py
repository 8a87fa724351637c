"""Speed and memory, measured on this machine: the data side, stress tests, the dashboard under load."""
