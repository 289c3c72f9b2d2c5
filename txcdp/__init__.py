"""The Chrome DevTools Protocol for Twisted."""
