"""The image's own code: everything here runs in production, nothing here is edited by users."""
