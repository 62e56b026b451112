"""What callers may do with what the gateway itself keeps."""
