"""What is wrong with a data set, and mending it."""
