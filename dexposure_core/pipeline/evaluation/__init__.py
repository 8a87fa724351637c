"""The evaluation of a vintage, part by part: scores, leak test, event studies, seeds, null world, and its report."""
