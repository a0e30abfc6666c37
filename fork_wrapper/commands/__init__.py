"""One module per verb: it declares the options, makes the call and prints the result."""
