"""Commands of ``xai-widgets``, each in a module of its own whose `add` adds it to the parser."""
