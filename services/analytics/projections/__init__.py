"""One file a question, each a pure fold: facts → documents. The same fold serves live events and a rebuild."""
