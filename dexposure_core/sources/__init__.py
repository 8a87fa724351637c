"""The outside world made tidy: every reader checks at the border and yields frames date by date, in bounded memory."""
