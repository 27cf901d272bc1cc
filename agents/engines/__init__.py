"""Engines that need torch; importing this package does not import it."""
