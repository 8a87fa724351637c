"""Train, evaluate, forecast, then measure: the forecaster with a vintage around it, and what it says kept on disk."""
