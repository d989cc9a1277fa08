"""The reference pages say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from openmimc import errors
from openmimc.errors import DomainError, OperatorError, Unavailable
from tests.unit.rest import test_groups, test_topics

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def rows_of(page: str) -> list[list[str]]:
    """All rows of all tables, cell by cell."""
    lines = (REFERENCE / page).read_text().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def test_every_refusal_is_listed_with_its_code() -> None:
    """No more and no fewer, but for those that operators alone meet."""
    refusals = {
        (error.code, error.__name__)
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, DomainError | Unavailable) and error is not DomainError
        if not issubclass(error, OperatorError)
    }

    listed = {
        (int(row[0]), row[1].strip("`"))
        for row in rows_of("codes.md")
        if re.fullmatch(r"\d{3}", row[0]) and len(row) == 6
    }

    assert listed == refusals


@pytest.mark.parametrize(
    ("page", "codes"),
    [("topics.md", test_topics.CODES), ("unlimited-groups.md", test_groups.CODES)],
)
def test_the_table_of_who_may_what_is_the_one_that_is_tested(
    page: str, codes: dict[str, dict[str, int]]
) -> None:
    header, _, *rows = [row for row in rows_of(page) if len(row) == len(codes) + 1]

    listed = {
        role: {row[0]: int(row[column]) for row in rows} for column, role in enumerate(header) if column > 0
    }

    assert listed == codes
