"""HTTP inside of a process of ours: the listener, and what refusals look like. For the gateway and for other doors."""
