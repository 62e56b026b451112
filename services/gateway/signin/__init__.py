"""Who is calling: sessions of browsers, tokens, and what ends them."""
