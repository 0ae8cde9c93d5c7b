"""Selection of an ensemble by the records of its members."""

import pytest

from differland.errors import InputError
from differland.records import select_members, selection_line

REASON = "the loss turned non-finite in epoch 3 of draw 5"


def records(*losses: float | None) -> list[dict]:
    """Of members 01, 02, ...; one without loss has failed."""
    return [
        {
            "stage": "final",
            "setup": "PFT",
            "seed": f"{seed:02d}",
            "training_loss": loss,
            "failed": REASON if loss is None else None,
            "weights_digest": f"digest of {seed}",
            "made_of": {"training_data": "aa", "settings": "ss"},
        }
        for seed, loss in enumerate(losses, 1)
    ]


def test_a_failed_member_is_never_selected_and_is_told():
    selection = select_members(records(3.0, None, 2.0, 5.0), 2, 2)
    assert selection["selected"] == ["03", "01"]
    assert selection["rejected"] == ["04"]
    assert selection["failed"] == {"02": REASON}
    assert selection["training_loss"] == {"01": 3.0, "03": 2.0, "04": 5.0}
    assert selection["weights_digest"] == {"03": "digest of 3", "01": "digest of 1"}
    assert selection_line(selection) == (
        f"final PFT: 2 of 4 members selected (03, 01); member 02 failed: {REASON}"
    )


def test_fewer_are_selected_where_fewer_could_be_trained():
    assert select_members(records(3.0, None, 2.0), 3, 2)["selected"] == ["03", "01"]


def test_a_setup_with_too_few_members_has_failed():
    with pytest.raises(
        InputError,
        match=r"final/PFT: members: expected at least 3 .*minimum.*found 2 of 3; .* 02: ",
    ):
        select_members(records(3.0, None, 2.0), 3, 3)


@pytest.mark.parametrize("key", ["training_data", "settings"])
def test_members_trained_on_different_data_are_no_ensemble(key):
    mixed = records(3.0, 2.0, 1.0)
    mixed[2]["made_of"] = mixed[2]["made_of"] | {key: "bb"}
    with pytest.raises(InputError, match=rf"final/PFT/03: made_of\.{key}: .*member 01.*found bb"):
        select_members(mixed, 2)


def test_members_of_earlier_versions_are_selected_with_a_line_in_the_log(caplog):
    caplog.set_level("INFO")
    old = records(3.0, 2.0, 1.0)
    for key in ("failed", "weights_digest", "made_of"):
        del old[0][key]
    assert select_members(old, 2)["selected"] == ["03", "02"]
    assert "final/PFT/01: tells not what it was trained on" in caplog.text
    # The others must be of the same data all the same.
    old[2]["made_of"] = {"training_data": "bb"}
    with pytest.raises(InputError, match="member 02"):
        select_members(old, 2)
