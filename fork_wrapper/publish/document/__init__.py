"""The authors' document, written anew from records: every value with its origin, every gap with its remedy."""
