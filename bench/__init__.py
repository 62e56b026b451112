"""What the platform costs and how fast it is, measured on a running stack: `python -m bench`."""
