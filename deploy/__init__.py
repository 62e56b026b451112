"""What carries the platform to other machines: images, and the programs inside of those of the backing services."""
