"""The dashboard's process: its start, who may enter, whose turn it is, its log, and what it does between page runs."""
