"""What is written of the configuration is what its settings say."""

from pathlib import Path

import yaml

from differland.settings.reference import reference_page, with_comments, with_terms

ROOT = Path(__file__).resolve().parents[1]
DEFAULTS = (ROOT / "config/config.yaml").read_text(encoding="utf-8")


def test_comments_of_the_defaults_are_the_descriptions_of_the_keys() -> None:
    """Else: ``python -m differland.settings.reference``."""
    assert with_comments(DEFAULTS) == DEFAULTS


def test_comments_are_put_behind_values_and_leave_them_as_they_are() -> None:
    bare = "training:\n  epochs: 5  # wrong\n                               # and more\n"
    assert with_comments(bare) == (
        "training:\n  epochs: 5                    # passes over all training patches\n"
    )


def test_the_reference_page_is_that_of_the_settings() -> None:
    """Else: ``python -m differland.settings.reference``."""
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    assert page == reference_page(yaml.safe_load(DEFAULTS))
    for line in (
        "| `learning_rate` | a number above 0, at most 1 | `0.0005` | learning rate of Adam; ",
        "| `trendy.models.<name>.first_year` | a whole number from 1000 to 2200 or null |  | cal",
        "| `sites` | `all`, or a whole number from 0 to 1,000,000, or list of: text | `all` | ",
    ):
        assert f"\n{line}" in page


def test_the_table_of_terms_is_that_of_the_loss() -> None:
    """Else: ``python -m differland.settings.reference``."""
    page = (ROOT / "docs/training.md").read_text(encoding="utf-8")
    assert page == with_terms(page, yaml.safe_load(DEFAULTS))
    for line in (
        "| `soc` | `soc` | `soil_organic_carbon` | cell | all months | 3e-6 |",
        "| `nbe_annual` | `nbe` | `nbe` | patch | year | 10380 |",
        "| `equilibrium` | six carbon pools |  | cell | all months | 10 |",
    ):
        assert f"\n{line}\n" in page
