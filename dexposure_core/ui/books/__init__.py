"""The Data page: books, health, mapping of tokens and revisions of the vintage shown."""
