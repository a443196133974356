"""What is shown in a notebook: the views every widget shares, and the widgets themselves.

Nothing is computed here. What a widget shows comes out of an explanation, and long work is handed to a
background task, so that the notebook stays usable.
"""
