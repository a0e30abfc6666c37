"""What people read and pass on: document, report, promotion."""
