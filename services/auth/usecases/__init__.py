"""What people and other services may ask of this one."""
