"""The evaluation: what happened, what each forecast said of it, and how forecasters stand to each other."""
