"""When `make soak` calls something flat."""

import math

import pytest
from bench.trend import Sample, peaks, trend

HOUR, EVERY = 3600, 10


def over_an_hour(value: float, growth: float, noise: float = 0.0) -> list[Sample]:
    """With noise that goes up and down by itself, in no step with the samples."""
    return [Sample(at, value + growth * at / HOUR + noise * math.sin(at * at)) for at in range(0, HOUR + EVERY, EVERY)]


def test_a_leak_is_found_in_what_comes_and_goes() -> None:
    found = trend(over_an_hour(100, growth=12, noise=10), least=3)
    assert not found.is_flat
    assert found.growth == pytest.approx(12, abs=2)


def test_noise_without_a_leak_is_flat() -> None:
    assert trend(over_an_hour(100, growth=0, noise=10), least=3).is_flat


def test_single_outliers_are_no_trend() -> None:
    samples = over_an_hour(100, growth=0)
    samples[-10:] = [Sample(one.at_s, 500) for one in samples[-10:]]
    assert trend(samples, least=3).is_flat


def test_caches_that_fill_at_the_beginning_are_no_leak() -> None:
    assert trend([Sample(at, 200 - 100 * math.exp(-at / 200)) for at in range(0, HOUR, EVERY)], least=3).is_flat


def test_small_values_may_grow_by_what_is_always_allowed() -> None:
    assert trend(over_an_hour(4, growth=1.5), least=2).is_flat
    assert not trend(over_an_hour(4, growth=2.5), least=2).is_flat


def test_what_becomes_less_is_flat() -> None:
    assert trend(over_an_hour(100, growth=-30), least=3).is_flat


def test_what_rises_and_falls_each_minute_is_judged_by_its_peaks() -> None:
    emptied_each_minute = [Sample(at, at % 60) for at in range(0, HOUR, 29)]
    assert trend(peaks(emptied_each_minute, 4), least=10).is_flat
    rising = [Sample(one.at_s, one.value + one.at_s / 100) for one in emptied_each_minute]
    assert not trend(peaks(rising, 4), least=10).is_flat
