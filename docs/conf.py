"""The documentation: Sphinx, furo, MyST."""

from __future__ import annotations

import ast
import inspect
import pkgutil
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any

import httpconn
import httpconn.api
import httpconn.testing
import httpconn.transport

project = "httpconn"
author = "The httpconn authors"
copyright = "2026, The httpconn authors"
version = release = httpconn.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# Parts of pages that include them.
exclude_patterns = ["_build", "benchmarks", "explanation/pictures"]

# The copy button copies the command without its prompt and output.
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
copybutton_line_continuation_character = "\\"

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_ivar = True

maximum_signature_line_length = 100

nitpicky = True
# Names of other projects, since a build must not download their inventories.
nitpick_ignore_regex = [
    (
        r"py:.*",
        r"(anyio|asyncio|collections|contextlib|httpcore|httpx|httpx2|ipaddress|os|pathlib|ssl|threading|typing|types)\..*",
    ),
    # Internal types in public signatures.
    (r"py:class", r"httpconn\.(network\.routes\.Routing|core\.auth\.AuthFlow|api\.asyncfile\.AsyncOpening)"),
    (r"py:class", r"httpconn\.datasets\.sources\.ArrowTable"),
    (r"py:class", r"httpconn\.adapters\.transports\.(RequestT|ResponseT)"),
    (r"py:.*", r"(Any|Callable|Coroutine|Iterator|AsyncIterator|Mapping|Path|Self|Sequence|PathLike|WriteableBuffer)"),
]

html_theme = "furo"
html_title = f"httpconn {release}"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_show_sphinx = False
html_copy_source = False


FILES = (httpconn.RemoteFile, httpconn.AsyncRemoteFile)
CREATED_ONLY_BY_HTTPCONN = (Exception, httpconn.Response, *FILES, httpconn.Results, httpconn.AsyncResults)
PACKAGES = (httpconn.testing, httpconn.transport, httpconn)


def public_name(app: Any, env: Any, node: Any, content: Any) -> Any:
    """Resolve a reference to an internal module to the public name of the object."""
    module, _, name = node.get("reftarget", "").rpartition(".")
    if node.get("refdomain") != "py":
        return None
    for package in PACKAGES:
        if name in package.__all__ and module.startswith(f"{package.__name__}."):
            target = f"{package.__name__}.{name}"
            return env.domains["py"].resolve_xref(
                env, node["refdoc"], app.builder, node["reftype"], target, node, content
            )
    return None


def signature(
    _app: Any, _what: str, _name: str, documented: Any, _options: Any, found: str | None, *_: Any
) -> tuple[str, None] | None:
    """Hide the constructor of classes that only httpconn creates."""
    is_internal = isinstance(documented, type) and issubclass(documented, CREATED_ONLY_BY_HTTPCONN)
    return ("", None) if is_internal and found is not None else None


def qualified_bases(_app: Any, _name: str, _class: type, _options: Any, bases: list[Any]) -> None:
    """Show base classes with their module: httpx has several with the same name."""
    for place, base in enumerate(bases):
        module = "httpconn" if base.__name__ in httpconn.__all__ and "httpconn" in base.__module__ else base.__module__
        bases[place] = f":py:class:`{base.__name__ if module == 'builtins' else f'{module}.{base.__name__}'}`"


def import_types(module: ModuleType) -> None:
    """Import the types of a module's annotations, which the program itself imports when a method needs them."""
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for statement in node.body:
                with suppress(ModuleNotFoundError):  # _typeshed exists for type checkers only
                    exec(compile(ast.Module([statement], []), module.__name__, "exec"), vars(module))


def setup(app: Any) -> None:
    """Register the functions of this file with Sphinx."""
    for module in ("connection", *(f"api.{each.name}" for each in pkgutil.iter_modules(httpconn.api.__path__))):
        import_types(import_module(f"httpconn.{module}"))
    app.connect("missing-reference", public_name)
    app.connect("autodoc-process-signature", signature)
    app.connect("autodoc-process-bases", qualified_bases)
