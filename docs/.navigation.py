"""Lists the pages of the documentation by directory, so that a new page needs no second entry elsewhere."""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig

PARTS = {"tutorial": "Tutorial", "how-to": "How-to", "reference": "Reference", "explanation": "Explanation"}
"""The directories, in the order in which a newcomer needs them."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Set the navigation: the start page, then each part with its pages in order of their file names."""
    docs = Path(config.docs_dir)
    config.nav = [page.name for page in docs.glob("index.md")]
    for directory, title in PARTS.items():
        pages = sorted(page.relative_to(docs).as_posix() for page in (docs / directory).rglob("*.md"))
        if pages:
            config.nav.append({title: pages})
    return config
