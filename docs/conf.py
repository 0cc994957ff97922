"""Sphinx configuration: MyST pages, furo, every warning an error (`make docs`)."""

from __future__ import annotations

import logging

import sessiond

project = "sessiond"
author = "The sessiond authors"
copyright = author  # noqa: A001 - Sphinx reads this name
version = release = sessiond.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx_copybutton",
    "sphinxcontrib_trio",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "changes/*"]
nitpicky = True
nitpick_ignore_regex = [
    # Types of the standard library and of our dependencies: the machines that build these docs
    # need no network, so there are no inventories to link them to.
    (r"py:.*", r"(?!sessiond\.).*"),
]

myst_enable_extensions = ["attrs_block", "colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
doctest_global_setup = "import trio"

html_theme = "furo"
html_title = "sessiond"
html_static_path = ["_static"]
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# A page appears in its toctree once it is written; until then its glob may match nothing.
# (Sphinx gives this warning no type, so that suppress_warnings cannot name it.)
logging.getLogger("sphinx.sphinx.directives.other").addFilter(
    lambda record: getattr(record, "subtype", None) != "empty_glob"
)
