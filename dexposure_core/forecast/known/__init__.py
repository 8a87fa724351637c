"""What is known at an origin: a window of snapshots, the pairs it offers and what the model is told of them."""
