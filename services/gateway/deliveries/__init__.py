"""Ways out: what hands deliveries over, and the worker that gives them their turns."""
