"""The system by chain: sizes, ties, and a vintage seen through some of its chains only."""
