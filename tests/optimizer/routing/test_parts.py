"""The parts of the policy: what neighbours predict, what a look is worth, what features teach."""

from __future__ import annotations

import math

import numpy as np

from polyroute.optimizer.routing.model import FeatureModel
from polyroute.optimizer.routing.neighbours import ROWS, Neighbours
from polyroute.optimizer.routing.posterior import Posterior
from polyroute.optimizer.routing.value import value_of_known, value_of_new


def learned(neighbours: Neighbours, *log_seconds: float | None) -> Posterior:
    posterior = Posterior(len(log_seconds))
    neighbours.admit(posterior)
    for engine, log_s in enumerate(log_seconds):
        if log_s is not None:
            posterior.learn(engine, log_s)
            neighbours.update(posterior, engine)
    posterior.choose_incumbent([0.0] * len(log_seconds))
    return posterior


def expected_ratio(neighbours: Neighbours, posterior: Posterior, engine: int) -> float:
    outlook = neighbours.outlook(posterior, engine, 0.0)
    return float((outlook.log_ratios * outlook.weights).sum() / outlook.weights.sum())


def test_classes_alike_predict_one_another() -> None:
    neighbours = Neighbours(2)
    for i in range(20):
        learned(neighbours, 0.01 * i, -1.0 + 0.01 * i)
        learned(neighbours, 5.0 + 0.01 * i, 7.0 + 0.01 * i)
    assert expected_ratio(neighbours, learned(neighbours, 0.1, None), 1) < -0.8
    assert expected_ratio(neighbours, learned(neighbours, 5.1, None), 1) > 1.5


def test_a_cut_rules_out_what_lies_below_it() -> None:
    neighbours = Neighbours(2)
    for i in range(20):
        learned(neighbours, 0.0, -1.0 if i % 2 else 1.0)
    posterior = learned(neighbours, 0.0, None)
    before = value_of_new(*neighbours.outlook(posterior, 1, 0.0), 10.0)
    posterior.bound(1, 0.0)
    after = value_of_new(*neighbours.outlook(posterior, 1, 0.0), 10.0)
    assert before.net > 0 > after.net


def test_the_oldest_class_gives_its_row_to_the_youngest() -> None:
    neighbours = Neighbours(2)
    first = learned(neighbours, 0.0, 1.0)
    for _ in range(ROWS):
        learned(neighbours, 0.0, 1.0)
    assert first.row == -1
    first.learn(0, 9.0)
    neighbours.update(first, 0)
    assert neighbours.typical_log_s() == 0.0


def test_levels_tell_the_usual_order_of_engines() -> None:
    neighbours = Neighbours(3)
    for i in range(20):
        learned(neighbours, float(i), i + 1.0, i - 1.0)
    levels = neighbours.levels()
    assert int(np.argmin(levels)) == 2
    assert int(np.argmax(levels)) == 1


def test_a_sure_difference_is_not_looked_at_again() -> None:
    assert value_of_known(0.5, 0.0, 0.0, 1000.0).net < 0
    assert value_of_known(0.5, 0.3, 0.3, 1000.0).net > 0
    assert value_of_known(0.5, 0.3, 0.3, 0.1).net < 0


def test_features_predict_a_class_that_was_never_seen() -> None:
    model = FeatureModel(2, background=lambda work: work())
    assert model.predict([1.0, 0.0]) is None
    for i in range(60):
        features = [float(i % 10), float(i % 3)]
        model.remember(i, features)
        model.learn(i, 0, 0.5 * features[0])
        model.learn(i, 1, 3.0 - 0.2 * features[1])
    predicted = model.predict([4.0, 1.0])
    assert predicted is not None
    assert math.isclose(predicted[0], 2.0, abs_tol=0.1)
    assert math.isclose(predicted[1], 2.8, abs_tol=0.1)
    assert model.predict([1.0]) is None
