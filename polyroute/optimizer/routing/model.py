"""What a class will take, before any engine has answered it: a ridge regression over its features, one per engine.

scikit-learn fits it in the background, from the classes seen so far; what is kept is two plain arrays, so that a
prediction is one product of a matrix and a vector (a microsecond, where `Ridge.predict` takes fifty).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FEWEST = 24
_MOST = 2_000
_GROWTH = 1.5


def in_background(work: Callable[[], None]) -> None:
    """Run work on a thread of its own."""
    threading.Thread(target=work, name="polyroute-model", daemon=True).start()


class FeatureModel:
    """Predicts log seconds per engine from features; silent until it has seen enough of every engine.

    `background` runs the training.

    >>> model = FeatureModel(2, background=lambda work: work())
    >>> for size in range(40):
    ...     model.remember(size, [float(size)])
    ...     model.learn(size, 0, 1.0)
    ...     model.learn(size, 1, 0.1 * size)
    >>> small, large = model.predict([1.0]), model.predict([39.0])
    >>> bool(small[0] > small[1]), bool(large[0] < large[1])
    (True, True)
    """

    def __init__(self, engines: int, *, background: Callable[[Callable[[], None]], None] = in_background) -> None:
        self._background = background
        self._features: dict[Hashable, tuple[float, ...]] = {}
        self._seen: list[deque[tuple[tuple[float, ...], float]]] = [deque(maxlen=_MOST) for _ in range(engines)]
        self._weights: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        self._train_at = _FEWEST
        self._training = threading.Lock()

    def remember(self, fingerprint: Hashable, features: Sequence[float]) -> None:
        """Keep the features of a class for when its engines answer."""
        if len(self._features) < _MOST:
            self._features[fingerprint] = tuple(map(float, features))

    def learn(self, fingerprint: Hashable, engine: int, log_s: float) -> None:
        """Learn from the first answer of an engine to a class; train anew when half as many again are known."""
        features = self._features.get(fingerprint)
        if features is None:
            return
        self._seen[engine].append((features, log_s))
        fewest = min(map(len, self._seen))
        if fewest >= self._train_at:
            self._train_at = int(fewest * _GROWTH) + 1
            self._background(self._train)

    def predict(self, features: Sequence[float]) -> NDArray[np.float64] | None:
        """Return the log seconds expected of each engine, or None while that is not known."""
        weights = self._weights
        if weights is None or weights[0].shape[1] != len(features):
            return None
        import numpy as np

        predicted: NDArray[np.float64] = weights[0] @ np.asarray(features, dtype=np.float64) + weights[1]
        return predicted

    def _train(self) -> None:
        import numpy as np
        from sklearn.linear_model import RidgeCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        with self._training:
            coefficients, intercepts = [], []
            for seen in self._seen:
                rows = list(seen)
                width = len(rows[0][0])
                kept = [(f, y) for f, y in rows if len(f) == width]
                fitted = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 3, 12)))
                fitted.fit(np.array([f for f, _ in kept]), np.array([y for _, y in kept]))
                scaler, ridge = fitted[0], fitted[1]
                slope = ridge.coef_ / scaler.scale_
                coefficients.append(slope)
                intercepts.append(float(ridge.intercept_ - slope @ scaler.mean_))
            if len({len(c) for c in coefficients}) == 1:
                self._weights = np.array(coefficients), np.array(intercepts)
