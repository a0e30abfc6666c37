"""Other people's configuration files, and kft's own, read into one value and written back: nothing is launched here."""
