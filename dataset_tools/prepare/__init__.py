"""Images prepared for training: resized into buckets, converted, with their captions and a manifest."""
