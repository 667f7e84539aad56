"""What may be asked for."""

from __future__ import annotations

import pytest

from elastictok_cli.codec.target import Target
from elastictok_cli.errors import UsageError


@pytest.mark.parametrize(
    ("make", "value", "hint"),
    [
        (Target.threshold, 27.6, "did you mean `psnr` 27.6"),
        (Target.threshold, 0.0, "above 0"),
        (Target.threshold, -1.0, "above 0"),
        (Target.threshold, float("nan"), "above 0"),
        (Target.threshold, 1.5, "at most 1"),
        (Target.psnr, 0.007, "did you mean `threshold` 0.007"),
        (Target.psnr, 200.0, "between"),
        (Target.psnr, float("inf"), "between"),
        (Target.fixed, -1, "fewer than 0"),
    ],
)
def test_a_target_that_cannot_be_meant_gets_a_hint(make, value: float, hint: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=hint):
        make(value)


def test_psnr_and_threshold_are_one_thing() -> None:
    assert Target.psnr(27.57).limit == pytest.approx(0.007, rel=1e-3)
    assert Target.fixed(64).tokens == 64
    assert Target.threshold().tokens is None
