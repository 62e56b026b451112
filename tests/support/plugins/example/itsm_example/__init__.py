"""An example of each kind of plugin; docs/plugins shows its modules."""
