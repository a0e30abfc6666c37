"""What lies in a training set: find it, fingerprint it, draw a small one. Knows no trainer's options."""
