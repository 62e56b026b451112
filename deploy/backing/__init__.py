"""What runs inside the images of the backing services: their first steps, their start, the Jobs that prepare them."""
