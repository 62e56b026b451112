"""What a fact is, what each figure means, how numbers are summed up: pure."""
