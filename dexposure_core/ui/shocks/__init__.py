"""The Contagion page's choices: one shock in a sentence, a mix of several, or many at once."""
