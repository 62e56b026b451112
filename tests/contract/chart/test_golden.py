"""What the chart renders is what was reviewed, and the list of images is that of all presets."""

import pytest

from tests.contract.chart.golden import FOLDER, IMAGES, KEPT, difference, golden, images

AGAIN = "`.venv/bin/python -m tests.contract.chart.golden` writes it anew; look at the difference before you commit it"


@pytest.mark.parametrize("name", KEPT)
def test_a_preset_renders_what_is_kept(name: str) -> None:
    kept, rendered = (FOLDER / f"{name}.yaml").read_text(), golden(name)
    assert difference(kept, rendered) == [], AGAIN
    assert kept == rendered, AGAIN


def test_the_list_of_images_is_that_of_all_presets() -> None:
    assert IMAGES.read_text() == images(), AGAIN


def test_a_difference_is_named_by_its_object() -> None:
    kept = golden("default")
    changed = kept.replace("minReadySeconds: 5", "minReadySeconds: 6", 1)
    assert changed != kept
    assert len(difference(kept, changed)) == 1


def test_no_digest_of_a_job_is_kept() -> None:
    assert "-<digest>" in golden("default")
