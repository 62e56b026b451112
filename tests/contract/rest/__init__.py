"""What REST promises from release to release."""
