"""Charts and tables as they are shown and as they leave: with their formats, files and provenance."""
