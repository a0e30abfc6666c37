"""The report: one page, or pictures, of what runs were made with and what came of them."""
