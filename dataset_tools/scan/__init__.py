"""What lies in an image folder: pictures, captions, sizes, hashes; and what is remembered of files."""
