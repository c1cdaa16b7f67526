"""The console under `/console`: what a business and an operator do, in the browser (docs/console.md)."""
