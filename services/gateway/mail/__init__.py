"""Mail: addresses, messages as they go out, messages as they come in, and the listener that takes them."""
