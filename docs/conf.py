"""How the documentation is built: ``python -m sphinx -W -b html docs docs/_build``, without a network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.nodes import make_refnode

import xai_widgets

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "xai-widgets"
author = "the authors of xai-widgets"
release = version = xai_widgets.__version__
language = "en"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_nb",
    # Ours, in _ext.
    "command_line",
    "lessons",
    "live_pages",
    "mathml",
    "offline",
    "public_names",
]
exclude_patterns = ["_build", "jupyter_execute", "**.ipynb_checkpoints"]

# --- lessons -------------------------------------------------------------------------------------------------------

# docs/execute_lessons.py executes them; here they are only read, with the outputs that it stored.
nb_execution_mode = "off"
# Nothing is loaded from outside: no scripts for widgets, which are shown as notes.
nb_ipywidgets_js: dict[str, Any] = {}
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3

# --- reference -----------------------------------------------------------------------------------------------------

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
# Without this, a default such as a Path or a Recipe would be shown as it happens to be on the machine that builds.
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 90
python_use_unqualified_type_names = True
add_module_names = False
napoleon_google_docstring = False
napoleon_use_rtype = False
# The signature of a dataclass says it already.
napoleon_attr_annotations = False
default_role = "py:obj"
nitpicky = True
nitpick_ignore_regex = [
    # Of other libraries: where their documentation is would have to be looked up in the network.
    (
        "py:.*",
        r"(abc|t|traitlets|collections|contextlib|pathlib|os|PIL|torch|numpy|matplotlib|ipywidgets|anywidget)\..*",
    ),
    ("py:.*", r"Tensor|Dataset|Path"),
    # Type variables, and protocols inside the package, which those who use it never meet.
    (
        "py:class",
        r"(.*\.)?[TP]|.*\.(MaskProblem|SearchRecorder|Question|Optimiser|Mapped|Classifier|Decoded|Tile)|(Any)?Target|Level",
    ),
    # In backticks: parameters, constants, and modules with what is in them. Classes have to be in the reference.
    ("py:obj", r"[a-z_]+|[A-Z_]+|(?!xai_widgets\.\w+$)[a-z_.]+\.[A-Za-z_]+"),
]


def by_last_name(app: Sphinx, env: Any, node: Any, shown: Any) -> Any:
    """What `Study` means in any docstring: the one documented object of that name, on this page or on all."""
    if node.get("refdomain") != "py":
        return None
    wanted, objects = node["reftarget"], env.domains.python_domain.objects
    named = {entry.node_id: entry for name, entry in objects.items() if name.endswith(f".{wanted}")}
    beside = {key: entry for key, entry in named.items() if entry.docname == node["refdoc"]}
    # A bare name in small letters is a parameter, or something on the same page.
    found = list((beside if wanted.islower() else beside or named).values())
    if len(found) != 1:
        return None
    return make_refnode(app.builder, node["refdoc"], found[0].docname, found[0].node_id, shown)


def without_factories(*args: Any) -> tuple[str, str | None] | None:
    """A dataclass's signature, in which a default that is made anew each time stands as ``...``, which is Python."""
    *_, signature, returned = args
    return (signature.replace("<factory>", "..."), returned) if signature else None


def setup(app: Sphinx) -> None:
    """Connect what is ours."""
    app.connect("autodoc-process-signature", without_factories)
    app.connect("missing-reference", by_last_name)


# --- pages ---------------------------------------------------------------------------------------------------------

# MathML, which browsers draw by themselves; the usual MathJax would be loaded from outside.
html_math_renderer = "mathml"
myst_update_mathjax = False
html_theme = "furo"
html_title = "xai-widgets"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
