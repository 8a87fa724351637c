"""Training in strict time order: examples, tables that are counted, passes, and how far to trust what came out."""
