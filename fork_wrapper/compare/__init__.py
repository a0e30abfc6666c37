"""What differs between two configurations, and between the runs made with them."""
