"""Readers and writers of configuration files, kft's own and other programs'; nothing is launched here."""
