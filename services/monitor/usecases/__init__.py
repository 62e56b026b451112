"""What may be done with alerts and all that leads to them, one class per noun."""
