"""How the documentation is built: sphinx-build -W --keep-going -b html docs build/docs."""

import ppsim

project = "ppsim"
copyright = "2026, the ppsim developers"
author = "the ppsim developers"
release = version = ppsim.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}

# Pages are Markdown that reads well without a build: of what MyST adds they use the table of contents alone.
myst_heading_anchors = 4

# Docstrings are prose that puts names between single backticks.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
add_module_names = False
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True
python_display_short_literal_types = True

html_theme = "furo"
html_title = f"ppsim {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
