"""How sure a forecast is: past misses, futures drawn from them, and intervals of every measure."""
