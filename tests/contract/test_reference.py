"""The generated pages say what the code says."""

import pytest

from docs.generate import PAGES, ROOT


@pytest.mark.parametrize("path", PAGES)
def test_a_generated_page_is_what_the_code_says(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == PAGES[path](), "run: make docs"
