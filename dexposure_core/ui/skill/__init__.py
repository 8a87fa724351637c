"""The Skill page: what an evaluation says in words, and the panels that show it."""
