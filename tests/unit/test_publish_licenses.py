"""Whether licences allow to publish documents in a dataset under its own."""

import pytest

from longhop.publish.licenses import objection


@pytest.mark.parametrize(
    ("licence", "dataset"),
    [
        ("CC0-1.0", "cc-by-4.0"),
        ("public-domain", "mit"),
        ("MIT", "cc-by-4.0"),
        ("MIT License", "cc-by-4.0"),
        ("Apache License 2.0", "cc-by-4.0"),
        ("MIT OR GPL-3.0-only", "cc-by-4.0"),
        ("mit/apache-2.0", "cc-by-4.0"),
        ("CC BY 4.0", "cc-by-4.0"),
        ("https://creativecommons.org/licenses/by/4.0/", "cc-by-4.0"),
        ("CC-BY-SA-4.0", "cc-by-sa-4.0"),
        ("CC-BY-SA-4.0", "other"),
        ("GPL-3.0-or-later", "gpl-3.0"),
        ("CC-BY-NC-4.0", "cc-by-nc-4.0"),
        ("CC-BY-NC-SA-4.0", "cc-by-nc-sa-4.0"),
        ("CC-BY-NC-4.0", "other"),
    ],
)
def test_what_may_be_passed_on_so_meets_no_objection(licence: str, dataset: str) -> None:
    """Free licences everywhere; others where the dataset keeps their conditions, or leaves each text its own."""
    assert objection(licence, dataset) is None


@pytest.mark.parametrize(
    ("licence", "dataset", "said"),
    [
        (None, "other", "no licence given"),
        ("  ", "other", "no licence given"),
        ("unknown", "other", "does not know"),
        ("LicenseRef-Own", "other", "does not know"),
        ("https://example.org/terms", "other", "does not know"),
        ("no copying allowed, mit", "other", "does not know"),
        ("All rights reserved", "other", "no copies"),
        ("http://arxiv.org/licenses/nonexclusive-distrib/1.0/", "other", "does not know"),
        ("arxiv-nonexclusive-distrib", "other", "no copies"),
        ("CC-BY-ND-4.0", "other", "no changes"),
        ("https://creativecommons.org/licenses/by-nc-nd/4.0/", "cc-by-nc-4.0", "no changes"),
        ("CC-BY-NC-4.0", "cc-by-4.0", "no commercial use, and cc-by-4.0 does"),
        ("MIT AND CC-BY-NC-4.0", "cc-by-4.0", "no commercial use"),
        ("(MIT OR Apache-2.0) AND CC-BY-NC-4.0", "cc-by-4.0", "no commercial use"),
        ("MIT, CC-BY-NC-4.0", "cc-by-4.0", "no commercial use"),
        ("CC-BY-SA-4.0", "cc-by-4.0", "asks for cc-by-sa"),
        ("CC-BY-NC-SA-4.0", "cc-by-nc-4.0", "asks for cc-by-nc-sa"),
        ("GPL-3.0-or-later", "cc-by-4.0", "asks for gpl"),
    ],
)
def test_what_may_not_be_passed_on_so_is_said(licence: str | None, dataset: str, said: str) -> None:
    """Unknown, forbidden, or under conditions that the dataset does not keep."""
    found = objection(licence, dataset)
    assert found is not None
    assert said in found
