"""Draw a character: a stylised person with a big head, hands and boots, standing on a plain floor.

Which traits exist and what they are called is `characters`' matter. Importing this package imports Pillow.
"""
