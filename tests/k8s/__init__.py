"""The charts on a real cluster: `python -m tests.k8s`, also as `make e2e-k8s`. Not collected by pytest."""
