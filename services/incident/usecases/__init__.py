"""What may be done with incidents, one class per noun; each public method is one transaction or one query."""
