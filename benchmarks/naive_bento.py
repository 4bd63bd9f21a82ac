"""How one would serve a booster with BentoML's tutorial in hand: a pydantic body, Booster.predict.

Kind to this way: the features of an item cost nothing here, for they are rows of a matrix in
memory; nothing is verified, logged, counted or bounded.
"""

import os

import bentoml
import lightgbm
import numpy as np
from pydantic import BaseModel

MODEL, FEATURES = "NAIVE_MODEL", "NAIVE_FEATURES"
"""Variables that name the booster's text and the matrix [items, features] with its item ids."""


class RankedItem(BaseModel):
    item_id: str
    score: float
    position: int


class RankingAnswer(BaseModel):
    items: list[RankedItem]


@bentoml.service(name="naive_ranking", workers=1, http={"host": "127.0.0.1"})  # pyright: ignore[reportArgumentType]
class NaiveRanking:
    def __init__(self) -> None:
        self.booster = lightgbm.Booster(model_file=os.environ[MODEL])
        with np.load(os.environ[FEATURES]) as held:
            self.features = held["features"]
            self.rows = {item: row for row, item in enumerate(held["items"].tolist())}

    @bentoml.api(route="/rank")
    def rank(self, user_id: str, candidates: list[str]) -> RankingAnswer:
        del user_id
        features = self.features[[self.rows[item] for item in candidates]]
        scores = np.asarray(self.booster.predict(features))
        order = np.argsort(-scores, kind="stable")
        return RankingAnswer(
            items=[
                RankedItem(
                    item_id=candidates[row], score=float(scores[row]), position=position
                )
                for position, row in enumerate(order, start=1)
            ]
        )
