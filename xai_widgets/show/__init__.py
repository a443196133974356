"""Pictures as people see them: pixels, figures and galleries; shared by explanations and widgets."""
