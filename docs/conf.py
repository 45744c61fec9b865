"""How the site is built: `python -m sphinx -W -c docs . build/site`.

The source is the whole repository, so that README, pages, tutorials and benchmarks stand where they stand, their links
lead to the same places on GitHub and on the site, and nothing is copied. Nothing is fitted and no notebook is run:
tests do that.
"""

import re
import sys
from html import escape
from pathlib import Path

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

sys.path.insert(0, str(Path(__file__).parent.parent))

import pyrocausal

project = "pyrocausal"
author = "the authors of pyrocausal"
copyright = "the authors of pyrocausal, Apache 2.0"  # Sphinx asks for it by this name
release = version = pyrocausal.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon", "myst_nb"]
root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "tutorials/*.ipynb",
    "benchmarks/*.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
]
html_additional_pages = {"index": "to_the_landing_page.html"}  # the site's root is the repository's

myst_enable_extensions = ["dollarmath", "html_image"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # notebooks carry their outputs, and pytest runs them

default_role = "py:obj"  # `name` in a docstring is a link where there is such an object, and code where not
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
autosummary_generate = False  # pages of docs/api name every object themselves
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True  # attributes are said once, in the class
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"

html_math_renderer = "mathml"  # which browsers draw by themselves: pages need no network
html_theme = "furo"
html_title = "pyrocausal"
html_static_path = ["_static"]
html_css_files = ["site.css"]
templates_path = ["_templates"]
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
linkcheck_timeout = 20


def _mathml(node, block=False):
    text = re.sub(r"\\[bB]ig(?![a-zA-Z])", "", " ".join(node.astext().split()))  # docutils does not know these,
    text = re.sub(r"\\dots(?![a-zA-Z])", r"\\ldots", text)  # but what says nearly the same
    try:
        return tex2mathml(text, as_block=block)
    except MathError as error:
        logging.getLogger(__name__).warning("formula: %s", error, location=node)
        return f"<code>{escape(text)}</code>"


def _inline(translator, node):
    translator.body.append(_mathml(node))
    raise nodes.SkipNode


def _block(translator, node):
    translator.body.append(f'<div class="math">{_mathml(node, block=True)}</div>')
    raise nodes.SkipNode


def setup(app):
    """Formulas as MathML."""
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
