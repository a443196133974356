"""Pictures by class: birds with the truth known, any folder, digits.

Import from the modules; `birds` needs neither torch nor a file.
"""
