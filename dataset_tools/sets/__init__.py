"""Sets of pictures: parts of a folder, contact sheets, the drawn sample set."""
