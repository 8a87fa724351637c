"""Several vintages of one store: which revises which, by how much, and why."""
