"""Container images without a container daemon, on a Debian machine: layers from folders, one archive for all of them."""
