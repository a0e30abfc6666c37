"""One module per verb: options, call, print."""
