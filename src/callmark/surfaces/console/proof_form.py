"""The form that asks the operator for a proof of numbers."""

from typing import ClassVar

from callmark.domain.numbers.proofs.model import LARGEST_LETTER_BYTES
from callmark.surfaces.console.pages import Page
from callmark.surfaces.console.request import Form


class ProofFormPage(Page, frozen=True):
    """Which numbers, and the letter."""

    template: ClassVar[str] = "numbers/proof_form.html"
    form: Form
    largest: int = LARGEST_LETTER_BYTES
