"""The embedded dataset: scikit-learn's 1,797 handwritten digits of 8x8 pixels, no download."""

from __future__ import annotations

from tftrain.data.examples import Info, RawDataset, checked

TEST_SHARE = 0.2


def read() -> RawDataset:
    """Reads the digits; a fixed, stratified fifth of them is the test set.

    Reference: Alpaydin and Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine
    Learning Repository, 1998.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    train, test, train_y, test_y = train_test_split(
        digits.images, digits.target, test_size=TEST_SHARE, stratify=digits.target, random_state=0
    )
    info = Info(
        name="digits",
        classes=10,
        labels=tuple(str(digit) for digit in range(10)),
        shape=(8, 8, 1),
        scale=16.0,
        source="scikit-learn's load_digits",
        licence="CC BY 4.0 (UCI Machine Learning Repository)",
    )
    return RawDataset(
        checked(train, train_y, 10, "digits, train"),
        checked(test, test_y, 10, "digits, test"),
        info,
    )
