"""Settings: each declared once, loaded from files and options."""
